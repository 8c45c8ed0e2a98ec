package certmanager

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	certmanagermeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// kubeletLag is how long a kubelet may take to bring a changed Secret into a
// pod's files, scaled down: it is a minute and more.
const kubeletLag = 4 * time.Second

// kubelet keeps a folder as the Secret of the certificate is, some time later.
type kubelet struct {
	client client.Client
	dir    string
	served string // the certificate in the folder
}

// sync brings the files to what the Secret held a while ago.
func (k *kubelet) sync(ctx context.Context) error {
	var s corev1.Secret
	if err := k.client.Get(ctx, client.ObjectKey{Namespace: stack.Namespace, Name: "tcr-webhook-tls"}, &s); err != nil {
		return err
	}
	if string(s.Data["tls.crt"]) == k.served || len(s.Data["tls.crt"]) == 0 || len(s.Data["tls.key"]) == 0 {
		return nil
	}
	if k.served != "" {
		time.Sleep(kubeletLag)
	}
	// As the kubelet does: all files at once, by one link that changes.
	version, err := os.MkdirTemp(k.dir, "..version")
	if err != nil {
		return err
	}
	for name, data := range s.Data {
		if err := os.WriteFile(filepath.Join(version, name), data, 0o600); err != nil {
			return err
		}
	}
	if err := os.Symlink(filepath.Base(version), filepath.Join(k.dir, "..new")); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(k.dir, "..new"), filepath.Join(k.dir, "..data")); err != nil {
		return err
	}
	for name := range s.Data {
		link := filepath.Join(k.dir, name)
		if _, err := os.Lstat(link); err != nil {
			if err := os.Symlink(filepath.Join("..data", name), link); err != nil {
				return err
			}
		}
	}
	k.served = string(s.Data["tls.crt"])
	return nil
}

func (k *kubelet) run(ctx context.Context) {
	for ctx.Err() == nil {
		_ = k.sync(ctx) // again in a moment
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// system is a running system whose certificate is cert-manager's.
type system struct {
	*stack.Stack
	client.Client
}

func start(t *testing.T) system {
	t.Helper()
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	var admin client.Client
	dir := t.TempDir()
	binary, err := stack.Build(t.Context(), dir)
	require.NoError(t, err)
	scheme, err := Scheme()
	require.NoError(t, err)
	running := false
	s, err := stack.Start(t.Context(), stack.Options{
		Dir: dir, Binary: binary, Certs: "cert-manager", Replicas: 2,
		Before: func(ctx2 context.Context, c *cluster.Cluster) error {
			if admin, err = client.New(c.Config(), client.Options{Scheme: scheme}); err != nil {
				return err
			}
			if err := Install(ctx2, admin); err != nil {
				return err
			}
			kubeconfig := filepath.Join(dir, "cert-manager.kubeconfig")
			if err := cluster.WriteKubeconfig(kubeconfig, c.Config()); err != nil {
				return err
			}
			running = true
			go func() { ended <- Run(ctx, c.Config(), kubeconfig) }()
			return nil
		},
		Mount: func(ctx2 context.Context, dir string) error {
			k := &kubelet{client: admin, dir: dir}
			for k.served == "" {
				if err := k.sync(ctx2); client.IgnoreNotFound(err) != nil {
					return err
				}
				select {
				case <-ctx2.Done():
					return context.Cause(ctx2)
				case <-time.After(100 * time.Millisecond):
				}
			}
			go k.run(ctx)
			return nil
		},
	})
	t.Cleanup(func() {
		end()
		if running {
			assert.NoError(t, <-ended)
		}
		if s != nil {
			assert.NoError(t, s.Stop())
		}
	})
	require.NoError(t, err)
	return system{s, admin}
}

// served creates a pod, and tells whether it was served.
func (s system) served(ctx context.Context) error {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", GenerateName: "try-"}}
	pod.Spec.Containers = []corev1.Container{{Name: "app", Image: stack.PublicHost + "/team/hello:1"}}
	if err := s.Client.Create(ctx, pod); err != nil {
		return err
	}
	if pod.Spec.Containers[0].Image != stack.PrivateHost+"/team/hello:1" {
		return fmt.Errorf("pod %s is as it was written", pod.Name)
	}
	return nil
}

// renew has cert-manager issue a Certificate anew, as cmctl renew does, and
// returns when it has.
func (s system) renew(t *testing.T, name string) {
	t.Helper()
	var c certmanager.Certificate
	require.NoError(t, s.Get(t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: name}, &c))
	revision := *c.Status.Revision
	c.Status.Conditions = append(c.Status.Conditions, certmanager.CertificateCondition{
		Type: certmanager.CertificateConditionIssuing, Status: certmanagermeta.ConditionTrue, Reason: "ManuallyTriggered", ObservedGeneration: c.Generation,
	})
	require.NoError(t, s.Status().Update(t.Context(), &c))
	require.Eventually(t, func() bool {
		require.NoError(t, s.Get(t.Context(), client.ObjectKeyFromObject(&c), &c))
		return c.Status.Revision != nil && *c.Status.Revision > revision
	}, time.Minute, 100*time.Millisecond, "%s is not renewed", name)
}

// What the chart asks of cert-manager is done by it: the certificate is made and
// mounted, the caBundle injected, and both are renewed without the loss of a pod.
func TestCertManagerMakesTheCertificate(t *testing.T) {
	s := start(t)
	require.NoError(t, s.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}))
	require.NoError(t, s.served(t.Context()))
	until, stop := context.WithCancel(t.Context())
	var calls atomic.Int64
	var lost []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		for until.Err() == nil {
			if err := s.served(t.Context()); err != nil {
				lost = append(lost, err.Error())
			}
			calls.Add(1)
			time.Sleep(50 * time.Millisecond)
		}
	}()
	var all certmanager.CertificateList
	require.NoError(t, s.List(t.Context(), &all, client.InNamespace(stack.Namespace)))
	renewals := 0
	for range 2 {
		for _, c := range all.Items { // the leaf, and its CA
			s.renew(t, c.Name)
			renewals++
			time.Sleep(kubeletLag + 3*time.Second) // until it is in the pods' files, and served
		}
	}
	stop()
	<-done
	t.Logf("%d renewals of %d Certificates: %d calls, %d lost", renewals, len(all.Items), calls.Load(), len(lost))
	assert.Empty(t, lost)
	var status corev1.ConfigMap
	require.NoError(t, s.Get(t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: "tcr-webhook-status"}, &status))
	assert.Contains(t, status.Data["status.yaml"], "CertificateServed")
	require.NoError(t, s.Client.Delete(t.Context(), &certmanager.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: stack.Namespace, Name: "tcr-webhook"}}))
	require.Eventually(t, func() bool {
		require.NoError(t, s.Get(t.Context(), client.ObjectKeyFromObject(&status), &status))
		return strings.Contains(status.Data["status.yaml"], "Certificate tcr-webhook/tcr-webhook does not exist")
	}, time.Minute, time.Second, "the status does not say that there is no Certificate")
	require.NoError(t, s.served(t.Context()), "what is mounted is served all the same")
}
