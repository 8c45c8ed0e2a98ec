package main

import (
	"context"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// policy is the namespace whose pods the API server's own
// MutatingAdmissionPolicy changes as ours does: nothing of anybody's is called.
const policy = "policy"

// mutation is our job in CEL, for pods of creationInput: their containers'
// images, the pull secret and the annotation. JSONPatch is the form that can do
// all of it: an apply configuration may not touch imagePullSecrets, which are an
// atomic list.
const mutation = `[0, 1, 2, 3, 4, 5, 6, 7]
  .filter(i, i < size(object.spec.containers) && object.spec.containers[i].image.startsWith('` + contender.PublicHost + `/'))
  .map(i, JSONPatch{
    op: 'replace', path: '/spec/containers/' + string(i) + '/image',
    value: '` + contender.PrivateHost + `' + object.spec.containers[i].image.substring(` + "%d" + `)
  })
+ [
  JSONPatch{op: 'add', path: '/spec/imagePullSecrets/-', value: Object.spec.imagePullSecrets{name: '` + contender.PullSecret + `'}},
  JSONPatch{op: 'add', path: '/metadata/annotations/' + jsonpatch.escapeKey('` + podview.OriginalImagesAnnotation + `'), value: '{' +
    object.spec.containers.filter(c, c.image.startsWith('` + contender.PublicHost + `/'))
      .map(c, '"containers/' + c.name + '":"' + c.image + '"').join(',') + '}'}
]`

// registerPolicy has the API server itself change the pods of policy.
func (b *bed) registerPolicy(ctx context.Context) error {
	meta := metav1.ObjectMeta{Name: policy + ".bench.example"}
	change := &admissionregistrationv1.MutatingAdmissionPolicy{ObjectMeta: meta, Spec: admissionregistrationv1.MutatingAdmissionPolicySpec{
		MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
			RuleWithOperations: createPods(),
		}}},
		FailurePolicy:      new(admissionregistrationv1.Fail),
		ReinvocationPolicy: admissionregistrationv1.NeverReinvocationPolicy,
		Mutations: []admissionregistrationv1.Mutation{{
			PatchType: admissionregistrationv1.PatchTypeJSONPatch,
			JSONPatch: &admissionregistrationv1.JSONPatch{Expression: fmt.Sprintf(mutation, len(contender.PublicHost))},
		}},
	}}
	if err := b.client.Create(ctx, change); err != nil {
		return fmt.Errorf("create the policy: %w", err)
	}
	binding := &admissionregistrationv1.MutatingAdmissionPolicyBinding{ObjectMeta: meta, Spec: admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{
		PolicyName:     meta.Name,
		MatchResources: &admissionregistrationv1.MatchResources{NamespaceSelector: only(policy)},
	}}
	if err := b.client.Create(ctx, binding); err != nil {
		return fmt.Errorf("bind the policy: %w", err)
	}
	return nil
}

func createPods() admissionregistrationv1.RuleWithOperations {
	return admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
	}
}

// only selects one namespace.
func only(namespace string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}}
}
