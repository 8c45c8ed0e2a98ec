//go:build linux

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
)

// release is the name of the installation, and of its namespace.
const release = chart.Release

// pullSecret is the name of the Secret in every namespace.
const pullSecret = "tcr-pull"

// values are what a user would give, and what takes the place of Tencent Cloud:
// the address of its API, and who signs for it.
func values() chart.Values {
	return chart.Values{
		"image": chart.Values{"repository": ourImage, "tag": "e2e"},
		"config": chart.Values{
			"tencentCloud": chart.Values{"region": "ap-guangzhou", "identity": "SecretKey"},
			"registries": []any{chart.Values{
				"instance": instanceID, "namespaces": []any{"*", "!no-rights"}, "route": "Private",
			}},
		},
		"hostAliases":       []any{chart.Values{"ip": apiIP, "hostnames": []any{apiHost}}},
		"extraVolumes":      []any{chart.Values{"name": "cloud-ca", "configMap": chart.Values{"name": "cloud-ca"}}},
		"extraVolumeMounts": []any{chart.Values{"name": "cloud-ca", "mountPath": "/etc/pki/tls/certs", "readOnly": true}},
		// A machine that tests share may stand still for longer than the default,
		// and a call that is late for that is not what they look for.
		"webhooks": chart.Values{"timeoutSeconds": 10},
		// Another authority every minute, another certificate every half.
		"extraArgs": []any{"--ca-lifetime=2m", "--leaf-lifetime=40s"},
	}
}

// helm is the library of the helm command, for one action.
func (b *bed) helm(t *testing.T) *action.Configuration {
	t.Helper()
	flags := genericclioptions.NewConfigFlags(false)
	namespace := release
	flags.KubeConfig, flags.Namespace = &b.Kubeconfig, &namespace
	config := action.NewConfiguration()
	require.NoError(t, config.Init(flags, release, "secret"))
	return config
}

// install installs the chart as README says, and waits until it is ready.
func (b *bed) install(t *testing.T) {
	t.Helper()
	b.namespace(t, release, nil)
	identity := b.cloud.DefaultIdentity()
	require.NoError(t, b.client.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: release, Name: "tcr-webhook-credentials"},
		StringData: map[string]string{"secretId": identity.SecretID, "secretKey": identity.SecretKey},
	}))
	b.trustCloud(t)
	loaded, err := chart.Load()
	require.NoError(t, err)
	install := action.NewInstall(b.helm(t))
	install.ReleaseName, install.Namespace = release, release
	install.WaitStrategy, install.Timeout = kube.StatusWatcherStrategy, patience
	started := time.Now()
	_, err = install.RunWithContext(t.Context(), loaded, values())
	require.NoError(t, err, b.explain(t))
	t.Logf("the chart was installed and ready after %s", time.Since(started).Round(time.Millisecond))
	b.reportStart(t)
}

// reportStart tells what a node makes of the image.
func (b *bed) reportStart(t *testing.T) {
	t.Helper()
	for _, e := range b.events(t, release, "Pulled") {
		t.Log(e.Message)
	}
	for _, pod := range b.replicas(t) {
		running := pod.Status.ContainerStatuses[0].State.Running
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady && running != nil {
				t.Logf("%s was ready %s after its container began (to the second)", pod.Name, c.LastTransitionTime.Sub(running.StartedAt.Time))
			}
		}
	}
}

// events are those of a namespace with a reason.
func (b *bed) events(t *testing.T, namespace, reason string) (found []corev1.Event) {
	t.Helper()
	var all corev1.EventList
	require.NoError(t, b.client.List(t.Context(), &all, client.InNamespace(namespace)))
	for _, e := range all.Items {
		if e.Reason == reason {
			found = append(found, e)
		}
	}
	return found
}

// upgrade changes values of the release.
func (b *bed) upgrade(t *testing.T, changed chart.Values) {
	t.Helper()
	loaded, err := chart.Load()
	require.NoError(t, err)
	upgrade := action.NewUpgrade(b.helm(t))
	upgrade.Namespace, upgrade.ReuseValues = release, true
	upgrade.WaitStrategy, upgrade.Timeout = kube.StatusWatcherStrategy, patience
	_, err = upgrade.RunWithContext(t.Context(), release, loaded, changed)
	require.NoError(t, err, b.explain(t))
}

// explain is what a person would look at when something does not start.
func (b *bed) explain(t *testing.T) string {
	t.Helper()
	return b.kubectl(t, "-n", release, "get", "pods,jobs,events") +
		b.kubectl(t, "-n", release, "logs", "--tail=20", "--prefix", "--ignore-errors", "-l", "app.kubernetes.io/name="+release)
}
