package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubernetes "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/webhook"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/reviews"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/sample"
)

// conditions is what the API server's own code takes, in this process, to find
// out that a pod needs nothing of us: CPU ns in each round.
type conditions struct {
	All sample.Rounds
	// Least is the same with a condition that only says no in each entry: what
	// there is to evaluating any.
	Least sample.Rounds
	// Entries are how many have to say no.
	Entries int
}

// matchers are those of the entries that an ordinary pod comes to, by the kind
// of the registration: what is converted for one is there for the next.
type matchers [][]matchconditions.Matcher

// measureConditions evaluates what the chart renders.
func measureConditions(ctx context.Context, o options) (*conditions, error) {
	all, err := shippedMatchers(func([]admissionregistrationv1.MatchCondition) {})
	if err != nil {
		return nil, err
	}
	least, err := shippedMatchers(func(c []admissionregistrationv1.MatchCondition) {
		for i := range c {
			c[i].Expression = "false"
		}
	})
	if err != nil {
		return nil, err
	}
	pod, err := unneededPod()
	if err != nil {
		return nil, err
	}
	c := &conditions{Entries: len(slices.Concat(all...))}
	for range o.rounds {
		for _, of := range []struct {
			matchers
			to *sample.Rounds
		}{{all, &c.All}, {least, &c.Least}} {
			took, err := of.cost(ctx, pod)
			if err != nil {
				return nil, err
			}
			*of.to = append(*of.to, took)
		}
	}
	return c, nil
}

// shippedMatchers compiles the conditions of entries for new pods, each as
// change leaves it.
func shippedMatchers(change func([]admissionregistrationv1.MatchCondition)) (matchers, error) {
	objects, err := chart.Render(chart.InstallValues())
	if err != nil {
		return nil, err
	}
	compiler := cel.NewConditionCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	var all matchers
	for _, u := range objects {
		var of []matchconditions.Matcher
		add := func(rules []admissionregistrationv1.RuleWithOperations, c []admissionregistrationv1.MatchCondition, a webhook.WebhookAccessor) {
			change(c)
			if forNewPods(rules) {
				of = append(of, a.GetCompiledMatcher(compiler))
			}
		}
		switch u.GetKind() {
		case "MutatingWebhookConfiguration":
			var m admissionregistrationv1.MutatingWebhookConfiguration
			err = kubernetes.DefaultUnstructuredConverter.FromUnstructured(u.Object, &m)
			for i := range m.Webhooks {
				h := &m.Webhooks[i]
				add(h.Rules, h.MatchConditions, webhook.NewMutatingWebhookAccessor(h.Name, m.Name, h))
			}
		case "ValidatingWebhookConfiguration":
			var v admissionregistrationv1.ValidatingWebhookConfiguration
			err = kubernetes.DefaultUnstructuredConverter.FromUnstructured(u.Object, &v)
			for i := range v.Webhooks {
				h := &v.Webhooks[i]
				add(h.Rules, h.MatchConditions, webhook.NewValidatingWebhookAccessor(h.Name, v.Name, h))
			}
		}
		if err != nil {
			return nil, fmt.Errorf("read %s %s: %w", u.GetKind(), u.GetName(), err)
		}
		if len(of) > 0 {
			all = append(all, of)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("the chart registers nothing for new pods")
	}
	return all, nil
}

func forNewPods(rules []admissionregistrationv1.RuleWithOperations) bool {
	return slices.ContainsFunc(rules, func(r admissionregistrationv1.RuleWithOperations) bool {
		return slices.Contains(r.Operations, admissionregistrationv1.Create) && slices.Contains(r.Resources, "pods")
	})
}

// unneededPod is the usual pod with images of another registry.
func unneededPod() (*corev1.Pod, error) {
	for _, size := range reviews.Sizes() {
		if size.Name != creationInput {
			continue
		}
		data, err := json.Marshal(size.Pod())
		if err != nil {
			return nil, err
		}
		pod := &corev1.Pod{}
		err = json.Unmarshal(bytes.ReplaceAll(data, []byte(contender.PublicHost), []byte(anotherHost)), pod)
		pod.Namespace = elsewhere
		return pod, err
	}
	return nil, fmt.Errorf("no usual pod is named %q", creationInput)
}

// cost is the CPU of one of many pods that nobody is called for.
func (m matchers) cost(ctx context.Context, pod *corev1.Pod) (float64, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	author := &user.DefaultInfo{Name: "system:serviceaccount:kube-system:replicaset-controller", Groups: []string{user.AllAuthenticated}}
	attributes := admission.NewAttributesRecord(pod, nil, corev1.SchemeGroupVersion.WithKind("Pod"), pod.Namespace, pod.Name,
		corev1.SchemeGroupVersion.WithResource("pods"), "", admission.Create, &metav1.CreateOptions{}, false, author)
	const n = 2000
	start := cpuTime()
	for range n {
		for _, of := range m {
			versioned := &admission.VersionedAttributes{
				Attributes: attributes, VersionedKind: attributes.GetKind(), VersionedObject: admission.NewLazyObject(pod),
			}
			for _, matcher := range of {
				switch r := matcher.Match(ctx, versioned, nil, nil); {
				case r.Error != nil:
					return 0, fmt.Errorf("evaluate the conditions: %w", r.Error)
				case r.Matches:
					return 0, errors.New("evaluate the conditions: a pod with no image of ours is to be sent to us")
				}
			}
		}
	}
	return float64(cpuTime()-start) / n, nil
}
