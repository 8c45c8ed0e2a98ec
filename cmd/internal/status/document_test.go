package status

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/registration"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// fine is all facts when all is well.
func fine() *Facts {
	ahead := 2 * time.Second
	return &Facts{
		Version: "v1.2.3", Replica: "tcr-webhook-0",
		Config: Config{Digest: "one"},
		Instances: []Instance{{
			ID: "tcr-demo0001", Identity: "SecretKey", Route: "PrivateName", Hosts: []string{"demo.tencentcloudcr.com"}, Namespaces: 12,
			Token: &Token{IssuedAt: metav1.NewTime(noon), ExpiresAt: metav1.NewTime(noon.Add(time.Hour))}, Secrets: map[string]int{"current": 3},
		}},
		Secrets:       map[string]int{"current": 3, "foreign": 1, "expired": 0},
		Certificate:   &Validity{noon.Add(-time.Hour), noon.Add(24 * time.Hour)},
		Registrations: &[]registration.Gap{},
		ClockAhead:    &ahead,
	}
}

var denied = &Problem{Reason: ProblemDenied, Message: "CreateInstanceToken for tcr-demo0001: access denied", MissingRight: "tcr:CreateInstanceToken on qcs::tcr:::instance/tcr-demo0001"}

// said is status and reason of each condition.
func said(conditions []metav1.Condition) map[string]string {
	said := map[string]string{}
	for _, c := range conditions {
		said[c.Type] = string(c.Status) + " " + c.Reason
	}
	return said
}

func TestConditions(t *testing.T) {
	t.Parallel()
	asWell := map[string]string{
		Ready: "True AllWell", ConfigAccepted: "True ConfigApplied", HostsKnown: "True HostsFound", TokenValid: "True TokenIssued",
		RouteResolved: "True RouteFound", SecretsDelivered: "True PullSecretsDelivered", CertificateValid: "True CertificateServed",
		RegistrationsMatch: "True RegistrationsComplete", ClockInSync: "True ClocksAgree",
	}
	gaps := func(kinds ...registration.Kind) *[]registration.Gap {
		var list []registration.Gap
		for _, k := range kinds {
			list = append(list, registration.Gap{Kind: k, In: "pods.tcr-webhook.io", Host: "r.example.com"})
		}
		return &list
	}
	tests := []struct {
		name   string
		change func(*Facts)
		want   map[string]string // what differs from when all is well
	}{
		{"all is well", func(*Facts) {}, nil},
		{"nothing is known yet", func(f *Facts) { *f = Facts{} }, map[string]string{
			Ready: "Unknown NotObserved", HostsKnown: "Unknown NotObserved", TokenValid: "Unknown NotObserved", RouteResolved: "Unknown NotObserved", SecretsDelivered: "Unknown NotObserved",
			CertificateValid: "Unknown NotObserved", RegistrationsMatch: "Unknown NotObserved", ClockInSync: "Unknown NotObserved",
		}},
		{"a rejected configuration", func(f *Facts) { f.Config.Error = "config.yaml:5: unknown key" }, map[string]string{
			Ready: "False ConfigRejected", ConfigAccepted: "False ConfigRejected",
		}},
		{"no hosts", func(f *Facts) { f.Instances[0].Hosts = nil }, map[string]string{Ready: "False HostsUnknown", HostsKnown: "False HostsUnknown"}},
		{"the first token is on its way", func(f *Facts) { f.Instances[0].Token = nil }, map[string]string{Ready: "Unknown NotObserved", TokenValid: "Unknown NotObserved"}},
		{"no token", func(f *Facts) { f.Instances[0].Token, f.Instances[0].LastError = nil, denied }, map[string]string{
			Ready: "False TokenMissing", TokenValid: "False TokenMissing",
		}},
		{"an expired token", func(f *Facts) {
			f.Instances[0].Token.ExpiresAt, f.Instances[0].LastError = metav1.NewTime(noon), denied
		}, map[string]string{
			Ready: "False TokenExpired", TokenValid: "False TokenExpired",
		}},
		{"a failing renewal", func(f *Facts) { f.Instances[0].LastError = denied }, map[string]string{TokenValid: "True TokenRenewalFailed"}},
		{"a fixed login", func(f *Facts) { *f.Instances[0].Token = Token{} }, nil},
		{"a fixed login whose Secret is away", func(f *Facts) { *f.Instances[0].Token, f.Instances[0].LastError = Token{}, denied }, map[string]string{TokenValid: "True TokenRenewalFailed"}},
		{"the worst of several", func(f *Facts) {
			f.Instances = append(f.Instances, Instance{ID: "tcr-b", Hosts: []string{"b"}, LastError: denied}, f.Instances[0])
			f.Instances[0].LastError = denied
		}, map[string]string{Ready: "False TokenMissing", TokenValid: "False TokenMissing"}},
		{"no private route", func(f *Facts) { f.Instances[0].RouteReason, f.Instances[0].RouteMessage = "NoLink", "see to it" }, map[string]string{Ready: "False NoLink", RouteResolved: "False NoLink"}},
		{"a route that nobody has looked for", func(f *Facts) { f.Instances[0].RouteReason, f.Instances[0].RouteMessage = NotObserved, "see to it" }, map[string]string{Ready: "Unknown NotObserved", RouteResolved: "Unknown NotObserved"}},
		{"no answer about a route", func(f *Facts) { f.Instances[0].RouteReason, f.Instances[0].RouteMessage = "RouteNotKnown", "see to it" }, map[string]string{RouteResolved: "Unknown RouteNotKnown"}},
		{"stale Secrets", func(f *Facts) { f.Secrets["expired"] = 2 }, map[string]string{Ready: "False PullSecretsStale", SecretsDelivered: "False PullSecretsStale"}},
		{"Secrets on their way", func(f *Facts) { f.Secrets["missing"], f.Unsettled = 2, 59*time.Second }, nil},
		{"Secrets on their way for long", func(f *Facts) { f.Secrets["missing"], f.Unsettled = 2, time.Minute }, map[string]string{
			Ready: "False PullSecretsStale", SecretsDelivered: "False PullSecretsStale",
		}},
		{"no Secrets at all", func(f *Facts) { f.Secrets = map[string]int{} }, nil},
		{"an old certificate", func(f *Facts) { f.Certificate.NotAfter = noon.Add(10 * time.Minute) }, map[string]string{CertificateValid: "True CertificateExpiresSoon"}},
		{"no certificate, and why", func(f *Facts) { f.Certificate, f.CertificateFault = nil, "it may not be made" }, map[string]string{
			Ready: "False CertificateMissing", CertificateValid: "False CertificateMissing",
		}},
		{"a certificate that the API server refuses", func(f *Facts) { f.CertificateRefused = "by the caBundle of x" }, map[string]string{
			Ready: "False CertificateNotTrusted", CertificateValid: "False CertificateNotTrusted",
		}},
		{"a certificate that nobody renews", func(f *Facts) { f.CertificateFault = "it may not be written" }, map[string]string{CertificateValid: "True CertificateRenewalFailed"}},
		{"an expired certificate", func(f *Facts) { f.Certificate.NotAfter = noon }, map[string]string{
			Ready: "False CertificateExpired", CertificateValid: "False CertificateExpired",
		}},
		{"no registration", func(f *Facts) { f.Registrations = gaps(registration.Missing) }, map[string]string{
			Ready: "False RegistrationMissing", RegistrationsMatch: "False RegistrationMissing",
		}},
		{"a host that is not registered", func(f *Facts) { f.Registrations = gaps(registration.NotUnderstood, registration.HostNotNamed) }, map[string]string{
			Ready: "False HostNotRegistered", RegistrationsMatch: "False HostNotRegistered",
		}},
		{"an empty caBundle", func(f *Facts) { f.Registrations = gaps(registration.CABundleMissing) }, map[string]string{
			Ready: "False RegistrationIncomplete", RegistrationsMatch: "False RegistrationIncomplete",
		}},
		{"an allow-list that is not there any more", func(f *Facts) { f.Registrations = gaps(registration.Leftover, registration.FailurePolicyBlocks) }, map[string]string{
			Ready: "False RegistrationLeftover", RegistrationsMatch: "False RegistrationLeftover",
		}},
		{"a registration of another form", func(f *Facts) { f.Registrations = gaps(registration.NotUnderstood) }, map[string]string{
			RegistrationsMatch: "Unknown RegistrationsNotReadable",
		}},
		{"a wrong clock", func(f *Facts) { *f.ClockAhead = -2 * time.Minute }, map[string]string{Ready: "False ClockSkewDetected", ClockInSync: "False ClockSkewDetected"}},
		{"a clock that the API refuses", func(f *Facts) {
			f.Instances[0].LastError = &Problem{Reason: ProblemClockSkew, Message: "clocks disagree"}
		}, map[string]string{
			Ready: "False ClockSkewDetected", ClockInSync: "False ClockSkewDetected", TokenValid: "True TokenRenewalFailed",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := fine()
			tt.change(f)
			want := map[string]string{}
			for k, v := range asWell {
				want[k] = v
			}
			for k, v := range tt.want {
				want[k] = v
			}
			d := Next(f, nil, noon)
			assert.Empty(t, cmp.Diff(want, said(d.Conditions)))
			var types []string
			for _, c := range d.Conditions {
				types = append(types, c.Type)
				assert.NotEmpty(t, c.Message, c.Type)
				assert.NotContains(t, c.Message, "\n")
			}
			assert.Equal(t, ConditionTypes(), types, "each, and in their order")
		})
	}
}

func TestTransitionTimesMoveWithTheStatusAlone(t *testing.T) {
	t.Parallel()
	at := func(d *Document, kind string) time.Time {
		return meta.FindStatusCondition(d.Conditions, kind).LastTransitionTime.UTC()
	}
	first := Next(fine(), nil, noon)
	later := noon.Add(time.Minute)

	same := Next(fine(), first, later)
	assert.Equal(t, noon, at(same, TokenValid))
	assert.Empty(t, cmp.Diff(first, same), "nothing has changed")

	f := fine()
	f.Instances[0].LastError = denied
	failing := Next(f, same, later)
	assert.Equal(t, noon, at(failing, TokenValid), "another reason for the same status")
	assert.Equal(t, later, failing.Instances[0].LastError.Since.UTC())

	f.Instances[0].Token.ExpiresAt = metav1.NewTime(noon)
	expired := Next(f, failing, later.Add(time.Minute))
	assert.Equal(t, later.Add(time.Minute), at(expired, TokenValid))
	assert.Equal(t, later, expired.Instances[0].LastError.Since.UTC(), "it is the same problem")
	assert.Equal(t, noon, at(expired, CertificateValid))
}

func TestNotices(t *testing.T) {
	t.Parallel()
	state := func(change func(*Facts)) *Document {
		f := fine()
		if change != nil {
			change(f)
		}
		return Next(f, nil, noon)
	}
	rejected := func(text string) func(*Facts) { return func(f *Facts) { f.Config.Error = text } }
	routed := func(route, reason string) func(*Facts) {
		return func(f *Facts) {
			f.Instances[0].Route, f.Instances[0].RouteReason, f.Instances[0].RouteMessage = route, reason, "see to it"
		}
	}
	added := func(text string) func(*Facts) { return func(f *Facts) { f.Addon = []string{text} } }
	failing := func(f *Facts) { f.Instances[0].LastError = denied }
	tests := []struct {
		name          string
		before, after *Document
		want          []string
	}{
		{"the first document, and all is well", nil, state(nil), nil},
		{"the first document, and something is not", nil, state(rejected("x")), []string{"Warning ConfigRejected"}},
		{"nothing new", state(nil), state(nil), nil},
		{"nothing new about what is wrong", state(rejected("x")), state(rejected("x")), nil},
		{"from unknown to well", state(func(f *Facts) { f.Registrations = nil }), state(nil), nil},
		{"from well to unknown", state(nil), state(func(f *Facts) { f.Registrations = nil }), nil},
		{"a mistake", state(nil), state(rejected("x")), []string{"Warning ConfigRejected"}},
		{"another mistake", state(rejected("x")), state(rejected("y")), []string{"Warning ConfigRejected"}},
		{"a mistake is undone", state(rejected("x")), state(nil), []string{"Normal ConfigApplied"}},
		{"a changed configuration", state(nil), state(func(f *Facts) { f.Config.Digest = "two" }), []string{"Normal ConfigApplied"}},
		{"a mistake is corrected", state(rejected("x")), state(func(f *Facts) { f.Config.Digest = "two" }), []string{"Normal ConfigApplied"}},
		{"a renewal fails", state(nil), state(failing), []string{"Warning TokenRenewalFailed"}},
		{"it succeeds", state(failing), state(nil), []string{"Normal TokenIssued"}},
		{"another route", state(nil), state(routed("PublicName", "")), []string{"Normal RouteChanged"}},
		{"no route any more", state(nil), state(routed("None", "NoLink")), []string{"Warning RouteChanged"}},
		{"a route", state(routed("None", "NoLink")), state(nil), []string{"Normal RouteChanged"}},
		{"another reason for none", state(routed("None", "NoLink")), state(routed("None", "LinkPending")), []string{"Warning LinkPending"}},
		{"a first route", state(routed("", NotObserved)), state(nil), nil},
		{"the add-on sets a name", state(nil), state(added("x")), []string{"Warning AddonConflict"}},
		{"it goes on", state(added("x")), state(added("x")), nil},
		{"it is over", state(added("x")), state(nil), nil},
		{"more Secrets are stale", state(func(f *Facts) { f.Secrets["missing"] = 1 }), state(func(f *Facts) { f.Secrets["missing"] = 2 }), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, n := range Notices(tt.before, tt.after) {
				kind := "Normal "
				if n.Warning {
					kind = "Warning "
				}
				got = append(got, kind+n.Reason)
				assert.NotEmpty(t, n.Message)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestEncodeAndDecode(t *testing.T) {
	t.Parallel()
	f := fine()
	f.Instances[0].LastError = denied
	f.Instances = append(f.Instances, Instance{ID: "personal", Token: &Token{}})
	f.Registrations = &[]registration.Gap{{Kind: registration.HostNotNamed, In: "pods.tcr-webhook.io", Host: "r.example.com"}}
	d := Next(f, nil, noon)
	data, err := Encode(d)
	require.NoError(t, err)
	got, err := Decode(data)
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(d, got))
	assert.Contains(t, data[Key], "missingRight: tcr:CreateInstanceToken on qcs::tcr:::instance/tcr-demo0001\n")

	for name, data := range map[string]map[string]string{
		"nothing":           nil,
		"another's":         {"x": data[Key]},
		"something else":    {Key: "a: b"},
		"a later version":   {Key: strings.Replace(data[Key], "v1alpha1", "v2", 1)},
		"what is no object": {Key: "[]"},
	} {
		_, err := Decode(data)
		assert.Error(t, err, name)
	}
	newer, err := Decode(map[string]string{Key: data[Key] + "later: field\n"})
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(d, newer))
}

// That another CA signs is told once, and a restart is none.
func TestARotationIsTold(t *testing.T) {
	t.Parallel()
	f := fine()
	f.Authority = &Validity{NotBefore: noon, NotAfter: noon.Add(time.Hour)}
	before := Next(f, nil, noon)
	assert.Empty(t, Notices(before, Next(f, before, noon)))
	f.Authority = &Validity{NotBefore: noon.Add(time.Minute), NotAfter: noon.Add(time.Hour)}
	after := Next(f, before, noon)
	require.Len(t, Notices(before, after), 1)
	assert.Equal(t, CertificateRotated, Notices(before, after)[0].Reason)
	assert.False(t, Notices(before, after)[0].Warning)
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	f := fine()
	serving := Certificate{Kind: "serving", NotBefore: metav1.NewTime(noon.Add(-time.Hour)), NotAfter: metav1.NewTime(noon.Add(24 * time.Hour))}
	assert.Equal(t, []Certificate{serving}, Next(f, nil, noon).Certificates)
	f.Authority = &Validity{NotBefore: noon, NotAfter: noon.Add(time.Second + time.Millisecond)}
	assert.Equal(t, []Certificate{serving, {Kind: "ca", NotBefore: metav1.NewTime(noon), NotAfter: metav1.NewTime(noon.Add(time.Second))}}, Next(f, nil, noon).Certificates)
	f.Certificate, f.Authority = nil, nil
	assert.Empty(t, Next(f, nil, noon).Certificates)
}

// Whatever the errors and however many the gaps, the document stays small.
func TestADocumentIsBounded(t *testing.T) {
	t.Parallel()
	f := fine()
	f.Config.Error = strings.Repeat("例", 1<<20)
	f.Instances[0].LastError = &Problem{Reason: ProblemUnavailable, Message: f.Config.Error}
	gaps := make([]registration.Gap, 1000)
	f.Registrations = &gaps
	d := Next(f, nil, noon)
	data, err := Encode(d)
	require.NoError(t, err)
	assert.Less(t, len(data[Key]), 32<<10)
	assert.True(t, utf8.ValidString(d.Config.Error))
}

func FuzzDecode(f *testing.F) {
	data, err := Encode(Next(fine(), nil, noon))
	require.NoError(f, err)
	f.Add(data[Key])
	f.Add("apiVersion: tcr-webhook.io/v1alpha1\nkind: Status\nconditions: [{type: Ready, lastTransitionTime: 2026-11-23T12:00:00Z}]\ninstances: [{}]")
	f.Fuzz(func(t *testing.T, text string) {
		before, err := Decode(map[string]string{Key: text})
		if err != nil {
			return
		}
		// Whatever somebody wrote there, the next document is as it should be.
		d := Next(fine(), before, noon)
		assert.Equal(t, said(Next(fine(), nil, noon).Conditions), said(d.Conditions))
		_ = Notices(before, d)
	})
}
