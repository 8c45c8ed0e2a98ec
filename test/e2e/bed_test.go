//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/deploy/image"
	"github.com/tcr-webhook/tcr-webhook/test/cluster/node"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

// What there is on the node's network.
const (
	registryIP = "10.88.0.2"
	apiIP      = "10.88.0.3"
	apiHost    = "tcr.tencentcloudapi.com"

	instanceID  = "tcr-m3ut3qxx"
	publicHost  = "demo.tencentcloudcr.com"
	privateHost = "demo-vpc.tencentcloudcr.com"

	// openRegistry asks for no login: what brings logins cannot be pulled with
	// one.
	openRegistry = node.IP + ":5000"
	ourImage     = openRegistry + "/tcr-webhook"

	appImage  = publicHost + "/team/app:1"
	dataImage = publicHost + "/team/data:1"
)

// tokenLife has every token end several times while the tests run.
const tokenLife = 45 * time.Second

// patience is how long anything may take on a machine that is busy with more.
const patience = 90 * time.Second

// bed is the node and what is around it.
type bed struct {
	*node.Node
	cloud  *tencent.Cloud
	logins *logins
	client client.WithWatch
	kube   kubernetes.Interface
}

// newBed starts everything but the chart.
func newBed(t *testing.T) *bed {
	t.Helper()
	log.SetLogger(logr.Discard()) // or controller-runtime complains that nobody chose one
	b := &bed{logins: &logins{}}
	b.startCloud(t)
	serveOpenRegistry(t)
	started := time.Now()
	n, err := node.Start(t.Context())
	require.NoError(t, err)
	t.Logf("the node was ready after %s", time.Since(started).Round(time.Millisecond))
	b.Node = n
	t.Cleanup(func() { assert.NoError(t, n.Stop()) })
	b.client, err = client.NewWithWatch(n.Config(), client.Options{})
	require.NoError(t, err)
	b.kube, err = kubernetes.NewForConfig(n.Config())
	require.NoError(t, err)
	return b
}

// startCloud has the emulator answer to the names that the real one has, with
// TLS, as far as the node's network goes.
func (b *bed) startCloud(t *testing.T) {
	t.Helper()
	require.NoError(t, errors.Join(
		node.AddAddress(registryIP), node.AddAddress(apiIP),
		node.AddHost(registryIP, publicHost, privateHost), node.AddHost(apiIP, apiHost),
	))
	var err error
	b.cloud, err = tencent.Start(context.WithoutCancel(t.Context()), tencent.Options{
		RegistryAddress: registryIP + ":443", STSAddress: apiIP + ":443", Log: b.logins,
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.cloud.Close()) })
	b.cloud.SetTokenLifetime(tokenLife)
	b.cloud.AddInstance(tencent.Instance{ID: instanceID, Name: "demo"})
	for _, host := range []string{publicHost, privateHost} {
		require.NoError(t, node.RouteRegistry(host, "https://"+host, b.cloud.CA()))
	}
	b.push(t, appImage)
	b.push(t, dataImage, image.File{Path: "note.txt", Mode: 0o644, Content: []byte("of an image volume\n")})
}

// push pushes the application as another image.
func (b *bed) push(t *testing.T, ref string, files ...image.File) {
	t.Helper()
	files = append(files, image.File{Path: "name", Mode: 0o644, Content: []byte(ref + "\n")})
	img, err := node.ProgramImage(filepath.Join(node.Dir(), "app"), files...)
	require.NoError(t, err)
	_, err = b.cloud.PushImage(t.Context(), ref, img)
	require.NoError(t, err)
}

// serveOpenRegistry serves the image as it was built, under its tag.
func serveOpenRegistry(t *testing.T) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", openRegistry)
	require.NoError(t, err)
	images := registry.New(registry.Logger(stdlog.New(io.Discard, "", 0)))
	server := &http.Server{Handler: images, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(l) }() // until Close
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	require.NoError(t, node.RouteRegistry(openRegistry, "http://"+openRegistry, nil))
	pushRelease(t, "e2e")
}

// pushRelease pushes the image as it was built to the registry without a login.
func pushRelease(t *testing.T, tag string) {
	t.Helper()
	release, err := image.ReadLayout(imageDir(node.Dir()))
	require.NoError(t, err)
	ref, err := name.ParseReference(ourImage+":"+tag, name.Insecure)
	require.NoError(t, err)
	require.NoError(t, remote.WriteIndex(ref, release))
}

// namespace makes a namespace for a scenario.
func (b *bed) namespace(t *testing.T, name string, labels map[string]string) {
	t.Helper()
	require.NoError(t, b.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}))
}

// kubectl runs kubectl as the administrator, and returns what it says.
func (b *bed) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), b.Kubectl, append([]string{"--kubeconfig", b.Kubeconfig}, args...)...).CombinedOutput()
	require.NoError(t, err, "kubectl %v: %s", args, out)
	return string(out)
}

// eventually waits for a condition, and says what holds instead.
func eventually(t *testing.T, what string, holds func() (bool, string)) {
	t.Helper()
	said := ""
	limit := time.Now().Add(patience)
	for time.Now().Before(limit) {
		ok, why := holds()
		if ok {
			return
		}
		said = why
		time.Sleep(50 * time.Millisecond)
	}
	require.Fail(t, what+" did not come", "%s", said)
}

// logins counts the logins at the registry by the repository they are for, from
// the emulator's log: a pull takes one, and so does nothing else.
type logins struct {
	mu     sync.Mutex
	counts map[string]int // under mu
}

// Write implements io.Writer for a line of the log.
func (l *logins) Write(line []byte) (int, error) {
	if !bytes.Contains(line, []byte(`msg="registry login"`)) {
		return len(line), nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts = map[string]int{}
	}
	if _, scope, ok := strings.Cut(string(line), "repository:"); ok {
		repository, _, _ := strings.Cut(scope, ":")
		l.counts[repository]++
	}
	return len(line), nil
}

// of is how many there were for a repository, such as team/app.
func (l *logins) of(repository string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts[repository]
}
