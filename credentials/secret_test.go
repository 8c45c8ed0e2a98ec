package credentials

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/tcr-webhook/tcr-webhook/credentials/pullsecret"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

var twoHosts = []registry.Host{"demo-vpc.tencentcloudcr.com", "demo.tencentcloudcr.com"}

// sealKey is what the tests seal with.
var sealKey = []byte("0123456789abcdef0123456789abcdef")

// applied is what the API server holds after the logins were written.
func applied(t *testing.T, logins []Login) *corev1.Secret {
	t.Helper()
	c, err := compose(logins, Observed{}, nil, noon)
	require.NoError(t, err)
	ac, err := c.apply("team-a", "tcr-pull", Observed{}, sealKey)
	require.NoError(t, err)
	raw, err := json.Marshal(ac)
	require.NoError(t, err)
	var s corev1.Secret
	require.NoError(t, json.Unmarshal(raw, &s))
	s.UID, s.ResourceVersion = "uid-1", "7"
	return &s
}

func observe(t *testing.T, s *corev1.Secret) Observed {
	t.Helper()
	stripped, err := Summarize(s.DeepCopy())
	require.NoError(t, err)
	return Observe(stripped.(*corev1.Secret), sealKey)
}

func TestWhatIsWrittenIsObserved(t *testing.T) {
	t.Parallel()
	tok := tokenFrom(noon, time.Hour)
	s := applied(t, []Login{{Key: registry.Key{ID: "tcr-demo0001"}, Hosts: twoHosts, Token: tok}})

	want := Observed{
		Exists: true, Ours: true, Intact: true, Sealed: true, Hosts: twoHosts, UID: "uid-1", ResourceVersion: "7",
		Held: map[registry.ID]Held{"tcr-demo0001": {Expires: tok.ExpiresAt}},
	}
	if diff := cmp.Diff(want, observe(t, s)); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
	assert.Equal(t, "2026-11-23T13:00:00Z", s.Annotations["tcr-webhook.io/expires-at"])
	assert.Equal(t, corev1.SecretTypeDockerConfigJson, s.Type)
	assert.Equal(t, Observed{}, Observe(nil, sealKey))
}

func TestObserve(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                string
		change              func(*corev1.Secret)
		ours, intact, fixed bool
		sealed              bool
	}{
		{"untouched", func(*corev1.Secret) {}, true, true, false, true},
		{"other data", func(s *corev1.Secret) { s.Data[dataKey] = []byte(`{"auths":{"evil.io":{}}}`) }, true, false, false, false},
		{"no data", func(s *corev1.Secret) { s.Data = nil }, true, false, false, false},
		{"a label for backups gone", func(s *corev1.Secret) { delete(s.Labels, "velero.io/exclude-from-backup") }, true, false, false, true},
		{"to be pruned", func(s *corev1.Secret) { s.Annotations["argocd.argoproj.io/sync-options"] = "Prune=true" }, true, false, false, true},
		{"more labels and annotations", func(s *corev1.Secret) { s.Labels["team"], s.Annotations["note"] = "a", "b" }, true, true, false, true},
		{"another expiry", func(s *corev1.Secret) { s.Annotations[annotationExpires] = "2030-01-01T00:00:00Z" }, true, false, false, false},
		{"data and digest of somebody who has no key", func(s *corev1.Secret) {
			s.Data[dataKey] = []byte(`{"auths":{"evil.io":{}}}`)
			s.Annotations[annotationDigest] = seal(nil, pullsecret.Digest(s.Data[dataKey]), s.Annotations[annotationLogins], s.Annotations[annotationExpires])
		}, true, false, false, false},
		{"a line break in an annotation", func(s *corev1.Secret) { s.Annotations[annotationExpires] += "\nyes" }, true, false, false, false},
		{"a line break in a host", func(s *corev1.Secret) { s.Data[dataKey] = []byte(`{"auths":{"a\nb":{}}}`) }, true, false, false, false},
		{"annotations gone", func(s *corev1.Secret) { s.Annotations = nil }, true, false, false, false},
		{"label gone, but we applied it", func(s *corev1.Secret) {
			s.Labels = nil
			s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: FieldManager, Operation: metav1.ManagedFieldsOperationApply}}
		}, true, false, false, true},
		{"another's of that name", func(s *corev1.Secret) {
			s.Labels = nil
			s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: FieldManager, Operation: metav1.ManagedFieldsOperationUpdate}}
		}, false, false, false, true},
		{"made immutable", func(s *corev1.Secret) { s.Immutable = ptr.To(true) }, true, false, true, true},
		{"of another type", func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque }, true, false, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := applied(t, []Login{{Key: registry.Key{ID: "tcr-demo0001"}, Hosts: twoHosts, Token: tokenFrom(noon, time.Hour)}})
			tt.change(s)
			o := observe(t, s)
			assert.Equal(t, []bool{tt.ours, tt.intact, tt.fixed, tt.sealed}, []bool{o.Ours, o.Intact, o.Fixed, o.Sealed}, "ours, intact, fixed, sealed")
		})
	}
}

func TestSummarizeKeepsNoLogin(t *testing.T) {
	t.Parallel()
	const marker = "marker-9d41"
	tok := tokenFrom(noon, time.Hour)
	tok.Password = marker
	s := applied(t, []Login{{Key: registry.Key{ID: "tcr-demo0001"}, Hosts: twoHosts, Token: tok}})
	require.Contains(t, string(s.Data[dataKey]), marker, "the marker was never there")

	once, err := Summarize(s)
	require.NoError(t, err)
	twice, err := Summarize(once)
	require.NoError(t, err)
	raw, err := json.Marshal(twice)
	require.NoError(t, err)
	assert.NotContains(t, string(raw), marker)
	assert.True(t, Observe(twice.(*corev1.Secret), sealKey).Intact, "a second pass lost the digest")

	pod, err := Summarize(&corev1.Pod{})
	require.NoError(t, err)
	assert.IsType(t, &corev1.Pod{}, pod)
}

func TestComposeTakesOverWhatStillWorks(t *testing.T) {
	t.Parallel()
	a := Login{Key: registry.Key{ID: "tcr-demo0001"}, Hosts: []registry.Host{"a.example.com"}, Token: tokenFrom(noon, time.Hour)}
	b := Login{Key: registry.Key{ID: "tcr-open0002"}, Hosts: []registry.Host{"b.example.com", "b2.example.com"}}
	o := Observed{Sealed: true, Held: map[registry.ID]Held{b.ID: {Expires: noon.Add(time.Minute)}}}
	held := map[registry.Host]pullsecret.Login{"b.example.com": {Hosts: b.Hosts[:1], Username: "old", Password: "still"}}
	require.True(t, takesOver([]Login{a, b}, o, noon))

	c, err := compose([]Login{a, b}, o, held, noon)
	require.NoError(t, err)
	logins, err := pullsecret.Decode(c.data)
	require.NoError(t, err)
	assert.Equal(t, []registry.Host{"a.example.com", "b.example.com", "b2.example.com"}, slices.Sorted(maps.Keys(logins)))
	assert.Equal(t, "old", logins["b.example.com"].Username)
	assert.Equal(t, noon.Add(time.Minute), firstExpiry(c.held))

	later := noon.Add(time.Hour)
	assert.False(t, takesOver([]Login{a, b}, o, later))
	c, err = compose([]Login{a, b}, o, held, later)
	require.NoError(t, err)
	assert.False(t, strings.Contains(string(c.data), "b.example.com"), "an expired login was taken over")

	_, err = compose([]Login{{Key: registry.Key{ID: "tcr-none0003"}, Token: token.Token{}}}, Observed{}, nil, noon)
	require.ErrorIs(t, err, pullsecret.ErrNoLogin)
}

func TestAnObserverSeesWhatObserveSees(t *testing.T) {
	t.Parallel()
	var o observer
	for i := range 3 * readings {
		s := applied(t, []Login{{Key: registry.Key{ID: "tcr-demo0001"}, Hosts: twoHosts, Token: tokenFrom(noon.Add(time.Duration(i%100)*time.Minute), time.Hour)}})
		s.UID = types.UID(fmt.Sprint(i))
		if i%7 == 0 {
			s.Immutable = ptr.To(true)
		}
		if i%5 == 0 {
			s.Annotations[annotationExpires] = "never"
		}
		stripped, err := Summarize(s)
		require.NoError(t, err)
		want := Observe(stripped.(*corev1.Secret), sealKey)
		if diff := cmp.Diff(want, o.observe(stripped.(*corev1.Secret), sealKey)); diff != "" {
			t.Errorf("observed (-want +got):\n%s", diff)
		}
		assert.LessOrEqual(t, len(o.seen), readings)
	}
	assert.Equal(t, Observed{Exists: true}, o.observe(&corev1.Secret{}, sealKey))

	stripped, err := Summarize(applied(t, []Login{{Key: registry.Key{ID: "tcr-demo0001"}, Hosts: twoHosts, Token: tokenFrom(noon, time.Hour)}}))
	require.NoError(t, err)
	require.True(t, o.observe(stripped.(*corev1.Secret), sealKey).Intact)
	assert.False(t, o.observe(stripped.(*corev1.Secret), []byte("another")).Intact, "what another key said is remembered")
}
