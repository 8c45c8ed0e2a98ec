package health

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/registration"
	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func in(d time.Duration) metav1.Time { return metav1.NewTime(noon.Add(d)) }

// wellSet is an installation that nothing is wrong with.
func wellSet() *Facts {
	fail := admissionregistrationv1.Fail
	rules := []admissionregistrationv1.RuleWithOperations{{}}
	client := admissionregistrationv1.WebhookClientConfig{CABundle: []byte("pem")}
	f := &Facts{
		Namespace: "tcr-webhook", Server: "https://cluster", Kubernetes: "v1.30.0-tke.1", Now: noon,
		Deployment: &Deployment{Want: 2, Ready: 2}, Endpoints: 2, Configured: true,
		Lease: &Lease{Holder: "tcr-webhook-7c9f-x2_1", Renewed: noon.Add(-2 * time.Second), Life: 15 * time.Second},
		Live: registration.Live{
			Mutating:   &admissionregistrationv1.MutatingWebhookConfiguration{Webhooks: []admissionregistrationv1.MutatingWebhook{{Name: podsEntry, FailurePolicy: &fail, Rules: rules, ClientConfig: client}}},
			Validating: &admissionregistrationv1.ValidatingWebhookConfiguration{},
		},
		Document: &status.Document{
			Version: "v0.6.1", Certificates: []status.Certificate{{Kind: "serving", NotAfter: in(61 * 24 * time.Hour)}},
			Instances: []status.Instance{
				{ID: "tcr-a", Hosts: []string{"a.tencentcloudcr.com"}, Route: "PrivateName", Token: &status.Token{ExpiresAt: in(41 * time.Minute)}},
				{ID: "tcr-b", Hosts: []string{"b.tencentcloudcr.com"}, Route: "PublicName", Token: &status.Token{ExpiresAt: in(50 * time.Minute)}},
			},
		},
	}
	for _, kind := range status.ConditionTypes() {
		f.Document.Conditions = append(f.Document.Conditions, metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: status.AllWell})
	}
	return f
}

// condition makes one of the server's conditions fail.
func (f *Facts) fails(kind, reason, message string) {
	for i := range f.Document.Conditions {
		if c := &f.Document.Conditions[i]; c.Type == kind {
			c.Status, c.Reason, c.Message = metav1.ConditionFalse, reason, message
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	denied := &status.Problem{Reason: status.ProblemDenied, Message: "UnauthorizedOperation", MissingRight: "tcr:CreateInstanceToken"}
	for name, tt := range map[string]struct {
		change func(*Facts)
		want   string // severity code text
	}{
		"all is well":          {func(*Facts) {}, ""},
		"no Deployment":        {func(f *Facts) { f.Deployment = nil }, "error TCR101 there is no Deployment in namespace tcr-webhook"},
		"scaled to nothing":    {func(f *Facts) { f.Deployment = &Deployment{} }, "error TCR102 the Deployment is scaled to 0"},
		"no replica":           {func(f *Facts) { f.Deployment.Ready = 0 }, "error TCR102 none of 2 replicas is ready"},
		"one of two":           {func(f *Facts) { f.Deployment.Ready = 1 }, "warning TCR102 1 of 2 replicas are ready"},
		"one":                  {func(f *Facts) { f.Deployment = &Deployment{1, 1} }, "warning TCR102 there is one replica"},
		"nobody leads":         {func(f *Facts) { f.Lease.Renewed = noon.Add(-time.Hour) }, "error TCR103 no replica has led since 2026-11-23T11:00:00Z: nothing is renewed, and what is said below is of then"},
		"the lease was let go": {func(f *Facts) { f.Lease.Holder = "" }, "error TCR103 no replica has led since"},
		"nobody ever led":      {func(f *Facts) { f.Lease = nil }, "error TCR103 no replica leads"},
		"no status yet":        {func(f *Facts) { f.Document = nil }, "warning TCR107 there is no status yet"},
		"no way in":            {func(f *Facts) { f.Endpoints = 0 }, "error TCR105 the Service has no ready endpoint"},
		"not registered":       {func(f *Facts) { f.Live.Mutating = nil }, "error TCR104 MutatingWebhookConfiguration zz-tcr-webhook does not exist"},
		"half registered":      {func(f *Facts) { f.Live.Validating = nil }, "error TCR104 ValidatingWebhookConfiguration zz-tcr-webhook does not exist"},
		"not trusted":          {func(f *Facts) { f.Live.Mutating.Webhooks[0].ClientConfig.CABundle = nil }, "error TCR108 pods.tcr-webhook.io has no caBundle"},
		"not trusted, and never called": {func(f *Facts) {
			f.Live.Mutating.Webhooks[0].ClientConfig.CABundle, f.Live.Mutating.Webhooks[0].Rules = nil, nil
		}, ""},
		"a host is not registered": {func(f *Facts) {
			f.fails(status.RegistrationsMatch, status.HostNotRegistered, "r.example.com is not let through")
		}, "error TCR104 r.example.com is not let through"},
		"a certificate that ends":          {func(f *Facts) { f.fails(status.CertificateValid, status.CertificateExpired, "it expired") }, "error TCR106 it expired"},
		"a certificate that will end soon": {func(f *Facts) { f.Document.Conditions[6].Reason = status.CertificateExpiresSoon }, "warning TCR106 "},
		"clocks":                           {func(f *Facts) { f.fails(status.ClockInSync, status.ClockSkewDetected, "the clocks differ") }, "error TCR203 the clocks differ"},
		"a refused configuration":          {func(f *Facts) { f.fails(status.ConfigAccepted, status.ConfigRejected, "line 3: no") }, "warning TCR604 line 3: no"},
		"Secrets that are late":            {func(f *Facts) { f.fails(status.SecretsDelivered, status.PullSecretsStale, "2 missing") }, "error TCR405 2 missing"},
		"a condition of the future": {func(f *Facts) {
			f.Document.Conditions = append(f.Document.Conditions, metav1.Condition{Type: "MoonInPhase", Status: metav1.ConditionFalse, Message: "no"})
		}, "error TCR109 no"},
		"a token cannot be renewed": {func(f *Facts) { f.Document.Instances[1].LastError = denied }, "error TCR402 the token of tcr-b expires at 2026-11-23T12:50:00Z and cannot be renewed: UnauthorizedOperation"},
		"there never was a token":   {func(f *Facts) { f.Document.Instances[1].LastError, f.Document.Instances[1].Token = denied, nil }, "error TCR401 there is no token for tcr-b: UnauthorizedOperation"},
		"the first token comes":     {func(f *Facts) { f.Document.Instances[1].Token = nil }, "warning TCR401 the first token for tcr-b is being asked for"},
		"a token has expired":       {func(f *Facts) { f.Document.Instances[1].Token.ExpiresAt = in(-time.Second) }, "error TCR403 the token of tcr-b expired at 2026-11-23T11:59:59Z"},
		"a fixed login":             {func(f *Facts) { f.Document.Instances[1].Token = &status.Token{} }, ""},
		"a fixed login that cannot be read": {func(f *Facts) {
			f.Document.Instances[1].Token, f.Document.Instances[1].LastError = &status.Token{}, &status.Problem{Reason: status.ProblemSource, Message: "no such Secret"}
		}, "warning TCR402 the login of tcr-b is used as it was last read: no such Secret"},
		"hosts are not known": {func(f *Facts) { f.Document.Instances[1].Hosts = nil }, "error TCR404 images of tcr-b stay as written"},
		"no link": {func(f *Facts) {
			f.Document.Instances[1].RouteReason, f.Document.Instances[1].RouteMessage = string(registry.NoLink), "no private link"
		}, "warning TCR301 no private link"},
		"nobody has looked for a route": {func(f *Facts) { f.Document.Instances[1].RouteReason = status.NotObserved }, ""},
		"the add-on":                    {func(f *Facts) { f.Document.Addon = []string{"it sets a", "it sets b"} }, "warning TCR701 it sets a (and 1 more)"},
		"may not look": {func(f *Facts) {
			f.Deployment, f.Document, f.Lease, f.Live, f.Endpoints = nil, nil, nil, registration.Live{}, 0
			for _, thing := range []string{ThingDeployment, ThingDocument, ThingLease, ThingRegistrations, ThingEndpoints} {
				f.Unseen = append(f.Unseen, Unseen{thing, "forbidden"})
			}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := wellSet()
			tt.change(f)
			r := Judge(f)
			if tt.want == "" {
				assert.Empty(t, r.Findings)
				assert.Empty(t, r.Worst())
				return
			}
			if assert.Len(t, r.Findings, 1) {
				one := r.Findings[0]
				assert.True(t, strings.HasPrefix(string(one.Severity)+" "+one.Code+" "+one.Text, tt.want), "%+v", one)
				assert.Regexp(t, `^[A-Zk].*[^ ]$`, one.Next)
				assert.NotContains(t, one.Next, "..")
			}
			if len(r.Findings) > 0 && r.Findings[0].About != "" {
				assert.Equal(t, r.Findings[0].About, r.Instances[0].ID, "the worst instance is not the first")
				assert.Equal(t, []string{r.Findings[0].Code}, r.Instances[0].Codes)
			}
		})
	}
}

func TestTheWorstIsFirst(t *testing.T) {
	t.Parallel()
	f := wellSet()
	f.Deployment.Ready = 1
	f.Document.Addon = []string{"a"}
	f.fails(status.ClockInSync, status.ClockSkewDetected, "the clocks differ")
	f.Document.Instances[0].RouteReason = string(registry.NoLink)
	f.Document.Instances[1].Token.ExpiresAt = in(-time.Second)
	r := Judge(f)
	var codes []string
	for _, one := range r.Findings {
		codes = append(codes, one.Code)
	}
	assert.Equal(t, []string{"TCR203", "TCR403", "TCR102", "TCR701", "TCR301"}, codes)
	assert.Equal(t, "tcr-b", r.Instances[0].ID)
	assert.Equal(t, "tcr-webhook-7c9f-x2_1", r.Leader)
	assert.Equal(t, "Fail", r.FailurePolicy)
}

// Every reason that a route can be lost by has a code of its own.
func TestRouteCodesDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]registry.Reason{}
	for reason, code := range routeCodes() {
		assert.Empty(t, seen[code], code)
		seen[code] = reason
	}
}
