package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/audit"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// pageSize is how many objects are asked for at once. A page of large pods, of
// 60 kB, takes 15 MB.
const pageSize = 250

// lister lists what runs, page by page.
type lister struct {
	client    rest.Interface
	namespace string // empty for all
	// owners are what ReplicaSets and Jobs belong to, by the uid of the latter.
	owners map[string]audit.Workload
}

// resource is a kind of object that has pods.
type resource struct{ group, version, kind, plural string }

func (r resource) apiVersion() string {
	if r.group == "" {
		return r.version
	}
	return r.group + "/" + r.version
}

// makers are what makes pods from templates. The first two may belong to
// another one.
func makers() []resource {
	return []resource{
		{"apps", "v1", "ReplicaSet", "replicasets"}, {"batch", "v1", "Job", "jobs"},
		{"apps", "v1", "Deployment", "deployments"}, {"apps", "v1", "StatefulSet", "statefulsets"}, {"apps", "v1", "DaemonSet", "daemonsets"},
		{"", "v1", "ReplicationController", "replicationcontrollers"}, {"batch", "v1", "CronJob", "cronjobs"},
	}
}

// told is who is told of what runs.
type told interface {
	AddTemplate(audit.Workload, *podview.Pod)
	AddPod(audit.Workload, *podview.Pod)
}

// tell tells t of all that runs, and of all that may.
func (l *lister) tell(ctx context.Context, t told) error {
	l.owners = map[string]audit.Workload{}
	for _, r := range makers() {
		err := list(ctx, l, r, func(m *maker) {
			top := m.Metadata.workload(r)
			if owner := m.Metadata.controller(); owner != nil {
				l.owners[m.Metadata.UID] = owner.workload(m.Metadata.Namespace)
				return
			}
			if template := m.Template(podview.GroupKind{Group: r.group, Kind: r.kind}); template != nil && !m.ended() {
				t.AddTemplate(top, template)
			}
		})
		if err != nil {
			return err
		}
	}
	pods := resource{"", "v1", "Pod", "pods"}
	return list(ctx, l, pods, func(p *pod) {
		if p.Status.Phase == "Succeeded" || p.Status.Phase == "Failed" {
			return // it runs no more
		}
		t.AddPod(l.topOf(p, pods), &podview.Pod{Spec: p.Spec})
	})
}

// topOf is what a pod belongs to in the end.
func (l *lister) topOf(p *pod, r resource) audit.Workload {
	owner := p.Metadata.controller()
	if owner == nil || owner.Kind == "Node" { // a static pod
		return p.Metadata.workload(r)
	}
	if top, known := l.owners[owner.UID]; known {
		return top
	}
	return owner.workload(p.Metadata.Namespace)
}

// pod is what is read of a Pod.
type pod struct {
	Metadata metadata     `json:"metadata"`
	Spec     podview.Spec `json:"spec"`
	Status   struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

// maker is what is read of what makes pods.
type maker struct {
	podview.Workload
	Metadata metadata `json:"metadata"`
	Status   struct {
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
	} `json:"status"`
}

// ended tells of a Job that makes no more pods. Others have no such condition.
func (m *maker) ended() bool {
	for _, c := range m.Status.Conditions {
		if (c.Type == "Complete" || c.Type == "Failed") && c.Status == "True" {
			return true
		}
	}
	return false
}

type metadata struct {
	Name            string  `json:"name"`
	Namespace       string  `json:"namespace"`
	UID             string  `json:"uid"`
	OwnerReferences []owner `json:"ownerReferences"`
}

type owner struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	UID        string `json:"uid"`
	Controller bool   `json:"controller"`
}

func (m *metadata) workload(r resource) audit.Workload {
	return audit.Workload{Namespace: m.Namespace, APIVersion: r.apiVersion(), Kind: r.kind, Name: m.Name, UID: m.UID}
}

// controller is what the object belongs to, or nil.
func (m *metadata) controller() *owner {
	for i := range m.OwnerReferences {
		if m.OwnerReferences[i].Controller {
			return &m.OwnerReferences[i]
		}
	}
	return nil
}

func (o *owner) workload(namespace string) audit.Workload {
	return audit.Workload{Namespace: namespace, APIVersion: o.APIVersion, Kind: o.Kind, Name: o.Name, UID: o.UID}
}

// list reads all objects of a resource.
func list[T any](ctx context.Context, l *lister, r resource, tell func(*T)) error {
	next := ""
	for {
		items, after, err := page[T](ctx, l, r, next)
		if err != nil {
			return fmt.Errorf("list %s: %w", r.plural, err)
		}
		for i := range items {
			tell(&items[i])
		}
		if next = after; next == "" {
			return nil
		}
	}
}

// page reads the objects from next on, and says where the next page begins.
func page[T any](ctx context.Context, l *lister, r resource, next string) ([]T, string, error) {
	path := []string{"/api", r.version}
	if r.group != "" {
		path = []string{"/apis", r.group, r.version}
	}
	if l.namespace != "" {
		path = append(path, "namespaces", l.namespace)
	}
	request := l.client.Get().AbsPath(append(path, r.plural)...).Param("limit", strconv.Itoa(pageSize)).
		SetHeader("Accept", "application/json")
	if next != "" {
		request.Param("continue", next)
	}
	result := request.Do(ctx)
	err := result.Error() // which reads what the API server says of it
	if again := resumed(err); again != "" && again != next {
		return nil, again, nil
	}
	if err != nil {
		return nil, "", err
	}
	text, err := result.Raw()
	if err != nil {
		return nil, "", err
	}
	var answer struct {
		Metadata struct {
			Continue string `json:"continue"`
		} `json:"metadata"`
		Items []T `json:"items"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, "", errors.New("the answer makes no sense") // what it is stays with the API server
	}
	return answer.Items, answer.Metadata.Continue, nil
}

// resumed is where a list goes on that has taken longer than the API server
// remembers: what has changed since may be missing.
func resumed(err error) string {
	var status apierrors.APIStatus
	if apierrors.IsResourceExpired(err) && errors.As(err, &status) {
		return status.Status().Continue
	}
	return ""
}
