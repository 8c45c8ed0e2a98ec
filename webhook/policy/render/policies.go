package render

import (
	"errors"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

const (
	// MaxPatterns is how many patterns a rule may have, as they are written:
	// expressions have a budget, and so has who reads them.
	MaxPatterns = 200
	// MaxImage is how many characters of an image the rules look at.
	MaxImage = 512
	// maxExpression is how many characters the API server's parser takes (cel-go's
	// default).
	maxExpression = 100_000
)

// The label that all objects have, to be listed and deleted by.
const (
	Label      = "app.kubernetes.io/component"
	LabelValue = "tcr-webhook-policy"
)

// Name is the name of the policy for a rule, and of its bindings with a dot and
// more behind.
func Name(rule string) string { return "tcr-webhook-policy-" + rule }

// Rendered is one rule.
type Rendered struct {
	Policy *admissionregistrationv1.ValidatingAdmissionPolicy
	// Bindings say what becomes of pods, and of what makes pods from a
	// template.
	Bindings []*admissionregistrationv1.ValidatingAdmissionPolicyBinding
}

// Policies writes rules, in their order. aliases are what policy.Policy has for
// other names of a registry, and own is our namespace, which is exempt as
// policy.SystemNamespace is. The error says which rule cannot be written, and
// why.
func Policies(rules []policy.CanonicalRule, aliases map[string]string, own string) ([]Rendered, error) {
	rendered := make([]Rendered, 0, len(rules))
	for _, r := range rules {
		one, err := renderRule(r, aliases, own)
		if err != nil {
			return nil, fmt.Errorf("rule %s cannot be rendered: %w", r.Name, err)
		}
		rendered = append(rendered, one)
	}
	return rendered, nil
}

func renderRule(r policy.CanonicalRule, aliases map[string]string, own string) (Rendered, error) {
	if err := checkLimits(r); err != nil {
		return Rendered{}, err
	}
	namespaces, err := selects(r.Namespaces)
	if err != nil {
		return Rendered{}, err
	}
	p := &admissionregistrationv1.ValidatingAdmissionPolicy{
		TypeMeta:   typeMeta("ValidatingAdmissionPolicy"),
		ObjectMeta: objectMeta(Name(r.Name)),
	}
	p.Spec = admissionregistrationv1.ValidatingAdmissionPolicySpec{
		FailurePolicy: new(admissionregistrationv1.Fail),
		MatchConstraints: &admissionregistrationv1.MatchResources{
			MatchPolicy:       new(admissionregistrationv1.Equivalent),
			NamespaceSelector: judgedNamespaces(own),
			ResourceRules:     append(podRules(), templateRules()...),
		},
		MatchConditions: matchConditions(namespaces),
		Variables:       variables(r, aliases),
		Validations:     []admissionregistrationv1.Validation{validation(r)},
	}
	if err := checkLengths(p.Spec.Variables); err != nil {
		return Rendered{}, err
	}
	return Rendered{Policy: p, Bindings: []*admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		binding(p.Name, "pods", podRules(), podActions(r.Action)),
		binding(p.Name, "templates", templateRules(), templateActions(r.Action)),
	}}, nil
}

// checkLimits refuses what an expression would not say as the webhook does.
func checkLimits(r policy.CanonicalRule) error {
	written := map[string]bool{}
	for _, p := range r.Allow {
		written["allow "+p.Written] = true
	}
	for _, p := range r.Deny {
		written["deny "+p.Written] = true
	}
	parts := newShapes(r.Allow).parts() + newShapes(r.Deny).parts()
	switch {
	case r.Incomplete:
		return errors.New("it names an instance whose hosts are not known; give them in registries[].hosts, or wait until they are asked of the API")
	case len(written) > MaxPatterns:
		return fmt.Errorf("it has %d patterns, and expressions take %d at most; make two rules of it, or leave it to the webhook", len(written), MaxPatterns)
	case parts > maxParts:
		return fmt.Errorf("its patterns have * in so many different places that expressions would be put together from %d labels and segments, and %d are taken at most; make two rules of it, or leave it to the webhook", parts, maxParts)
	}
	return nil
}

func checkLengths(variables []admissionregistrationv1.Variable) error {
	for _, v := range variables {
		if n := len(v.Expression); n > maxExpression {
			return fmt.Errorf("its patterns make an expression of %d characters (%s), and the API server takes %d at most; make two rules of it", n, v.Name, maxExpression)
		}
	}
	return nil
}

func typeMeta(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: admissionregistrationv1.SchemeGroupVersion.String(), Kind: kind}
}

func objectMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Labels: map[string]string{Label: LabelValue}}
}

// judgedNamespaces are all but those that are exempt.
func judgedNamespaces(own string) *metav1.LabelSelector {
	exempt := []string{policy.SystemNamespace}
	if own != "" {
		exempt = append(exempt, own)
	}
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: "kubernetes.io/metadata.name", Operator: metav1.LabelSelectorOpNotIn, Values: exempt},
	}}
}

// podRules are where images come into pods.
func podRules() []admissionregistrationv1.NamedRuleWithOperations {
	return []admissionregistrationv1.NamedRuleWithOperations{
		ruleFor("", []string{"pods"}, admissionregistrationv1.Create),
		ruleFor("", []string{"pods", "pods/ephemeralcontainers"}, admissionregistrationv1.Update),
	}
}

// templateRules are what makes pods from a template.
func templateRules() []admissionregistrationv1.NamedRuleWithOperations {
	both := []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update}
	return []admissionregistrationv1.NamedRuleWithOperations{
		ruleFor("apps", []string{"deployments", "statefulsets", "daemonsets", "replicasets"}, both...),
		ruleFor("", []string{"replicationcontrollers"}, both...),
		ruleFor("batch", []string{"jobs", "cronjobs"}, both...),
	}
}

func ruleFor(group string, resources []string, operations ...admissionregistrationv1.OperationType) admissionregistrationv1.NamedRuleWithOperations {
	return admissionregistrationv1.NamedRuleWithOperations{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
		Operations: operations,
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{group}, APIVersions: []string{"v1"}, Resources: resources},
	}}
}

// binding says what becomes of some of what the policy judges. Its name has a
// dot, which the name of no rule has.
func binding(name, what string, rules []admissionregistrationv1.NamedRuleWithOperations, actions []admissionregistrationv1.ValidationAction) *admissionregistrationv1.ValidatingAdmissionPolicyBinding {
	return &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		TypeMeta:   typeMeta("ValidatingAdmissionPolicyBinding"),
		ObjectMeta: objectMeta(name + "." + what),
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        name,
			MatchResources:    &admissionregistrationv1.MatchResources{ResourceRules: rules},
			ValidationActions: actions,
		},
	}
}

// podActions all leave an audit annotation, as the webhook does.
func podActions(a policy.Action) []admissionregistrationv1.ValidationAction {
	switch a {
	case policy.Enforce:
		return []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny, admissionregistrationv1.Audit}
	case policy.Warn:
		return []admissionregistrationv1.ValidationAction{admissionregistrationv1.Warn, admissionregistrationv1.Audit}
	}
	return []admissionregistrationv1.ValidationAction{admissionregistrationv1.Audit}
}

// templateActions never deny: the pods are what is denied.
func templateActions(a policy.Action) []admissionregistrationv1.ValidationAction {
	if a == policy.Enforce {
		a = policy.Warn
	}
	return podActions(a)
}
