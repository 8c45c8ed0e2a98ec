package plugin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy/render"
)

// own is our namespace, which no rule judges.
const own = "tcr-webhook"

// directory has the instances of webhook/policy/testdata/verdicts.txt.
func directory(t *testing.T) *registry.Directory {
	t.Helper()
	all, err := registry.SelectNamespaces(nil, nil)
	require.NoError(t, err)
	d, conflicts := registry.NewDirectory([]registry.Entry{
		{ID: "tcr-demo0001", Namespaces: all, Route: registry.RoutePrivateName, Hosts: registry.Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com", Custom: []registry.Host{"r.example.com"}}},
		{ID: "tcr-xvpc0003", Namespaces: all, Route: registry.RoutePrivateName, Hosts: registry.Hosts{Public: "x-vpc.tencentcloudcr.com", Private: "x-vpc-vpc.tencentcloudcr.com"}},
		{ID: "tcr-team0004", Namespaces: all, Route: registry.RoutePrivateName, Hosts: registry.Hosts{Public: "team.tencentcloudcr.com", Private: "team-vpc.tencentcloudcr.com", Custom: []registry.Host{"team.example.com"}}},
	})
	require.Empty(t, conflicts)
	return d
}

func compile(t *testing.T, rules ...policy.Rule) *policy.Policy {
	t.Helper()
	parsed, mistakes := policy.Parse(rules)
	require.Empty(t, mistakes)
	return parsed.Compile(directory(t), own)
}

// warned collects the warnings of one request.
type warned struct {
	mu    sync.Mutex
	texts []string
}

type warnedKey struct{}

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (*warned) HandleWarningHeaderWithContext(ctx context.Context, _ int, _ string, text string) {
	if w, ok := ctx.Value(warnedKey{}).(*warned); ok {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.texts = append(w.texts, text)
	}
}

// try sends an object that is not kept, and returns what rules say of it: the
// names of those that warn, and the denial.
func try(ctx context.Context, c client.Client, o client.Object) (warnings []string, denial error) {
	var w warned
	o, _ = o.DeepCopyObject().(client.Object)
	denial = c.Create(context.WithValue(ctx, warnedKey{}, &w), o, client.DryRunAll)
	for _, text := range w.texts {
		if _, rest, found := strings.Cut(text, "ValidatingAdmissionPolicy 'tcr-webhook-policy-"); found {
			name, _, _ := strings.Cut(rest, "'")
			warnings = append(warnings, name)
		}
	}
	slices.Sort(warnings)
	return slices.Compact(warnings), denial
}

// enforceRendered applies the rules of p, as rendered, and waits until all of
// them are in force, each in a namespace that it alone selects or shares.
func enforceRendered(t *testing.T, c client.Client, p *policy.Policy, namespaces map[string]string) {
	t.Helper()
	rendered, err := render.Policies(p.Rules(), p.Aliases(), own)
	require.NoError(t, err)
	for _, r := range rendered {
		require.NoError(t, c.Create(t.Context(), r.Policy))
		for _, b := range r.Bindings {
			require.NoError(t, c.Create(t.Context(), b))
		}
		t.Cleanup(func() {
			ctx := context.WithoutCancel(t.Context())
			for _, b := range r.Bindings {
				assert.NoError(t, c.Delete(ctx, b))
			}
			assert.NoError(t, c.Delete(ctx, r.Policy))
		})
	}
	for _, r := range p.Rules() {
		require.EventuallyWithT(t, func(collect *assert.CollectT) {
			warnings, denial := try(t.Context(), c, newPod(namespaces[r.Name], "NGINX"))
			assert.True(collect, denial != nil && strings.Contains(denial.Error(), render.Name(r.Name)) || slices.Contains(warnings, r.Name))
		}, 60*time.Second, 100*time.Millisecond, "rule %s is not in force", r.Name)
	}
}

// newPod is a pod with images and nothing else.
func newPod(namespace string, images ...string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "judged-"}}
	for i, image := range images {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: fmt.Sprintf("c%d", i), Image: image})
	}
	return pod
}

type row struct {
	pattern, image string
}

// table has the patterns and images of the table of package policy.
func table(t *testing.T) (rows []row) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "webhook", "policy", "testdata", "verdicts.txt"))
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		if columns := strings.Split(strings.TrimSpace(line), "\t"); len(columns) == 3 {
			rows = append(rows, row{columns[0], columns[1]})
		}
	}
	require.GreaterOrEqual(t, len(rows), 120)
	return rows
}

// assertVerdict holds that a denial is the verdict v of the engine.
func assertVerdict(t *testing.T, v policy.Verdict, denial error, about string) {
	t.Helper()
	if v.OK() {
		assert.NoError(t, denial, about)
		return
	}
	if assert.Error(t, denial, "%s: want %v", about, v) {
		assert.True(t, apierrors.IsForbidden(denial), "%s: %v", about, denial)
		assert.Contains(t, denial.Error(), "ValidatingAdmissionPolicy '"+render.Name(v.Rule)+"'", about)
		words := map[policy.Reason]string{policy.Denied: "is denied by rule", policy.NotAllowed: "is not allowed by rule", policy.NoDigest: "wants a digest", policy.Unparsable: "is not an image reference"}
		assert.Contains(t, denial.Error(), words[v.Reason], about)
	}
}

// A rule that allows, and one that denies, for every pattern of the table.
func TestRenderedTable(t *testing.T) {
	t.Parallel()
	c := newClient(t, &warned{})
	rows := table(t)
	var rules []policy.Rule
	namespaces := map[string]string{}
	allowIn, denyIn := map[string]string{}, map[string]string{}
	for _, r := range rows {
		if allowIn[r.pattern] != "" {
			continue
		}
		allow, deny := fmt.Sprintf("table-allow-%d", len(rules)), fmt.Sprintf("table-deny-%d", len(rules))
		allowIn[r.pattern], denyIn[r.pattern] = allow, deny
		namespaces[allow], namespaces[deny] = allow, deny
		rules = append(rules, policy.Rule{Name: allow, Namespaces: []string{allow}, Allow: []string{r.pattern}, Action: policy.Enforce},
			policy.Rule{Name: deny, Namespaces: []string{deny}, Deny: []string{r.pattern}, Action: policy.Enforce})
		createNamespace(t, c, allow)
		createNamespace(t, c, deny)
	}
	p := compile(t, rules...)
	enforceRendered(t, c, p, namespaces)
	g := errgroup.Group{}
	g.SetLimit(4)
	for _, r := range rows {
		for _, namespace := range []string{allowIn[r.pattern], denyIn[r.pattern]} {
			g.Go(func() error {
				_, denial := try(t.Context(), c, newPod(namespace, r.image))
				assertVerdict(t, p.Judge(namespace, r.image), denial, fmt.Sprintf("%s: pattern %s, image %s", namespace, r.pattern, r.image))
				return nil
			})
		}
	}
	require.NoError(t, g.Wait())
}
