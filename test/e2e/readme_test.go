//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/cluster/node"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/readme"
)

// readmeImage is what its reader has to put an image of their own for.
const readmeImage = "registry.example.com/tcr-webhook"

// installedByTheReadme goes by the README's commands in their order, from the
// installation to its end, with the values replaced that are its reader's. Not its
// first one, which builds the image anew: the one that was built is pushed by the
// name that it gives.
func (b *bed) installedByTheReadme(t *testing.T) {
	t.Helper()
	eventually(t, "an end of the namespace", func() (bool, string) {
		err := b.client.Get(t.Context(), client.ObjectKey{Name: release}, &corev1.Namespace{})
		return apierrors.IsNotFound(err), b.state(t, release)
	})
	require.NoError(t, node.AddHost(registryIP, publicHost, privateHost))
	b.cloud.AddInstance(tencent.Instance{
		ID: instanceID, Name: "demo", Links: []tencent.Link{{VPC: vpc, IP: registryIP}}, DNS: []tencent.DNSRecord{{VPC: vpc, IP: registryIP}},
	})
	b.push(t, publicHost+"/team/hello:1")
	terminal := b.terminal(t)
	steps, err := readme.Steps(terminal.root, "## Install")
	require.NoError(t, err)
	require.Greater(t, len(steps), 4)

	loaded, err := chart.Load()
	require.NoError(t, err)
	version := loaded.Metadata.AppVersion
	require.Equal(t, "make image IMAGE="+readmeImage+":"+version+" PUSH=1", strings.TrimSpace(steps[0].Commands))
	pushRelease(t, version)

	identity := b.cloud.DefaultIdentity()
	terminal.run(t, strings.NewReplacer("secretId=…", "secretId="+identity.SecretID, "secretKey=…", "secretKey="+identity.SecretKey).Replace(steps[1].Commands))
	b.trustCloud(t)
	terminal.run(t, strings.NewReplacer(readmeImage, ourImage, " --wait ", " --wait --values "+b.surroundings(t)+" ").Replace(steps[2].Commands))
	said := terminal.run(t, steps[3].Commands)
	assert.Contains(t, said, "✔ admission")
	assert.Contains(t, said, "pod/hello created")
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "hello"}}
	b.running(t, pod)
	served(t, pod)

	steps, err = readme.Steps(terminal.root, "### Upgrade, remove")
	require.NoError(t, err)
	terminal.run(t, steps[0].Commands)
	assert.Empty(t, b.ours(t))
}

// trustCloud has what stands in for Tencent Cloud be trusted by what surroundings
// mounts.
func (b *bed) trustCloud(t *testing.T) {
	t.Helper()
	require.NoError(t, b.client.Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: release, Name: "cloud-ca"},
		Data:       map[string]string{"ca.crt": string(b.cloud.CA())},
	}))
}

// surroundings is a file with the values that are this test's, and no user's.
func (b *bed) surroundings(t *testing.T) string {
	t.Helper()
	own := chart.Values{}
	for _, key := range []string{"hostAliases", "extraVolumes", "extraVolumeMounts", "webhooks"} {
		own[key] = values()[key]
	}
	text, err := yaml.Marshal(own)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "surroundings.yaml")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

// terminal runs commands as a user has them: in the checkout, with kubectl and its
// plugin, and helm.
type terminal struct {
	root string
	env  []string
}

func (b *bed) terminal(t *testing.T) terminal {
	t.Helper()
	root, err := cluster.Checkout()
	require.NoError(t, err)
	helm, err := cluster.Helm(t.Context(), os.Stderr)
	require.NoError(t, err)
	path := strings.Join([]string{filepath.Dir(b.Kubectl), filepath.Dir(helm), pluginDir(node.Dir()), os.Getenv("PATH")}, ":")
	return terminal{root, append(os.Environ(), "KUBECONFIG="+b.Kubeconfig, "PATH="+path)}
}

// run returns what they say, when all of them end well.
func (w terminal) run(t *testing.T, commands string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-ec", commands)
	cmd.Dir, cmd.Env = w.root, w.env
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out)) // the commands may hold a key
	t.Log(string(out))
	return string(out)
}
