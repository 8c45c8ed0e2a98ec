package credentials

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

func TestStateOf(t *testing.T) {
	t.Parallel()
	hosts := []registry.Host{"a.example.com"}
	a := Login{Key: registry.Key{ID: "tcr-a"}, Hosts: hosts, Token: tokenFrom(noon, time.Hour)}
	b := Login{Key: registry.Key{ID: "tcr-b"}, Hosts: []registry.Host{"b.example.com"}}
	old := a
	old.Token = token.Token{}
	of := func(expires ...time.Time) Observed {
		o := Observed{Exists: true, Ours: true, Intact: true, Held: map[registry.ID]Held{}}
		for i, at := range expires {
			l := []Login{a, b}[i]
			o.Held[l.ID] = Held{Expires: at}
			o.Hosts = append(o.Hosts, l.Hosts...)
		}
		return o
	}
	end := noon.Add(time.Hour)
	change := func(edit func(*Observed)) Observed {
		o := of(end)
		edit(&o)
		return o
	}
	tests := []struct {
		name   string
		o      Observed
		want   []Login
		asked  bool
		now    time.Time
		secret State
		logins []State
	}{
		{"nobody asked", Observed{}, []Login{a}, false, noon, "", []State{""}},
		{"asked and not there", Observed{}, []Login{a, b}, true, noon, StateMissing, []State{StateMissing, StateMissing}},
		{"there", of(end), []Login{a}, false, noon, StateCurrent, []State{StateCurrent}},
		{"about to expire", of(end), []Login{a}, false, end.Add(-4 * time.Minute), StateExpiring, []State{StateExpiring}},
		{"about to expire, and no token", of(end), []Login{old}, false, end.Add(-4 * time.Minute), StateExpiring, []State{StateExpiring}},
		{"expired", of(end), []Login{old}, false, end, StateExpired, []State{StateExpired}},
		{"one of two expired", of(end, noon), []Login{a, b}, false, noon, StateExpired, []State{StateCurrent, StateExpired}},
		{"one of two not there", of(end), []Login{a, b}, false, noon, StateMissing, []State{StateCurrent, StateMissing}},
		{"one too many", of(end, end), []Login{a}, false, noon, StateOutdated, []State{StateCurrent}},
		{"another identity's", change(func(o *Observed) { o.Held["tcr-a"] = Held{Account: "x", Expires: end} }), []Login{a}, false, noon, StateOutdated, []State{StateOutdated}},
		{"other hosts", change(func(o *Observed) { o.Hosts = nil }), []Login{a}, false, noon, StateOutdated, []State{StateCurrent}},
		{"changed by somebody", change(func(o *Observed) { o.Intact = false }), []Login{a}, false, noon, StateDrifted, []State{StateDrifted}},
		{"immutable", change(func(o *Observed) { o.Fixed = true }), []Login{a}, false, noon, StateDrifted, []State{StateDrifted}},
		{"somebody else's", Observed{Exists: true}, []Login{a}, true, noon, StateForeign, []State{StateForeign}},
		{"somebody else's, where nothing is wanted", Observed{Exists: true}, nil, false, noon, "", nil},
		{"left over", of(end), nil, false, noon, StateLeftover, nil},
		{"a login that never expires", of(time.Time{}), []Login{{Key: a.Key, Hosts: hosts, Token: token.Token{Username: "u"}}}, false, end, StateCurrent, []State{StateCurrent}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			secret, logins := stateOf(tt.o, tt.want, tt.asked, tt.now)
			assert.Equal(t, tt.secret, secret)
			assert.Empty(t, cmp.Diff(tt.logins, logins, cmpopts.EquateEmpty()))
			if secret != "" {
				assert.Contains(t, States(), secret)
			}
		})
	}
}

func TestCensus(t *testing.T) {
	t.Parallel()
	foreign := &corev1.Secret{}
	foreign.Namespace, foreign.Name = "foreign", "tcr-pull"
	r := newRig(t, asking("shop", string(demoID)), namespaceNamed("quiet"), namespaceNamed("foreign"), namespaceNamed("tcr-webhook"), foreign)
	r.Client = summarizing(t, r.Client)
	census := func() *Census {
		t.Helper()
		c, err := r.Census(t.Context())
		require.NoError(t, err)
		return c
	}
	key := registry.Key{ID: demoID}
	want := &Census{
		Secrets: map[State]int{StateMissing: 1, StateForeign: 1},
		Logins:  map[registry.Key]LoginCensus{key: {Namespaces: 3, States: map[State]int{StateMissing: 1, StateForeign: 1}}},
	}
	assert.Empty(t, cmp.Diff(want, census()))

	r.vault.put(demoID, tokenFrom(time.Now(), time.Hour))
	<-r.converge(t.Context(), "shop")
	assert.Equal(t, map[State]int{StateCurrent: 1, StateForeign: 1}, census().Secrets)

	r.Directory = func() *registry.Directory { return nil }
	assert.Nil(t, census(), "the registries are not known yet")
}

// summarizing lists Secrets as the manager's cache does.
func summarizing(t *testing.T, c client.Client) client.Client {
	t.Helper()
	watching, ok := c.(client.WithWatch)
	require.True(t, ok)
	return interceptor.NewClient(watching, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			err := c.List(ctx, list, opts...)
			if secrets, ok := list.(*corev1.SecretList); ok {
				for i := range secrets.Items {
					summary, _ := Summarize(&secrets.Items[i])
					secrets.Items[i] = *summary.(*corev1.Secret)
				}
			}
			return err
		},
	})
}

// BenchmarkCensus is what each of 10,000 namespaces costs.
func BenchmarkCensus(b *testing.B) {
	want := []Login{{Key: registry.Key{ID: demoID}, Hosts: twoHosts, Token: tokenFrom(noon, time.Hour)}}
	content, err := compose(want, Observed{}, nil, noon)
	require.NoError(b, err)
	ac, err := content.apply("team-a", "tcr-pull", Observed{}, sealKey)
	require.NoError(b, err)
	s := &corev1.Secret{Type: *ac.Type, Data: ac.Data}
	s.Labels, s.Annotations = ac.Labels, ac.Annotations
	stripped, err := Summarize(s)
	require.NoError(b, err)
	c := &Census{Secrets: map[State]int{}, Logins: map[registry.Key]LoginCensus{}}
	b.ReportAllocs()
	for b.Loop() {
		secret, logins := stateOf(Observe(stripped.(*corev1.Secret), sealKey), want, false, noon)
		c.add(secret, want, logins)
	}
	assert.Contains(b, c.Secrets, StateCurrent)
}
