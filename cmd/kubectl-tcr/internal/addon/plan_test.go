package addon

import (
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

func directory(t *testing.T, globs ...string) *registry.Directory {
	t.Helper()
	namespaces, err := registry.SelectNamespaces(globs, nil)
	require.NoError(t, err)
	d, conflicts := registry.NewDirectory([]registry.Entry{{
		ID: "tcr-m3ut3qxx", Namespaces: namespaces,
		Hosts: registry.Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com"},
	}})
	require.Empty(t, conflicts)
	return d
}

// installed is a cluster where the add-on runs and we do not.
func installed() *Found {
	return &Found{
		Running: true, Nodes: 9, Own: "tcr-webhook",
		Logins: []Login{
			{Name: "tcr-m3ut3qxx-public", Server: "demo.tencentcloudcr.com", Username: "100000000001"},
			{Name: "tcr-m3ut3qxx-vpc", Server: "demo-vpc.tencentcloudcr.com", Username: "100000000001"},
		},
		Secrets: []Object{
			{Namespace: "shop", Name: "tcr.ipstcr-m3ut3qxx-public"}, {Namespace: "shop", Name: "tcr.ipstcr-m3ut3qxx-vpc"},
			{Namespace: "tcr-webhook", Name: "tcr.ipstcr-m3ut3qxx-vpc"},
		},
		Accounts:   []Reference{{Kind: "ServiceAccount", Object: Object{Namespace: "shop", Name: "default"}, Secrets: []string{"tcr.ipstcr-m3ut3qxx-vpc"}}},
		Namespaces: []registry.Namespace{{Name: "shop"}, {Name: "empty"}, {Name: "tcr-webhook"}},
		Delivered:  map[string]bool{},
	}
}

func states(steps []Step) (all []State) {
	for _, s := range steps {
		all = append(all, s.State)
	}
	return all
}

func TestPlan(t *testing.T) {
	t.Parallel()
	all, without := directory(t, "*"), directory(t, "*", "!shop")
	for name, c := range map[string]struct {
		edit func(*Found)
		// configure, deliver, change, renew, uninstall, forget, remove, disable
		want []State
	}{
		"nothing of ours is there yet": {
			func(*Found) {},
			[]State{Manual, Waiting, Done, Done, Waiting, Waiting, Waiting, Manual},
		},
		"configured, and a namespace is to get its login": {
			func(f *Found) { f.Registries = all },
			[]State{Done, Ready, Done, Done, Waiting, Waiting, Waiting, Manual},
		},
		"delivered, so that the add-on may go": {
			func(f *Found) { f.Registries, f.Delivered["shop"] = all, true },
			[]State{Done, Done, Done, Done, Manual, Waiting, Waiting, Manual},
		},
		"a manifest names its Secret, so that it may not": {
			func(f *Found) {
				f.Registries, f.Delivered["shop"] = all, true
				f.Workloads = []Reference{{Kind: "Deployment", Object: Object{Namespace: "shop", Name: "web"}}}
			},
			[]State{Done, Done, Manual, Done, Waiting, Waiting, Waiting, Manual},
		},
		"a pod is older than we are, so that it may not": {
			func(f *Found) {
				f.Registries, f.Delivered["shop"] = all, true
				f.Older = []Reference{{Kind: "Deployment", Object: Object{Namespace: "shop", Name: "web"}}}
			},
			[]State{Done, Done, Done, Manual, Waiting, Waiting, Waiting, Manual},
		},
		"it is gone, and ServiceAccounts still name its Secrets": {
			func(f *Found) {
				f.Registries, f.Delivered["shop"] = all, true
				f.Running, f.Nodes, f.Logins = false, 0, nil
			},
			[]State{Done, Done, Done, Done, Done, Ready, Waiting, Manual},
		},
		"Secrets are all that is left": {
			func(f *Found) {
				f.Registries, f.Delivered["shop"] = all, true
				f.Running, f.Nodes, f.Logins, f.Accounts = false, 0, nil, nil
			},
			[]State{Done, Done, Done, Done, Done, Done, Ready, Manual},
		},
		"a namespace that the configuration leaves out holds nothing up": {
			func(f *Found) { f.Registries = without },
			[]State{Done, Done, Done, Done, Manual, Waiting, Waiting, Manual},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := installed()
			c.edit(f)
			steps := Plan(f)
			assert.Empty(t, cmp.Diff(c.want, states(steps)))
			for _, s := range steps {
				assert.True(t, s.State == Ready || s.Action.Deliver == nil && s.Action.Forget == nil && s.Action.Delete == nil,
					"%q has something to be done, and is %s", s.Do, s.State)
			}
		})
	}
}

func TestAClusterWithoutTheAddonHasNoPlan(t *testing.T) {
	t.Parallel()
	assert.Empty(t, Plan(&Found{Registries: directory(t, "*"), Namespaces: []registry.Namespace{{Name: "shop"}}}))
}

func TestWhatToDoIsNamed(t *testing.T) {
	t.Parallel()
	f := installed()
	f.Logins = append(f.Logins, Login{Name: "mine", Server: "other.tencentcloudcr.com"})
	steps := Plan(f)
	assert.Equal(t, []string{
		"other.tencentcloudcr.com: find its instance id in the TCR console (of ImagePullSecret mine)",
		`registries: [{instance: tcr-m3ut3qxx, namespaces: ["*"]}]`,
	}, steps[0].About)
	f.Registries = directory(t, "*")
	f.Logins = f.Logins[:2]
	assert.Equal(t, map[string]string{"shop": "tcr-m3ut3qxx"}, Plan(f)[1].Action.Deliver, "nothing is delivered to our own namespace")
}

func TestEndsReadsWhenATokenEnds(t *testing.T) {
	t.Parallel()
	payload := func(text string) string {
		return "x." + base64.RawURLEncoding.EncodeToString([]byte(text)) + ".y"
	}
	for token, want := range map[string]time.Time{
		payload(`{"exp":2079000000}`): time.Unix(2079000000, 0).UTC(),
		payload(`{"exp":"soon"}`):     {},
		payload(`{}`):                 {},
		payload(`{"exp":-1}`):         {},
		"x.!!.y":                      {},
		"a password":                  {},
		"":                            {},
	} {
		assert.Equal(t, want, Ends(token))
	}
}

func FuzzEnds(f *testing.F) {
	for _, seed := range []string{"", "a.b.c", "x.eyJleHAiOjF9.y", "..", "x.e30=.y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if ends := Ends(token); !ends.IsZero() {
			assert.NotContains(t, fmt.Sprint(ends), "(", "a time that can be printed")
		}
	})
}
