package doctor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
)

func codesOf(found []health.Finding) (codes []string) {
	for _, f := range found {
		codes = append(codes, f.Code)
	}
	return codes
}

func TestOfCloud(t *testing.T) {
	t.Parallel()
	problem := func(reason, message, right string) *status.Problem {
		return &status.Problem{Reason: reason, Message: message, MissingRight: right}
	}
	for name, tt := range map[string]struct {
		instance status.Instance
		want     []string
	}{
		"all is well":             {status.Instance{Rights: map[string]bool{"tcr:CreateInstanceToken": true}}, nil},
		"a right is missing":      {status.Instance{Rights: map[string]bool{"tcr:CreateInstanceToken": false}, LastError: problem(status.ProblemDenied, "x", "tcr:CreateInstanceToken on x")}, []string{"TCR211"}},
		"a right that costs less": {status.Instance{Rights: map[string]bool{"tcr:DescribeInstanceCustomizedDomain": false}}, []string{"TCR213"}},
		"a wrong key":             {status.Instance{LastError: problem(status.ProblemDenied, "CreateInstanceToken for tcr-a: access denied: AuthFailure.SignatureFailure", "")}, []string{"TCR201"}},
		"no key":                  {status.Instance{LastError: problem(status.ProblemUnavailable, "no credentials for Tencent Cloud: file x does not exist", "")}, []string{"TCR201"}},
		"STS refuses":             {status.Instance{LastError: problem(status.ProblemDenied, "AssumeRole for x", "sts:AssumeRole on qcs::cam::x")}, []string{"TCR201"}},
		"no way to the API":       {status.Instance{LastError: problem(status.ProblemUnavailable, "CreateInstanceToken for tcr-a: no answer", "")}, []string{"TCR202"}},
		"no such instance":        {status.Instance{LastError: problem(status.ProblemNotFound, "CreateInstanceToken for tcr-a: not found", "")}, []string{"TCR204"}},
		"throttled":               {status.Instance{LastError: problem(status.ProblemThrottled, "CreateInstanceToken for tcr-a: RequestLimitExceeded", "")}, []string{"TCR205"}},
		"a fixed login":           {status.Instance{LastError: problem(status.ProblemSource, "no Secret x", "")}, []string{"TCR207"}},
		"the clock":               {status.Instance{LastError: problem(status.ProblemClockSkew, "CreateInstanceToken for tcr-a: clock", "")}, nil},
	} {
		tt.instance.ID = "tcr-a"
		found, _ := OfCloud(&status.Document{Instances: []status.Instance{tt.instance, tt.instance}})
		if len(tt.want) > 0 && tt.want[0] > "TCR210" {
			tt.want = append(tt.want, tt.want...) // each instance has its rights, and an identity is told of once
		}
		assert.Equal(t, tt.want, codesOf(found), name)
	}
	found, unseen := OfCloud(nil)
	assert.Empty(t, found)
	assert.NotEmpty(t, unseen)
}

func TestOfNetworkPolicies(t *testing.T) {
	t.Parallel()
	port := func(p intstr.IntOrString) []networkingv1.NetworkPolicyPort {
		return []networkingv1.NetworkPolicyPort{{Port: &p}}
	}
	policy := func(spec networkingv1.NetworkPolicySpec) networkingv1.NetworkPolicy {
		return networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: spec}
	}
	deny := policy(networkingv1.NetworkPolicySpec{})
	named := policy(networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{Ports: port(intstr.FromString("webhook"))}}})
	other := policy(networkingv1.NetworkPolicySpec{PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "other"}}})
	within := policy(networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8"}}}}}})
	out := policy(networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{"Egress"}, Egress: []networkingv1.NetworkPolicyEgressRule{{Ports: port(intstr.FromInt32(53))}}})
	for name, tt := range map[string]struct {
		policies []networkingv1.NetworkPolicy
		want     int
	}{
		"none": {nil, 0}, "of other pods": {[]networkingv1.NetworkPolicy{other}, 0}, "nobody in": {[]networkingv1.NetworkPolicy{deny}, 1},
		"they add up": {[]networkingv1.NetworkPolicy{deny, named}, 0}, "some addresses": {[]networkingv1.NetworkPolicy{within}, 1}, "nothing out": {[]networkingv1.NetworkPolicy{out}, 1},
	} {
		assert.Len(t, OfNetworkPolicies(tt.policies, map[string]string{"app": "tcr-webhook"}, 9443, "webhook"), tt.want, name)
	}
}

func TestOfPull(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"dial tcp 1.2.3.4:443: i/o timeout":                                          "TCR313",
		"Get https://tcr-a-1.cos.ap-guangzhou.myqcloud.com/x: dial tcp: i/o timeout": "TCR311",
		"dial tcp: lookup demo-vpc.tencentcloudcr.com on 10.0.0.10:53: no such host": "TCR312",
		"x509: certificate signed by unknown authority":                              "TCR314",
		"server message: insufficient_scope: authorization failed":                   "TCR410",
		"unexpected status: 401 Unauthorized":                                        "TCR406",
		"manifest unknown":                                                           "", "back-off pulling image": "", "": "",
	} {
		f, ok := OfPull("demo.tencentcloudcr.com/a", message)
		assert.Equal(t, want, f.Code, message)
		assert.Equal(t, want != "", ok, message)
	}
}

func FuzzOfPull(f *testing.F) {
	f.Add("lookup x.cos.y.myqcloud.com: no such host")
	f.Fuzz(func(t *testing.T, message string) {
		if found, ok := OfPull("a/b", message); ok {
			assert.Contains(t, Codes(), found.Code)
		}
	})
}

func TestBundleFault(t *testing.T) {
	t.Parallel()
	assert.Empty(t, bundleFault(nil, time.Now()), "which another says")
	assert.Contains(t, bundleFault([]byte("no PEM"), time.Now()), "without a certificate")
}
