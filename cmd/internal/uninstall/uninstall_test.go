package uninstall

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"
)

// system is an installation in memory, and what was done to it.
type system struct {
	*Uninstaller
	meta *metadatafake.FakeMetadataClient
	api  *fake.Clientset

	mu   sync.Mutex // guards what is below
	done []string
	said []string
}

func newSystem(t *testing.T, objects ...runtime.Object) *system {
	t.Helper()
	scheme := metadatafake.NewTestScheme()
	require.NoError(t, metav1.AddMetaToScheme(scheme))
	all := []runtime.Object{
		metaOf("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "", "zz-tcr-webhook"),
		metaOf("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", "zz-tcr-webhook-policy"),
		metaOf("v1", "Secret", "shop", "tcr-pull", "app.kubernetes.io/managed-by", "tcr-webhook"),
		metaOf("v1", "Secret", "theirs", "tcr-pull"),
		metaOf("v1", "Secret", "tcr-webhook", "tcr-webhook-tokens"),
	}
	for _, o := range objects {
		if meta, ok := o.(*metav1.PartialObjectMetadata); ok {
			all = append(all, meta)
		}
	}
	s := &system{meta: metadatafake.NewSimpleMetadataClient(scheme, all...), api: fake.NewClientset(&appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tcr-webhook", Name: "tcr-webhook"}, Spec: appsv1.DeploymentSpec{Replicas: new(int32(2))},
	})}
	for _, o := range objects {
		if pod, ok := o.(*corev1.Pod); ok {
			require.NoError(t, s.api.Tracker().Add(pod))
		}
	}
	s.Uninstaller = &Uninstaller{
		Options: Options{Namespace: "tcr-webhook", Deployment: "tcr-webhook", PullSecret: "tcr-pull", Say: s.say},
		client:  s.api, metadata: s.meta,
	}
	note := func(a clienttesting.Action) (bool, runtime.Object, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if verb := a.GetVerb(); verb == "delete" || verb == "patch" {
			named, _ := a.(interface{ GetName() string })
			s.done = append(s.done, strings.Join([]string{verb, a.GetResource().Resource, a.GetSubresource(), a.GetNamespace() + "/" + named.GetName()}, " "))
		}
		return false, nil, nil
	}
	s.meta.PrependReactor("*", "*", note)
	// The fake does not know the scale of a Deployment.
	s.api.PrependReactor("patch", "deployments", func(clienttesting.Action) (bool, runtime.Object, error) {
		deployments := appsv1.SchemeGroupVersion.WithResource("deployments")
		o, err := s.api.Tracker().Get(deployments, "tcr-webhook", "tcr-webhook")
		if err != nil {
			return true, nil, err
		}
		d, _ := o.(*appsv1.Deployment)
		d = d.DeepCopy()
		d.Spec.Replicas = new(int32(0))
		return true, d, s.api.Tracker().Update(deployments, d, "tcr-webhook")
	})
	s.api.PrependReactor("*", "*", note)
	return s
}

func (s *system) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, fmt.Sprintf(format, args...))
}

// metaOf is the metadata of an object with labels.
func metaOf(apiVersion, kind, namespace, name string, labels ...string) *metav1.PartialObjectMetadata {
	o := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: apiVersion, Kind: kind}, ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	for i := 0; i < len(labels); i += 2 {
		metav1.SetMetaDataLabel(&o.ObjectMeta, labels[i], labels[i+1])
	}
	return o
}

func replica(name, owner, kind string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "tcr-webhook", Name: name, OwnerReferences: []metav1.OwnerReference{{Kind: kind, Name: owner, Controller: new(true)}}}}
}

// only lists the pull Secrets alone: the fake does not select by name.
func (s *system) only(t *testing.T) {
	t.Helper()
	s.meta.PrependReactor("list", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
		list, _ := a.(clienttesting.ListActionImpl)
		assert.Equal(t, "metadata.name=tcr-pull", list.GetListRestrictions().Fields.String(), "all Secrets are listed")
		picked := &metav1.List{}
		for _, namespace := range []string{"shop", "theirs"} {
			o, err := s.meta.Tracker().Get(a.GetResource(), namespace, "tcr-pull")
			if meta, ok := o.(*metav1.PartialObjectMetadata); ok && err == nil {
				picked.Items = append(picked.Items, runtime.RawExtension{Object: meta})
			}
		}
		return true, picked, nil
	})
}

func TestRunKeepsTheOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSystem(t, replica("job", "tcr-webhook-1", "Job"))
		s.only(t)
		require.NoError(t, s.Run(t.Context()))
		assert.Equal(t, []string{
			"delete validatingwebhookconfigurations  /zz-tcr-webhook-policy",
			"delete mutatingwebhookconfigurations  /zz-tcr-webhook",
			"patch deployments scale tcr-webhook/tcr-webhook",
			"delete secrets  shop/tcr-pull",
			"delete secrets  tcr-webhook/tcr-webhook-tokens",
		}, s.done)
		assert.Contains(t, s.said, "left 1 Secrets tcr-pull that are not ours: theirs")
		s.done = nil
		require.NoError(t, s.Run(t.Context()), "a second time")
		assert.Empty(t, s.done)
	})
}

func TestRunStopsWhereGoingOnWouldHurt(t *testing.T) {
	t.Parallel()
	forbidden := func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "x"}, "y", errors.New("not you"))
	}
	for name, tt := range map[string]struct {
		spoil func(*system)
		want  string
		done  int
	}{
		"a registration stays": {func(s *system) { s.meta.PrependReactor("delete", "validatingwebhookconfigurations", forbidden) }, "what answers was left running", 0},
		"no way to scale":      {func(s *system) { s.api.PrependReactor("patch", "deployments", forbidden) }, "the pull Secrets were left, since they would be written again", 2},
		"no way to see pods":   {func(s *system) { s.api.PrependReactor("list", "pods", forbidden) }, "the pull Secrets were left, since they would be written again", 3},
		"a pod does not end": {func(s *system) { _ = s.api.Tracker().Add(replica("stuck", "tcr-webhook-5f7d", "ReplicaSet")) },
			"not done in time: waited until these pods have ended: stuck; where the node of a pod is gone for good, delete the pod with --force", 3},
		"a Secret stays": {func(s *system) {
			s.meta.PrependReactor("delete", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
				if a.GetNamespace() == "shop" {
					return forbidden(a)
				}
				return false, nil, nil
			})
		}, "delete secrets/tcr-pull in shop: x \"y\" is forbidden: not you", 4}, // and goes on
		"the API server is away": {func(s *system) {
			s.meta.PrependReactor("get", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, nil, errors.New("connection refused")
			})
		}, "not done in time: look for validatingwebhookconfigurations/zz-tcr-webhook-policy: connection refused", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSystem(t)
				s.only(t)
				tt.spoil(s)
				begin := time.Now()
				err := s.Run(t.Context())
				require.ErrorContains(t, err, tt.want)
				assert.Len(t, s.done, tt.done, "%v", s.done)
				assert.LessOrEqual(t, time.Since(begin), stopLimit+time.Second)
			})
		})
	}
}

// thing is what a sweep removes.
type thing int

func (t thing) String() string { return fmt.Sprintf("thing %d", int(t)) }

// shelf has things, and hands them out.
type shelf struct {
	mu     sync.Mutex
	things map[thing]bool
	remove func(thing) error
}

func newShelf(n int) *shelf {
	s := &shelf{things: map[thing]bool{}}
	for i := range n {
		s.things[thing(i)] = true
	}
	return s
}

func (s *shelf) find(context.Context) (all []thing, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.things {
		all = append(all, t)
	}
	return all, nil
}

func (s *shelf) take(_ context.Context, t thing) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.remove != nil {
		if err := s.remove(t); err != nil {
			return err
		}
	}
	delete(s.things, t)
	return nil
}

func TestSweepIsPaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(1000)
		var said []string
		say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
		begin := time.Now()
		n, err := sweep(t.Context(), sweeper{say, "things"}, s.find, s.take)
		require.NoError(t, err)
		assert.Equal(t, 1000, n)
		assert.InDelta(t, 1000/pace, time.Since(begin).Seconds(), 1)
		assert.Len(t, said, 3, "%v", said) // every five seconds of twenty
	})
}

func TestSweepTriesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, failures := newShelf(3), 2
		s.remove = func(thing) error {
			if failures--; failures >= 0 {
				return apierrors.NewTooManyRequests("slowly", 1)
			}
			return nil
		}
		n, err := sweep(t.Context(), sweeper{say: t.Logf}, s.find, s.take)
		require.NoError(t, err)
		assert.Equal(t, 3, n)
	})
}

func TestSweepEnds(t *testing.T) {
	t.Parallel()
	refused := apierrors.NewForbidden(schema.GroupResource{Resource: "x"}, "y", nil)
	for name, tt := range map[string]struct {
		remove func(thing) error
		keeps  bool
		want   string
	}{
		"at what is refused":      {func(thing) error { return refused }, false, `x "y" is forbidden: <nil> (and 2 more)`},
		"at what does not go":     {nil, true, "something holds on to them, as a finalizer does"},
		"at what is never passed": {func(thing) error { return errors.New("no answer") }, false, "not done in time: no answer (and 2 more)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				s := newShelf(3)
				s.remove = tt.remove
				take := s.take
				if tt.keeps {
					take = func(context.Context, thing) error { return nil }
				}
				_, err := sweep(ctx, sweeper{say: func(string, ...any) {}}, s.find, take)
				require.ErrorContains(t, err, tt.want)
			})
		})
	}
}

// A step that makes progress may take long, and one that makes none may not.
func TestWhileAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, alive, cancel := whileAlive(t.Context(), time.Minute)
		defer cancel()
		for range 10 {
			require.NoError(t, pause(ctx, 50*time.Second))
			alive()
		}
		assert.ErrorIs(t, pause(ctx, 61*time.Second), errTime)
	})
}

func TestDeploymentOf(t *testing.T) {
	t.Parallel()
	for want, pods := range map[string][]*corev1.Pod{
		"tcr-webhook":      {replica("a", "tcr-webhook-5f7d9c", "ReplicaSet")},
		"tcr-webhook-more": {replica("a", "tcr-webhook-more-5f7d9c", "ReplicaSet")},
		"":                 {replica("a", "tcr-webhook-1", "Job"), replica("a", "none", "ReplicaSet"), {}},
	} {
		for _, p := range pods {
			assert.Equal(t, want, deploymentOf(p))
		}
	}
}

func TestSome(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a, b", some([]string{"b", "a"}))
	many := strings.Fields("l k j i h g f e d c b a")
	assert.Equal(t, "a, b, c, d, e, f, g, h, i, j and 2 more namespaces", some(many))
}
