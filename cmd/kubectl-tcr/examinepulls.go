package main

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/doctor"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
)

// pulls are what kubelets say of images of ours.
type pulls struct {
	served  func(image string) bool
	secret  string
	found   []health.Finding
	places  map[string][]string // by code and text
	worked  int
	waiting []string // namespaces with pods that name the pull secret
}

// add takes what is read of a pod.
func (p *pulls) add(pod *corev1.Pod) {
	if slices.ContainsFunc(pod.Spec.ImagePullSecrets, func(r corev1.LocalObjectReference) bool { return r.Name == p.secret }) && !slices.Contains(p.waiting, pod.Namespace) {
		p.waiting = append(p.waiting, pod.Namespace)
	}
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses} {
		for i := range list {
			c := &list[i]
			switch image := imageOf(pod, c.Name, c.Image); {
			case !p.served(image):
			case c.ImageID != "":
				p.worked++
			case c.State.Waiting != nil:
				p.waits(pod, image, c.State.Waiting.Message)
			}
		}
	}
}

func (p *pulls) waits(pod *corev1.Pod, image, message string) {
	f, ok := doctor.OfPull(image, message)
	if !ok {
		return
	}
	key := f.Code + f.Text
	if p.places[key] == nil {
		p.found = append(p.found, f)
	}
	p.places[key] = append(p.places[key], pod.Namespace+"/"+pod.Name)
}

// imageOf is the image as the pod has it, which a status may have in another form.
func imageOf(pod *corev1.Pod, container, otherwise string) string {
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if list[i].Name == container {
				return list[i].Image
			}
		}
	}
	return otherwise
}

// atPulls reads what the kubelets say: whether a node reaches the registry and
// the bucket that layers come from, nobody else can tell.
func (e *examination) atPulls(ctx context.Context) {
	m, err := e.newMigration()
	if err != nil {
		e.skip(doctor.ThingPulls, err.Error())
		return
	}
	p := &pulls{served: e.serves, secret: e.pullSecret(), places: map[string][]string{}}
	if err := list(ctx, m.lister(), resource{"", "v1", "Pod", "pods"}, p.add); err != nil {
		e.skip(doctor.ThingPulls, err.Error())
		e.atLogins(ctx, nil)
		return
	}
	for _, f := range p.found {
		f.Text += fmt.Sprintf(": %s", someOf(p.places[f.Code+f.Text]))
		e.found = append(e.found, f)
	}
	if p.worked == 0 && len(p.found) == 0 {
		e.skip(doctor.ThingPulls, "no pod has pulled an image of yours yet")
	}
	e.atLogins(ctx, p.waiting)
}

// mostLogins bounds how many namespaces are asked.
const mostLogins = 5

// atLogins asks the namespaces that lack a Secret that pods name, and the one that
// the doctor looks from.
func (e *examination) atLogins(ctx context.Context, named []string) {
	if e.lacking == nil {
		e.skip(doctor.ThingLogin, "nobody knows which namespaces lack the Secret")
		return
	}
	asked := 0
	for _, ns := range append([]string{e.options.from}, named...) {
		if asked < mostLogins && e.lacking[ns] {
			delete(e.lacking, ns)
			asked++
			e.atLogin(ctx, ns)
		}
	}
}
