package credentials

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/tcr-webhook/tcr-webhook/credentials/delivery"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// checkNews holds news to what an Event may say.
func checkNews(t *testing.T, want string, n News, is bool) {
	t.Helper()
	if !is {
		assert.Empty(t, want)
		return
	}
	assert.Equal(t, want, n.Reason)
	assert.NotEmpty(t, n.Text)
	assert.Less(t, len(n.Text), 200, n.Text)
}

func TestWhatIsWrittenIsNews(t *testing.T) {
	t.Parallel()
	taken := apierrors.NewApplyConflict(nil, "another's")
	gone := apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, "tcr-pull")
	tests := []struct {
		action Action
		err    error
		want   string
	}{
		{Create, nil, ""}, // told when it is seen
		{Create, taken, PullSecretConflict},
		{Create, gone, ""},
		{Renew, nil, ""},
		{Update, nil, ""},
		{Repair, nil, PullSecretRepaired},
		{Repair, taken, ""},
		{Replace, nil, PullSecretRepaired},
		{Remove, nil, PullSecretRemoved},
		{Remove, gone, ""},
	}
	for _, tt := range tests {
		n, is := written(tt.action, "tcr-pull", tt.err)
		checkNews(t, tt.want, n, is)
		assert.Equal(t, tt.want == PullSecretConflict, is && n.Warning)
	}
	n, is := seen(view{plan: Plan{Action: LeaveForeign}}, "tcr-pull")
	checkNews(t, PullSecretConflict, n, is)
	_, is = seen(nothing(), "tcr-pull")
	assert.False(t, is)
}

func TestWhatAppearsIsNews(t *testing.T) {
	t.Parallel()
	o := Observed{Exists: true, Ours: true, Held: map[registry.ID]Held{"tcr-b": {}, "tcr-a": {}}}
	n, is := appeared(o, "tcr-pull", false)
	require.True(t, is)
	assert.Equal(t, News{Reason: PullSecretCreated, Text: "Secret tcr-pull holds the logins of tcr-a, tcr-b and is kept fresh"}, n)
	n, is = appeared(o, "tcr-pull", true)
	checkNews(t, PullSecretRepaired, n, is)
	_, is = appeared(Observed{Exists: true}, "tcr-pull", false)
	assert.False(t, is, "another's")
}

func TestAWrongAnnotationIsNews(t *testing.T) {
	t.Parallel()
	everyone, err := registry.SelectNamespaces([]string{"shop"}, nil)
	require.NoError(t, err)
	d, _ := registry.NewDirectory([]registry.Entry{{ID: demoID, Namespaces: everyone}})
	ns := func(name, deliver string) delivery.Namespace {
		return delivery.Namespace{Namespace: registry.Namespace{Name: name}, Deliver: deliver}
	}
	for want, right := range map[string]delivery.Namespace{
		"nothing": ns("shop", ""), "what it may": ns("shop", string(demoID)),
	} {
		_, is := refused(d, right)
		assert.False(t, is, want)
	}
	n, is := refused(d, ns("shop", "tcr-other001"))
	require.True(t, is)
	assert.Equal(t, News{
		Reason: DeliverInvalid, Warning: true,
		Text: `annotation tcr-webhook.io/deliver names "tcr-other001", which is not configured for this namespace: name tcr-demo0001 or nothing`,
	}, n)
	n, is = refused(d, ns("bare", strings.Repeat("例", 1000)))
	checkNews(t, DeliverInvalid, n, is)
	assert.Contains(t, n.Text, "remove it")
}

func TestTokenNews(t *testing.T) {
	t.Parallel()
	const marker = "marker-51d0"
	err := errors.Join(token.ErrDenied, errors.New(marker))
	tok := tokenFrom(noon, time.Hour)
	tests := []struct {
		name string
		last token.Token
		err  error
		at   time.Duration // after noon
		want string
	}{
		{"the first is being asked for", token.Token{}, nil, 0, ""},
		{"the first is denied", token.Token{}, err, 0, TokenRenewalFailed},
		{"a fresh one", tok, nil, 20 * time.Minute, ""},
		{"one that is due", tok, nil, 36 * time.Minute, ""},
		{"one that should have been renewed, by whoever leads", tok, nil, 46 * time.Minute, TokenRenewalFailed},
		{"a renewal that fails", tok, err, 31 * time.Minute, TokenRenewalFailed},
		{"a renewal that fails for now", tok, errors.New(marker), 31 * time.Minute, ""},
		{"a renewal that fails for long", tok, errors.New(marker), 46 * time.Minute, TokenRenewalFailed},
		{"an expired one", tok, err, time.Hour, TokenExpired},
		{"an expired one of another replica", tok, nil, time.Hour, TokenExpired},
		{"a fixed login", token.Token{Username: "u"}, err, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n, is := TokenNews(demoID, tt.last, tt.err, noon.Add(tt.at))
			checkNews(t, tt.want, n, is)
			if is {
				assert.True(t, n.Warning)
				assert.NotContains(t, n.Text, marker)
				assert.NotContains(t, n.Text, tok.Password.Reveal())
				again, _ := TokenNews(demoID, tt.last, tt.err, noon.Add(tt.at))
				assert.Empty(t, cmp.Diff(n, again), "the same news has the same text")
			}
		})
	}
}

// ear is an Events that remembers.
type ear struct {
	mu    sync.Mutex
	heard []string
}

func (e *ear) About(namespace string, n News) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, namespace+" "+n.Reason)
}

// since returns what was heard since the last call.
func (e *ear) since() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	heard := e.heard
	e.heard = nil
	return heard
}

func TestTheKeeperTellsOfNamespaces(t *testing.T) {
	t.Parallel()
	foreign := &corev1.Secret{}
	foreign.Namespace, foreign.Name = "foreign", "tcr-pull"
	r := newRig(t, asking("shop", string(demoID)), asking("wrong", "tcr-other001"), asking("foreign", string(demoID)), foreign)
	r.vault.put(demoID, tokenFrom(time.Now(), time.Hour))
	var e ear
	r.Events = &e

	r.lead(t, "wrong")
	assert.Equal(t, []string{"wrong DeliverInvalid"}, e.since())
	r.lead(t, "foreign")
	assert.Equal(t, []string{"foreign PullSecretConflict"}, e.since())
	r.lead(t, "shop")
	assert.Empty(t, e.since(), "the write is told by who sees it")
	secret := r.secret(t, "shop")
	summary, err := Summarize(secret.DeepCopy())
	require.NoError(t, err)
	r.tellOfNew(summary.(*corev1.Secret))
	assert.Equal(t, []string{"shop PullSecretCreated"}, e.since())
	r.lead(t, "shop")
	assert.Empty(t, e.since(), "nothing happened")

	secret.Data[dataKey] = []byte("{}")
	require.NoError(t, r.client.Update(t.Context(), secret))
	r.lead(t, "shop")
	assert.Equal(t, []string{"shop PullSecretRepaired"}, e.since())

	r.Directory = func() *registry.Directory { d, _ := registry.NewDirectory(nil); return d }
	r.unwanted.since("shop", true, time.Now().Add(-2*removalGrace))
	r.lead(t, "shop")
	require.Nil(t, r.secret(t, "shop"))
	assert.Equal(t, []string{"shop DeliverInvalid", "shop DeliverInvalid", "shop PullSecretRemoved"}, e.since(), "looked at twice; the sink bounds it")
}
