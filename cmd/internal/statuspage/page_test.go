package statuspage

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
)

var update = flag.Bool("update", false, "write the golden pages anew")

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) metav1.Time { return metav1.NewTime(noon.Add(d)) }

// well is a view of an installation where all is well.
func well() *View {
	d := &status.Document{
		APIVersion: status.APIVersion, Kind: status.Kind, Version: "v1.2.3", Replica: "tcr-webhook-7d9f-abcde",
		Config:  status.Config{Digest: "0a1b2c3d4e5f"},
		Secrets: map[string]int{"current": 180, "foreign": 2, "expired": 0},
		Instances: []status.Instance{
			{
				ID: "tcr-m3ut3qxx", Identity: "SecretKey", Route: "PrivateName", RouteMessage: "the link of vpc-abc123 works", Hosts: []string{"demo.tencentcloudcr.com", "demo-vpc.tencentcloudcr.com"},
				Token: &status.Token{IssuedAt: at(-20 * time.Minute), ExpiresAt: at(40 * time.Minute)}, Namespaces: 180, Secrets: map[string]int{"current": 180},
			},
			{ID: "personal", Identity: "Secret ccr-login", Route: "PublicName", Hosts: []string{"ccr.ccs.tencentyun.com"}, Token: &status.Token{}, Namespaces: 1},
		},
		Certificates: []status.Certificate{
			{Kind: "serving", NotBefore: at(-24 * time.Hour), NotAfter: at(29 * 24 * time.Hour)},
			{Kind: "ca", NotBefore: at(-30 * 24 * time.Hour), NotAfter: at(335 * 24 * time.Hour)},
		},
	}
	for _, kind := range status.ConditionTypes() {
		d.Conditions = append(d.Conditions, metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: "Fine", Message: "it is fine", LastTransitionTime: at(-26 * time.Hour)})
	}
	d.Conditions[0].Message = "pods with images of every instance are served"
	return &View{
		Now: noon, Self: Replica{Name: "tcr-webhook-7d9f-fghij", Version: "v1.2.3"}, Document: d, Changed: noon.Add(-3 * time.Minute),
		Leader: "tcr-webhook-7d9f-abcde", Renewed: noon.Add(-2 * time.Second),
	}
}

// badly is one where everything is wrong.
func badly() *View {
	v := well()
	v.Self.NotReady, v.Leader, v.Renewed = "caches are not filled yet", "", time.Time{}
	v.Problem = "The API server does not answer: what was read at 11:58:00 UTC is shown."
	d := v.Document
	for i := range d.Conditions {
		c := &d.Conditions[i]
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, "TokenExpired", "the token of tcr-m3ut3qxx has expired; its private images cannot be pulled"
	}
	d.Conditions[8].Status = metav1.ConditionUnknown
	d.Config.Error = "config.yaml:5:3: unknown key \"regoin\""
	d.Secrets = map[string]int{"current": 1, "expired": 177, "missing": 3, "another": 1}
	d.Instances[0].Token.ExpiresAt = at(-5 * time.Minute)
	d.Instances[0].LastError = &status.Problem{
		Reason: status.ProblemDenied, Message: "CreateInstanceToken for tcr-m3ut3qxx: access denied",
		MissingRight: "tcr:CreateInstanceToken on qcs::tcr:::instance/tcr-m3ut3qxx", Since: at(-70 * time.Minute),
	}
	d.Instances[1].Token, d.Instances[1].Hosts, d.Instances[1].Route, d.Instances[1].RouteReason = nil, nil, "", status.NotObserved
	d.Certificates[0].NotAfter = at(time.Hour)
	d.Registrations = []string{"ValidatingWebhookConfiguration zz-tcr-webhook is missing"}
	d.Addon = []string{"demo.tencentcloudcr.com"}
	return v
}

func written(t *testing.T, v *View) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Write(&b, v))
	return b.String()
}

func TestGoldenPages(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]*View{"well": well(), "badly": badly(), "nothing": {Now: noon, Self: Replica{Name: "a", Version: "b"}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A line for each element, so that a difference can be read; the
			// style has a file of its own.
			got := strings.ReplaceAll(strings.Replace(written(t, v), style, "…", 1), "><", ">\n<")
			file := filepath.Join("testdata", name+".golden.html")
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
		})
	}
}

// A document that nobody keeps says how matters stood.
func TestAllIsWellIsSomebodysWord(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*View)
		want   string
	}{
		{"the leader was there just now", func(*View) {}, "All is well"},
		{"nobody leads", func(v *View) { v.Leader = "" }, "Not known any more"},
		{"the leader was there a minute ago", func(v *View) { v.Renewed = noon.Add(-time.Minute) }, "Not known any more"},
		{"nobody leads, and something was wrong", func(v *View) { v.Leader, v.Document.Conditions[0].Status = "", metav1.ConditionFalse }, "Something is wrong"},
		{"not looked at", func(v *View) { v.Document.Conditions[0].Status = metav1.ConditionUnknown }, "Not known yet"},
		{"another version's", func(v *View) { v.Document.Conditions = nil }, "Not known yet"},
		{"no document", func(v *View) { v.Document = nil }, "Not known yet"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := well()
			tt.change(v)
			word, _, _ := verdict(v)
			assert.Equal(t, tt.want, word)
			assert.Contains(t, written(t, v), "<title>"+tt.want)
		})
	}
}

// fill puts a text into every string of a value.
func fill(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			fill(v.Elem(), s)
		}
	case reflect.Slice:
		for i := range v.Len() {
			fill(v.Index(i), s)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), s)
		}
	case reflect.Map:
		if v.Len() > 0 {
			v.SetMapIndex(reflect.ValueOf(s), reflect.ValueOf(1))
		}
	}
}

// Errors of APIs and names that people choose are in the document.
func TestNothingInADocumentIsMarkup(t *testing.T) {
	t.Parallel()
	for _, marker := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</style></title><b>`, `' onload='x`, "\x00<i>"} {
		v := badly()
		fill(reflect.ValueOf(v), marker)
		page := written(t, v)
		doc, err := html.Parse(strings.NewReader(page))
		require.NoError(t, err)
		elements := map[string]bool{}
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			elements[n.Data] = true
			for _, a := range n.Attr {
				assert.False(t, strings.HasPrefix(a.Key, "on"), "%s has %s", n.Data, a.Key)
				assert.NotEqual(t, "style", a.Key)
			}
		}
		for _, bad := range []string{"script", "img", "b", "i", "iframe", "link", "form"} {
			assert.False(t, elements[bad], "%s comes from %q", bad, marker)
		}
		assert.NotContains(t, page, marker)
	}
}

func TestSpans(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		from, to time.Duration
		left     float64
		state    string
	}{
		{"just begun", 0, time.Hour, 1, "holds"},
		{"half of it", -time.Hour, time.Hour, 0.5, "holds"},
		{"a tenth left", -54 * time.Minute, 6 * time.Minute, 0.1, "ends-soon"},
		{"over", -2 * time.Hour, -time.Hour, 0, "expired"},
		{"over this moment", -time.Hour, 0, 0, "expired"},
		{"not begun", time.Hour, 2 * time.Hour, 1, "holds"},
		{"of no length", time.Hour, time.Hour, 0, "ends-soon"},
		{"backwards", 2 * time.Hour, time.Hour, 0, "ends-soon"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := tokenSpan(noon.Add(tt.from), noon.Add(tt.to))
			assert.InDelta(t, tt.left, s.left(noon), 1e-9)
			assert.Equal(t, tt.state, s.state(noon))
		})
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"in 0 s, 12:00:00 UTC": 0, "in 59 s, 12:00:59 UTC": 59 * time.Second, "in 1 min, 12:01:59 UTC": 119 * time.Second,
		"2 h 5 min ago, 09:55:00 UTC": -125 * time.Minute, "in 2 d 1 h, 2026-11-25 13:00 UTC": 49 * time.Hour,
		"30 days ago, 2026-10-24 12:00 UTC": -30 * 24 * time.Hour,
	} {
		assert.Equal(t, want, when(noon.Add(d), noon))
	}
}

func TestHandler(t *testing.T) {
	t.Parallel()
	h := Handler(func(context.Context) *View { return well() })
	answer := func(method string) *httptest.ResponseRecorder {
		r := httptest.NewRecorder()
		h.ServeHTTP(r, httptest.NewRequestWithContext(t.Context(), method, "/status", nil))
		return r
	}
	got := answer(http.MethodGet)
	assert.Equal(t, http.StatusOK, got.Code)
	assert.Equal(t, "text/html; charset=utf-8", got.Header().Get("Content-Type"))
	assert.Contains(t, got.Header().Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-")
	assert.NotContains(t, got.Header().Get("Content-Security-Policy"), "unsafe")
	assert.Equal(t, "no-store", got.Header().Get("Cache-Control"))
	assert.Contains(t, got.Body.String(), "All is well")
	assert.Less(t, got.Body.Len(), 64<<10)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		assert.Equal(t, http.StatusMethodNotAllowed, answer(method).Code, method)
	}
}

func TestTheDoorLeadsToThePage(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int{"/": http.StatusFound, "/x": http.StatusNotFound, "/metrics/x": http.StatusNotFound} {
		r := httptest.NewRecorder()
		Door("/status").ServeHTTP(r, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		assert.Equal(t, want, r.Code, path)
		if want == http.StatusFound {
			assert.Equal(t, "/status", r.Header().Get("Location"))
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestAWriterThatIsGoneIsTold(t *testing.T) {
	t.Parallel()
	assert.Error(t, Write(broken{}, well()))
}

func BenchmarkWrite(b *testing.B) {
	v := well()
	b.ReportAllocs()
	for b.Loop() {
		var page bytes.Buffer
		if err := Write(&page, v); err != nil {
			b.Fatal(err)
		}
	}
}
