// Package live tries what the chart renders on a real API server: that it takes
// every object, that the admission policies deny what they should, and what Helm
// itself makes of installs, upgrades and uninstalls.
package live

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/cluster"
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	if _, err := cluster.Binaries(context.Background(), os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// bed is an API server with nothing of ours.
type bed struct {
	client.Client // of the administrator
	config        *rest.Config
}

func start(t *testing.T) *bed {
	t.Helper()
	c, err := cluster.Start(t.Context(), cluster.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop()) })
	b := &bed{config: c.Config()}
	b.Client, err = client.New(b.config, client.Options{})
	require.NoError(t, err)
	return b
}

// ours is our ServiceAccount's user.
const ours = "system:serviceaccount:" + chart.Release + ":" + chart.Release

// as is a client of another user, who may do everything as far as RBAC goes.
func (b *bed) as(t *testing.T, user string) client.Client {
	t.Helper()
	require.NoError(t, b.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "everything-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}},
	}))
	config := rest.CopyConfig(b.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:authenticated"}}
	c, err := client.New(config, client.Options{})
	require.NoError(t, err)
	return c
}

// apply applies what the chart renders, the Namespace first.
func (b *bed) apply(t *testing.T, values chart.Values, o ...client.ApplyOption) {
	t.Helper()
	all := chart.InstallValues()
	for k, v := range values {
		all[k] = v
	}
	objects, err := chart.Render(all)
	require.NoError(t, err)
	for _, u := range objects {
		require.NoError(t, b.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(u), append(o, client.FieldOwner("helm"))...), "%s %s", u.GetKind(), u.GetName())
	}
}

func (b *bed) namespace(t *testing.T, name string) {
	t.Helper()
	require.NoError(t, b.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
}

// eventually waits for what the API server learns by watching.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, 30*time.Second, 50*time.Millisecond, what)
}

// fenced tells whether err is the refusal of the policy.
func fenced(err error, policy string) bool {
	return err != nil && strings.Contains(err.Error(), "ValidatingAdmissionPolicy '"+policy+"'")
}
