// Package integration runs the whole system against a real API server, the
// real SDK and a real registry.
package integration

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// binary is tcr-webhook, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	ctx := context.Background()
	if _, err := cluster.Binaries(ctx, os.Stderr); err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "tcr-webhook-integration-")
	if err != nil {
		return 1, err
	}
	defer func() { err = os.RemoveAll(dir) }()
	if binary, err = stack.Build(ctx, dir, raceFlags...); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// start starts a system for one test. When the test ends, nothing that the
// process wrote or exported may hold a token or a key.
func start(t *testing.T, o stack.Options) *stack.Stack {
	t.Helper()
	o.Dir, o.Binary = t.TempDir(), binary
	s, err := stack.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() {
		metrics, err := s.Server.Scrape(context.Background()) //nolint:usetesting // t.Context has ended
		assert.NoError(t, err)
		assert.NoError(t, s.Stop())
		log, err := s.Server.Log()
		assert.NoError(t, err)
		assertNoSecret(t, s, "the log", log)
		assertNoSecret(t, s, "a metric", metrics)
		assert.NotContains(t, log, "DATA RACE")
		if t.Failed() {
			t.Logf("log of tcr-webhook:\n%s", log[max(0, len(log)-8000):])
		}
	})
	return s
}

// jwt is how every registry token begins: {"alg": in base64.
const jwt = "eyJ"

func assertNoSecret(t *testing.T, s *stack.Stack, where, text string) {
	t.Helper()
	// The text itself stays out of the failure's message.
	assert.False(t, strings.Contains(text, jwt), "%s holds a token", where)
	assert.False(t, strings.Contains(text, s.Cloud.DefaultIdentity().SecretKey), "%s holds the SecretKey", where)
	assert.False(t, strings.Contains(text, marker), "%s holds a body of the API", where)
}

// marker is planted in what the API answers.
const marker = "marker-3f7a91"

// author creates objects and collects the warnings that come with the answers.
type author struct {
	client.Client
	mu       sync.Mutex
	warnings []string
}

func newAuthor(t *testing.T, s *stack.Stack) *author {
	t.Helper()
	a := &author{}
	config := s.Cluster.Config()
	config.WarningHandler = a
	var err error
	a.Client, err = client.New(config, client.Options{})
	require.NoError(t, err)
	return a
}

var _ rest.WarningHandler = (*author)(nil)

// HandleWarningHeader implements rest.WarningHandler.
func (a *author) HandleWarningHeader(_ int, _ string, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.warnings = append(a.warnings, text)
}

// taken returns the warnings since the last call.
func (a *author) taken() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	text := strings.Join(a.warnings, "\n")
	a.warnings = nil
	return text
}

func (a *author) namespace(t *testing.T, name string) {
	t.Helper()
	require.NoError(t, a.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
}

// newPod is a pod with images and nothing else.
func newPod(namespace, name string, images ...string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	for i, image := range images {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: fmt.Sprintf("c%d", i), Image: image})
	}
	return pod
}

func (a *author) pod(t *testing.T, namespace, name string, images ...string) *corev1.Pod {
	t.Helper()
	pod := newPod(namespace, name, images...)
	require.NoError(t, a.Create(t.Context(), pod))
	return pod
}

// secret reads a namespace's pull Secret; nil means there is none.
func (a *author) secret(t *testing.T, namespace string) *corev1.Secret {
	t.Helper()
	var s corev1.Secret
	err := a.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "tcr-pull"}, &s)
	if client.IgnoreNotFound(err) == nil && err != nil {
		return nil
	}
	require.NoError(t, err)
	return &s
}

// eventually waits for a condition of the running system.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, 30*time.Second, 50*time.Millisecond, what)
}

func images(pod *corev1.Pod) (list []string) {
	for _, c := range pod.Spec.Containers {
		list = append(list, c.Image)
	}
	return list
}

var (
	publicImage  = stack.PublicHost + "/team/hello:1"
	privateImage = stack.PrivateHost + "/team/hello:1"
	pullSecrets  = []corev1.LocalObjectReference{{Name: "tcr-pull"}}
)
