// Package test holds what is tested of the project as a whole.
package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	module = "github.com/tcr-webhook/tcr-webhook"
	sdk    = "github.com/tencentcloud/tencentcloud-sdk-go"
)

// rule says what some of our packages may import. Patterns and paths are as in
// `go list`, without the module: "webhook/..." is webhook and all below it,
// "..." is all there is.
type rule struct {
	packages []string
	except   []string
	// forbidden are paths that the packages must not reach, by any way.
	forbidden []string
	// unimported are paths that the packages must not import themselves.
	unimported []string
	// allowed, if given, are the only ones, besides the standard library and
	// our own packages, that the packages or any of ours they reach import.
	allowed []string
}

// rules by the sentence they stand for.
var rules = map[string]rule{
	"admission reaches neither the SDK nor a live client": {
		packages: []string{"webhook/..."},
		forbidden: []string{
			sdk,
			module + "/credentials/tcr",
			"k8s.io/client-go",
			"sigs.k8s.io/controller-runtime/pkg/client",
			"sigs.k8s.io/controller-runtime/pkg/cache",
			"sigs.k8s.io/controller-runtime/pkg/manager",
		},
	},
	"what only decides reaches references and Kubernetes types": {
		packages: []string{"credentials/registry", "credentials/route", "credentials/delivery", "credentials/pullsecret", "credentials/mark", "webhook/policy/..."},
		allowed: []string{
			"github.com/distribution/reference",
			"k8s.io/api",
			"k8s.io/apimachinery",
		},
	},
	"the view of a pod reaches references, Kubernetes types and a JSON decoder": {
		packages: []string{"webhook/podview"},
		allowed: []string{
			"github.com/distribution/reference",
			"github.com/go-json-experiment/json",
			"k8s.io/api",
			"k8s.io/apimachinery",
		},
	},
	"the SDK is reached by way of credentials/tcr alone": {
		packages:  []string{"..."},
		except:    []string{"credentials/tcr/...", "cmd/...", "test/..."},
		forbidden: []string{sdk},
	},
	"the commands leave the SDK to credentials/tcr": {
		packages:   []string{"cmd/..."},
		unimported: []string{sdk},
	},
	"the node agent is small, and reaches neither Kubernetes nor the cloud": {
		packages: []string{"cmd/tcr-hosts/..."},
		allowed: []string{
			"github.com/go-logr/logr",
			"github.com/spf13/cobra",
			"github.com/spf13/pflag",
			"go.yaml.in/yaml/v3",
		},
		forbidden: []string{sdk, module + "/credentials", module + "/webhook", "k8s.io", "sigs.k8s.io"},
	},
	"what a hosts file should hold is decided with a YAML decoder alone": {
		packages:  []string{"cmd/tcr-hosts/hostsfile"},
		allowed:   []string{"go.yaml.in/yaml/v3"},
		forbidden: []string{"net/http", module + "/cmd/tcr-hosts/nodefile"},
	},
	"certificates know neither admission nor credentials": {
		packages:  []string{"certs/..."},
		forbidden: []string{module + "/webhook", module + "/credentials"},
	},
	"the product does not reach the test bed": {
		packages:  []string{"..."},
		except:    []string{"cmd/...", "test/..."},
		forbidden: []string{module + "/test"},
	},
}

// listed is what `go list` tells of a package.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string // all it reaches
}

// graph is packages by import path.
type graph map[string]listed

func TestImportRules(t *testing.T) {
	t.Parallel()
	noteSources(t)
	all := load(t)
	matched := 0
	for sentence, r := range rules {
		subjects := r.subjects(all)
		matched += len(subjects)
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			if len(subjects) == 0 {
				t.Skipf("none of %v exists yet", r.packages)
			}
			assert.Empty(t, r.violations(all))
		})
	}
	assert.NotZero(t, matched, "no rule matches any package: are the patterns still right?")
}

// noteSources reads each folder of ours, so that the go command, which caches a
// test's verdict by what the test itself reads, runs it again after a change.
func noteSources(t *testing.T) {
	t.Helper()
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && slices.Contains([]string{".git", "bin"}, d.Name()) {
			return fs.SkipDir
		}
		return err
	}))
}

// load asks the go command for every package of the module and what it reaches.
func load(t *testing.T) graph {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Standard,Imports,Deps", "./...")
	list.Dir = ".."
	var stderr strings.Builder
	list.Stderr = &stderr
	out, err := list.Output()
	require.NoError(t, err, stderr.String())
	all := graph{}
	for packages := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := packages.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all[p.ImportPath] = p
	}
}

// subjects are the packages that r is about, in order.
func (r rule) subjects(all graph) []string {
	var subjects []string
	for path := range all {
		name, ours := strings.CutPrefix(path, module+"/")
		if ours && matches(name, r.packages) && !matches(name, r.except) {
			subjects = append(subjects, path)
		}
	}
	slices.Sort(subjects)
	return subjects
}

// violations describes each import that r does not permit.
func (r rule) violations(all graph) []string {
	found := map[string]bool{}
	for _, subject := range r.subjects(all) {
		for _, path := range all[subject].Deps {
			if under(path, r.forbidden) {
				found[fmt.Sprintf("%s reaches %s", subject, path)] = true
			}
		}
		for _, path := range all[subject].Imports {
			if under(path, r.unimported) {
				found[fmt.Sprintf("%s imports %s", subject, path)] = true
			}
		}
		for _, v := range r.notAllowed(all, subject) {
			found[v] = true
		}
	}
	return sorted(found)
}

// notAllowed describes what subject and our packages that it reaches import
// beyond what r allows. What others import in turn is their affair.
func (r rule) notAllowed(all graph, subject string) []string {
	if r.allowed == nil {
		return nil
	}
	var found []string
	for _, at := range append([]string{subject}, all[subject].Deps...) {
		if !under(at, []string{module}) {
			continue
		}
		for _, path := range all[at].Imports {
			if !all[path].Standard && !under(path, r.allowed) && !under(path, []string{module}) {
				found = append(found, fmt.Sprintf("%s imports %s", at, path))
			}
		}
	}
	return found
}

// matches reports whether one of patterns names the package.
func matches(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		tree, whole := strings.CutSuffix(p, "/...")
		return p == "..." || name == tree || whole && strings.HasPrefix(name, tree+"/")
	})
}

// under reports whether path is one of roots or lies below one.
func under(path string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return path == root || strings.HasPrefix(path, root+"/")
	})
}

func sorted(set map[string]bool) []string {
	var all []string
	for s := range set {
		all = append(all, s)
	}
	slices.Sort(all)
	return all
}

func TestViolations(t *testing.T) {
	t.Parallel()
	all := graph{
		"fmt":                {Standard: true},
		"k8s.io/api/core/v1": {Imports: []string{"example.com/deep"}},
		"example.com/deep":   {},
		"example.com/deeper": {},
		module + "/pure":     {Imports: []string{"fmt", "k8s.io/api/core/v1"}, Deps: []string{"fmt", "k8s.io/api/core/v1", "example.com/deep"}},
		module + "/a":        {Imports: []string{module + "/a/b"}, Deps: []string{module + "/a/b", "example.com/deep"}},
		module + "/a/b":      {Imports: []string{"example.com/deep"}, Deps: []string{"example.com/deep"}},
		module + "/ab":       {Imports: []string{"example.com/deeper"}, Deps: []string{"example.com/deeper"}},
	}
	tests := map[string]struct {
		rule rule
		want []string
	}{
		"a path reached through another of ours is forbidden": {
			rule: rule{packages: []string{"a"}, forbidden: []string{"example.com/deep"}},
			want: []string{module + "/a reaches example.com/deep"},
		},
		"a path is not forbidden for its first letters": {
			rule: rule{packages: []string{"ab"}, forbidden: []string{"example.com/deep"}},
		},
		"a tree is its root and all below, and no namesake": {
			rule: rule{packages: []string{"a/..."}, forbidden: []string{"example.com"}},
			want: []string{module + "/a reaches example.com/deep", module + "/a/b reaches example.com/deep"},
		},
		"an exception is left out": {
			rule: rule{packages: []string{"a/..."}, except: []string{"a"}, forbidden: []string{"example.com"}},
			want: []string{module + "/a/b reaches example.com/deep"},
		},
		"what is reached is not thereby imported": {
			rule: rule{packages: []string{"a/..."}, unimported: []string{"example.com"}},
			want: []string{module + "/a/b imports example.com/deep"},
		},
		"the standard library and what the allowed import is allowed": {
			rule: rule{packages: []string{"pure"}, allowed: []string{"k8s.io/api"}},
		},
		"what one of ours imports is not allowed by way of another": {
			rule: rule{packages: []string{"a"}, allowed: []string{"k8s.io/api"}},
			want: []string{module + "/a/b imports example.com/deep"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, tt.rule.violations(all))
		})
	}
}
