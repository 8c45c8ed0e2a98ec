package explain

import (
	stdjson "encoding/json"
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/manifest"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// kind is a kind of object that is a pod, or makes pods.
type kind struct {
	template []string // where its template is; none for a Pod
	maker    podview.GroupKind
}

// kinds are those that are known, by group and name. The maker is what owns a pod
// of it, which is not always the object itself.
func kinds() map[podview.GroupKind]kind {
	spec := []string{"spec", "template"}
	of := func(group, name string) podview.GroupKind { return podview.GroupKind{Group: group, Kind: name} }
	return map[podview.GroupKind]kind{
		of("", "Pod"):                   {},
		of("apps", "Deployment"):        {spec, of("apps/v1", "ReplicaSet")},
		of("apps", "ReplicaSet"):        {spec, of("apps/v1", "ReplicaSet")},
		of("apps", "StatefulSet"):       {spec, of("apps/v1", "StatefulSet")},
		of("apps", "DaemonSet"):         {spec, of("apps/v1", "DaemonSet")},
		of("batch", "Job"):              {spec, of("batch/v1", "Job")},
		of("batch", "CronJob"):          {[]string{"spec", "jobTemplate", "spec", "template"}, of("batch/v1", "Job")},
		of("", "ReplicationController"): {spec, of("v1", "ReplicationController")},
		of("", "PodTemplate"):           {[]string{"template"}, podview.GroupKind{}},
	}
}

// Known tells whether o is a pod, or makes pods.
func Known(o *manifest.Object) bool {
	_, known := kinds()[podview.GroupKind{Group: o.Group(), Kind: o.Kind}]
	return known
}

// podOf is the pod that o is, or makes, as the API server gets it.
func podOf(o *manifest.Object) (text []byte, template []string, err error) {
	k := kinds()[podview.GroupKind{Group: o.Group(), Kind: o.Kind}]
	if k.template == nil {
		return o.JSON, nil, nil
	}
	var whole any
	if err := stdjson.Unmarshal(o.JSON, &whole); err != nil {
		return nil, nil, o.At("", "this is no object")
	}
	at := whole
	for i, part := range k.template {
		m, ok := at.(map[string]any)
		if !ok {
			return nil, nil, o.At(pointer(k.template[:i]), strings.Join(k.template[:i], ".")+" is no object")
		}
		at = m[part]
	}
	t, ok := at.(map[string]any)
	if !ok {
		return nil, nil, o.At(pointer(k.template), strings.Join(k.template, ".")+" is missing, or no object: a "+o.Kind+" has the template of its pods there")
	}
	meta, ok := t["metadata"].(map[string]any)
	if !ok && t["metadata"] != nil {
		return nil, nil, o.At(pointer(append(k.template, "metadata")), "metadata is no object")
	}
	pod := map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": made(o, k, meta), "spec": t["spec"]}
	text, err = stdjson.Marshal(pod)
	return text, k.template, err
}

// made is the metadata of a pod that o makes from a template with meta.
func made(o *manifest.Object, k kind, meta map[string]any) map[string]any {
	m := map[string]any{"generateName": o.Name + "-"}
	for _, key := range []string{"labels", "annotations"} {
		if value, has := meta[key]; has {
			m[key] = value
		}
	}
	if k.maker.Kind != "" {
		m["ownerReferences"] = []any{map[string]any{"apiVersion": k.maker.Group, "kind": k.maker.Kind, "name": o.Name, "uid": "", "controller": true}}
	}
	return m
}

func pointer(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return "/" + strings.Join(parts, "/")
}

// decode reads a pod as the webhook does. What is wrong with it is said at its
// place in the manifest.
func decode(o *manifest.Object, text []byte, template []string) (*podview.Pod, error) {
	var pod podview.Pod
	err := json.Unmarshal(text, &pod, jsontext.AllowDuplicateNames(true))
	if err == nil {
		return &pod, nil
	}
	var wrong *json.SemanticError
	if errors.As(err, &wrong) {
		at := string(wrong.JSONPointer)
		return nil, o.At(pointer(template)+at, strings.ReplaceAll(strings.TrimPrefix(at, "/"), "/", ".")+" is of a kind that a pod cannot have there")
	}
	return nil, o.At(pointer(template), "this is no pod: "+err.Error())
}

// ServiceAccount is the name of that of the pods; "default" where it is not said.
func ServiceAccount(o *manifest.Object) string {
	var pod podview.Pod
	if text, _, err := podOf(o); err == nil {
		_ = json.Unmarshal(text, &pod, jsontext.AllowDuplicateNames(true)) // Explain says what is wrong
	}
	return pod.ServiceAccount()
}
