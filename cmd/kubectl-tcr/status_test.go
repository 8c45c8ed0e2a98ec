package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func in(d time.Duration) metav1.Time { return metav1.NewTime(noon.Add(d)) }

// screen is what status prints of facts.
func screen(t *testing.T, f *health.Facts, p painter) string {
	t.Helper()
	var out bytes.Buffer
	s := &statusScreen{report: health.Judge(f), out: &out, paint: p, symbols: symbols{"✔", "!", "✖", "–"}, now: noon}
	require.NoError(t, s.print())
	return out.String()
}

func sampleFacts() *health.Facts {
	return &health.Facts{
		Namespace: "tcr-webhook", Server: "https://10.0.0.1:6443", Kubernetes: "v1.30.0-tke.1", Now: noon, Configured: true, Endpoints: 2,
		Deployment: &health.Deployment{Want: 2, Ready: 2},
		Lease:      &health.Lease{Holder: "tcr-webhook-7c9f-x2_8c1b", Renewed: noon, Life: 15 * time.Second},
		Unseen:     []health.Unseen{{Thing: health.ThingRegistrations, Why: "you may not look"}},
		Document: &status.Document{
			Version: "v0.6.1", Certificates: []status.Certificate{{Kind: "ca"}, {Kind: "serving", NotAfter: in(61*24*time.Hour + time.Minute)}},
			Instances: []status.Instance{
				{ID: "tcr-m3ut3qxx", Hosts: []string{"demo.tencentcloudcr.com", "demo-vpc.tencentcloudcr.com", "r.corp.io"}, Route: "PrivateName", Token: &status.Token{ExpiresAt: in(41 * time.Minute)}, Namespaces: 40, Secrets: map[string]int{"current": 38}},
				{ID: "tcr-k2a9bbqq", Identity: "role tcr-pull", Hosts: []string{"prod.tencentcloudcr.com", "prod-vpc.tencentcloudcr.com"}, Route: "None", Token: &status.Token{ExpiresAt: in(3 * time.Minute)}, Secrets: map[string]int{"current": 11, "expiring": 1},
					LastError:   &status.Problem{Reason: status.ProblemDenied, Message: "UnauthorizedOperation", MissingRight: "tcr:CreateInstanceToken"},
					RouteReason: "NoLink", RouteMessage: "no private link from vpc-abc123 to tcr-k2a9bbqq; link them in the TCR console"},
			},
		},
	}
}

func TestStatusScreen(t *testing.T) {
	t.Parallel()
	assert.Equal(t, `tcr-webhook v0.6.1    2/2 ready, leader tcr-webhook-7c9f-x2    Kubernetes v1.30.0-tke.1    https://10.0.0.1:6443
✔ admission     2 endpoints, certificate 61d left
INSTANCE       HOSTS                                      ROUTE         TOKEN   NAMESPACES      STATE
tcr-k2a9bbqq   prod[-vpc].tencentcloudcr.com              None          3m      11/12 current   ✖ TCR402, TCR301
tcr-m3ut3qxx   demo[-vpc].tencentcloudcr.com, r.corp.io   PrivateName   41m     38/38 current   ✔
  ✖ the token of tcr-k2a9bbqq expires at 2026-11-23T12:03:00Z and cannot be renewed: UnauthorizedOperation   [TCR402]
    Grant tcr:CreateInstanceToken on tcr-k2a9bbqq to role tcr-pull: deploy/cam-policy.json has all that is needed.
  ! no private link from vpc-abc123 to tcr-k2a9bbqq; link them in the TCR console   [TCR301]
    Until then images of tcr-k2a9bbqq are pulled by the name that they are written with.
✖ 1 error, 1 warning
`, screen(t, sampleFacts(), false))

	f := sampleFacts()
	f.Document.Instances = f.Document.Instances[:1]
	assert.Equal(t, `tcr-webhook v0.6.1    2/2 ready, leader tcr-webhook-7c9f-x2    Kubernetes v1.30.0-tke.1    https://10.0.0.1:6443
✔ admission     2 endpoints, certificate 61d left
INSTANCE       HOSTS                                      ROUTE         TOKEN   NAMESPACES      STATE
tcr-m3ut3qxx   demo[-vpc].tencentcloudcr.com, r.corp.io   PrivateName   41m     38/38 current   ✔
`, screen(t, f, false), "nothing needs explaining when all is fine")

	f.Lease.Renewed, f.Deployment.Ready, f.Endpoints = noon.Add(-time.Hour), 0, 0
	down := screen(t, f, true)
	assert.Contains(t, down, "0/2 ready, no leader")
	assert.Contains(t, down, "\x1b[31m✖ admission     0 endpoints, certificate 61d left\x1b[0m\n  \x1b[31m✖ none of 2 replicas is ready\x1b[0m   [TCR102]\n")
	assert.Contains(t, down, "no replica has led since 2026-11-23T11:00:00Z")
}

func TestShortHosts(t *testing.T) {
	t.Parallel()
	for want, hosts := range map[string][]string{
		"":                                 nil,
		"a.example.com":                    {"a.example.com"},
		"a[-vpc].example.com":              {"a.example.com", "a-vpc.example.com"},
		"x-vpc.example.com, r.example.com": {"x-vpc.example.com", "r.example.com"},
		"a.example.com, b-vpc.example.com": {"a.example.com", "b-vpc.example.com"},
	} {
		assert.Equal(t, want, shortHosts(hosts))
	}
}
