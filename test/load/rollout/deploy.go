package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// progress is when pods were seen to run, after the first Deployment came.
type progress struct {
	begun time.Time

	mu   sync.Mutex // guards seen
	seen []time.Time
	more chan struct{} // has room for one
}

func (p *progress) add(time time.Time) {
	p.mu.Lock()
	p.seen = append(p.seen, time)
	p.mu.Unlock()
	select {
	case p.more <- struct{}{}:
	default:
	}
}

func (p *progress) times() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[:len(p.seen):len(p.seen)]
}

// watchRunning has p told of each pod that runs, until ctx ends, and returns
// when it watches. It asks for names alone: what it costs the API server is the
// same in every run.
func (b *bed) watchRunning(ctx context.Context, p *progress) error {
	pods := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	informer := metadatainformer.NewFilteredMetadataInformer(b.metadata, pods, metav1.NamespaceAll, 0, cache.Indexers{}, func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector("status.phase", string(corev1.PodRunning)).String()
	}).Informer()
	if err := informer.SetTransform(func(object any) (any, error) { return strip(object), nil }); err != nil {
		return err
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(any) { p.add(time.Now()) }})
	if err != nil {
		return err
	}
	go informer.RunWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return fmt.Errorf("watch pods: %w", context.Cause(ctx))
	}
	return nil
}

// strip leaves the name of an object.
func strip(object any) any {
	if o, is := object.(*metav1.PartialObjectMetadata); is {
		o.ObjectMeta = metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name, UID: o.UID, ResourceVersion: o.ResourceVersion}
	}
	return object
}

// deploy creates the Deployments and returns when all of their pods run.
func (b *bed) deploy(ctx context.Context, o options, p *progress) error {
	watching, end := context.WithCancel(ctx)
	defer end()
	if err := b.watchRunning(watching, p); err != nil {
		return err
	}
	p.begun = time.Now()
	err := times(ctx, o.deployments(), func(ctx context.Context, i int) error {
		_, err := b.client.AppsV1().Deployments(namespaceName(i)).Create(ctx, newDeployment(i, o.each), metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("create Deployments: %w", err)
	}
	for len(p.times()) < o.pods {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %d pods to run, %d of which do: %w", o.pods, len(p.times()), context.Cause(ctx))
		case <-p.more:
		}
	}
	return nil
}

// imageOf is what a Deployment names. No -vpc in it: that comes from us.
func imageOf(i int) string { return fmt.Sprintf("%s/team-%d/app:v1.%d", stack.PublicHost, i, i%100) }

// newDeployment is as teams have them: some settings, a probe, resources.
func newDeployment(i, pods int) *appsv1.Deployment {
	labels := map[string]string{"app.kubernetes.io/name": "app", "app.kubernetes.io/instance": namespaceName(i), "app.kubernetes.io/version": "v1"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "app", Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(pods)), //nolint:gosec // a flag that was checked
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{newContainer(i)}},
			},
		},
	}
}

func newContainer(i int) corev1.Container {
	return corev1.Container{
		Name: "app", Image: imageOf(i), Args: []string{"serve", "--listen=:8080"},
		Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
		Env: []corev1.EnvVar{
			{Name: "DATABASE_URL", Value: "postgres://db." + namespaceName(i) + ".svc:5432/app"}, {Name: "LOG_LEVEL", Value: "info"},
			{Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}},
		},
		ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/ready", Port: intstr.FromString("http")}}},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
		},
	}
}

// changed are the pods that are as we leave them: from the private host, with
// the pull Secret.
func changed(pod *corev1.Pod) bool {
	for _, c := range pod.Spec.Containers {
		if !strings.HasPrefix(c.Image, stack.PrivateHost+"/") {
			return false
		}
	}
	for _, s := range pod.Spec.ImagePullSecrets {
		if s.Name == pullSecret {
			return true
		}
	}
	return false
}

// found is what is in the cluster in the end.
type found struct {
	pods, unchanged int
	secrets         int // pull Secrets
}

// inspect looks at every pod.
func (b *bed) inspect(ctx context.Context) (f found, err error) {
	page := metav1.ListOptions{Limit: 1000}
	for {
		list, err := b.client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, page)
		if err != nil {
			return f, fmt.Errorf("list pods: %w", err)
		}
		for i := range list.Items {
			f.pods++
			if !changed(&list.Items[i]) {
				f.unchanged++
			}
		}
		if page.Continue = list.Continue; page.Continue == "" {
			break
		}
	}
	secrets, err := b.metadata.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("metadata.name", pullSecret).String(),
	})
	if err != nil {
		return f, fmt.Errorf("list pull Secrets: %w", err)
	}
	f.secrets = len(secrets.Items)
	return f, nil
}
