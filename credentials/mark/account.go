package mark

import (
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// AddedAnnotation on a ServiceAccount is our note of the name that we added to its
// imagePullSecrets. What has no such note was added by somebody else and stays.
const AddedAnnotation = "tcr-webhook.io/added-pull-secret"

// AccountPatch is the JSON patch that leaves s with the pull Secret called name
// and none that we added before; an empty name wants none. It applies to s as it
// was read, or not at all. Nil means that nothing is to be done.
func AccountPatch(s *corev1.ServiceAccount, name string) ([]byte, error) {
	steps := accountSteps(s, name)
	if len(steps) == 0 {
		return nil, nil
	}
	return json.Marshal(steps)
}

// step is one operation of a JSON patch.
type step struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

const addedPath = "/metadata/annotations/tcr-webhook.io~1added-pull-secret"

func accountSteps(s *corev1.ServiceAccount, name string) []step {
	added := s.Annotations[AddedAnnotation]
	has := func(n string) int {
		return slices.IndexFunc(s.ImagePullSecrets, func(r corev1.LocalObjectReference) bool { return r.Name == n })
	}
	var steps []step
	if added != "" && added != name {
		if i := has(added); i >= 0 {
			steps = append(steps, step{"remove", fmt.Sprintf("/imagePullSecrets/%d", i), nil})
		}
		steps = append(steps, step{"remove", addedPath, nil})
	}
	if name != "" && has(name) < 0 {
		if s.ImagePullSecrets == nil {
			steps = append(steps, step{"add", "/imagePullSecrets", []corev1.LocalObjectReference{}})
		}
		steps = append(steps,
			step{"add", "/imagePullSecrets/-", corev1.LocalObjectReference{Name: name}},
			step{"add", addedPath, name})
	}
	if steps == nil {
		return nil
	}
	return append([]step{{"test", "/metadata/resourceVersion", s.ResourceVersion}}, steps...)
}
