package credentials

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// first is a namespace's first pod.
type first struct {
	pod  *corev1.Pod
	took time.Duration
}

// 500 namespaces that are new, each with a pod as soon as it is there, all at
// once: every Secret comes before its pod, by the API server's own order, and
// one token serves them all, with the grace that there is by default.
func TestFirstPodsOfManyNamespacesAtOnce(t *testing.T) { //nolint:paralleltest // it wants all of the machine
	const namespaces = 500
	b := start(t, setup{life: time.Hour, unaudited: true}, usual())
	authors := b.authors(t, 10)
	firsts := make([]first, namespaces)
	var group errgroup.Group
	for i := range firsts {
		group.Go(func() (err error) {
			firsts[i], err = create(t.Context(), authors[i%len(authors)], fmt.Sprintf("team-%d", i))
			return err
		})
	}
	begun := time.Now()
	require.NoError(t, group.Wait())
	t.Logf("%d namespaces and pods within %s", namespaces, time.Since(begun).Round(time.Millisecond))

	var secrets corev1.SecretList
	require.NoError(t, b.Client.List(t.Context(), &secrets))
	versions := map[string]uint64{}
	for _, s := range secrets.Items {
		if s.Name == pullSecret {
			versions[s.Namespace] = revision(t, s.ResourceVersion) // its creation's: none was changed
		}
	}
	late := 0
	for _, f := range firsts {
		assert.Equal(t, stack.PrivateHost+"/team/hello:1", f.pod.Spec.Containers[0].Image)
		assert.Equal(t, []corev1.LocalObjectReference{{Name: pullSecret}}, f.pod.Spec.ImagePullSecrets)
		if at, has := versions[f.pod.Namespace]; !has || at > revision(t, f.pod.ResourceVersion) {
			late++
		}
	}
	assert.Zero(t, late, "pods that came before their Secret")
	assert.Len(t, b.Cloud.Calls(issue), 1)
	b.report(t, firsts)
}

// authors are clients with connections of their own: one has room for no more
// than a hundred calls at once. Unlike system:masters, for whom there is no
// queue, they may do everything and have to wait their turn.
func (b *bed) authors(t *testing.T, n int) []client.Client {
	t.Helper()
	const group = "authors"
	require.NoError(t, b.Client.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: group},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group}},
	}))
	all := make([]client.Client, n)
	for i := range all {
		user, err := b.Cluster.UserConfig(fmt.Sprintf("author-%d", i), group)
		require.NoError(t, err)
		all[i], err = client.New(user, client.Options{})
		require.NoError(t, err)
	}
	return all
}

func create(ctx context.Context, author client.Client, namespace string) (f first, err error) {
	if err := author.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return f, err
	}
	f.pod = newPod(namespace)
	begun := time.Now()
	err = author.Create(ctx, f.pod)
	f.took = time.Since(begun)
	return f, err
}

// report logs how long creations took for their authors, and what part of it
// was ours.
func (b *bed) report(t *testing.T, firsts []first) {
	t.Helper()
	took := make([]time.Duration, len(firsts))
	for i, f := range firsts {
		took[i] = f.took
	}
	slices.Sort(took)
	at := func(p float64) time.Duration { return took[int(p*float64(len(took)-1))].Round(time.Millisecond) }
	t.Logf("creation of a first pod: p50 %s, p99 %s, longest %s", at(.5), at(.99), at(1))
	t.Logf("admission: p99 at most %s", b.admission(t, .99))
}

// bucket is a line of the histogram of admissions of pods.
var bucket = regexp.MustCompile(`tcr_webhook_admission_duration_seconds_bucket\{.*le="([^"]+)"\} (\d+)`)

// admission is the bound of the bucket that the quantile p of all admissions
// falls into.
func (b *bed) admission(t *testing.T, p float64) string {
	t.Helper()
	counts, total := map[float64]float64{}, 0.0
	for _, r := range b.Servers {
		text, err := r.Scrape(t.Context())
		require.NoError(t, err)
		for _, m := range bucket.FindAllStringSubmatch(text, -1) {
			le, err := strconv.ParseFloat(m[1], 64) // +Inf as well
			require.NoError(t, err)
			n, err := strconv.ParseFloat(m[2], 64)
			require.NoError(t, err)
			counts[le] += n
			total = max(total, counts[le])
		}
	}
	var bounds []float64
	for le := range counts {
		bounds = append(bounds, le)
	}
	slices.Sort(bounds)
	for _, le := range bounds {
		if counts[le] >= p*total {
			return fmt.Sprintf("%gs", le)
		}
	}
	return "unknown"
}

// revision is etcd's, which counts the writes of all objects.
func revision(t *testing.T, version string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(version, 10, 64)
	require.NoError(t, err)
	return n
}
