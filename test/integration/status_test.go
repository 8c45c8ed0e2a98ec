package integration

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// document is what anybody can read of the status document.
type document struct {
	Config struct {
		Error string `json:"error"`
	} `json:"config"`
	Conditions []metav1.Condition `json:"conditions"`
	Secrets    map[string]int     `json:"secrets"`
	Instances  []struct {
		Instance     string   `json:"instance"`
		Identity     string   `json:"identity"`
		Route        string   `json:"route"`
		RouteReason  string   `json:"routeReason"`
		RouteMessage string   `json:"routeMessage"`
		Hosts        []string `json:"hosts"`
		Token        *struct {
			ExpiresAt metav1.Time `json:"expiresAt"`
		} `json:"token"`
		Namespaces int            `json:"namespaces"`
		Secrets    map[string]int `json:"secrets"`
		LastError  *struct {
			Reason       string `json:"reason"`
			MissingRight string `json:"missingRight"`
		} `json:"lastError"`
	} `json:"instances"`
	Registrations []string `json:"registrations"`
}

// status reads the document; an empty one means that there is none.
func (a *author) status(t *testing.T, s *stack.Stack) document {
	t.Helper()
	var cm corev1.ConfigMap
	var d document
	err := a.Get(t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: "tcr-webhook-status"}, &cm)
	if client.IgnoreNotFound(err) == nil && err != nil {
		return d
	}
	require.NoError(t, err)
	assertNoSecret(t, s, "the status", cm.String())
	require.NoError(t, yaml.Unmarshal([]byte(cm.Data["status.yaml"]), &d))
	return d
}

func (d document) condition(kind string) metav1.Condition {
	if c := meta.FindStatusCondition(d.Conditions, kind); c != nil {
		return *c
	}
	return metav1.Condition{}
}

// says tells status and reason of a condition.
func (d document) says(kind string) string {
	c := d.condition(kind)
	return string(c.Status) + " " + c.Reason
}

func (a *author) awaitCondition(t *testing.T, s *stack.Stack, kind, want string) document {
	t.Helper()
	var d document
	for end := time.Now().Add(45 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if d = a.status(t, s); d.says(kind) == want {
			return d
		}
		require.Less(t, time.Now(), end, "%s is not %s but %s: %s", kind, want, d.says(kind), d.condition(kind).Message)
	}
}

// events lists the Events of ours in a namespace, as type, reason and text.
func (a *author) events(t *testing.T, s *stack.Stack, namespace string) (list []eventsv1.Event) {
	t.Helper()
	var all eventsv1.EventList
	require.NoError(t, a.List(t.Context(), &all, client.InNamespace(namespace)))
	for _, e := range all.Items {
		if e.ReportingController == "tcr-webhook" {
			text, err := json.Marshal(e)
			require.NoError(t, err)
			assertNoSecret(t, s, "an Event", string(text))
			assert.Less(t, len(e.Note), 1000)
			list = append(list, e)
		}
	}
	return list
}

func withReason(list []eventsv1.Event, reason string) []eventsv1.Event {
	return slices.DeleteFunc(slices.Clone(list), func(e eventsv1.Event) bool { return e.Reason != reason })
}

// awaitEvent waits for an Event and returns it.
func (a *author) awaitEvent(t *testing.T, s *stack.Stack, namespace, reason string) eventsv1.Event {
	t.Helper()
	var found []eventsv1.Event
	eventually(t, "an Event "+reason, func() bool {
		found = withReason(a.events(t, s, namespace), reason)
		return len(found) > 0
	})
	return found[0]
}

func TestStatusIsKept(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	d := a.awaitCondition(t, s, "Ready", "True AllWell")
	var kinds []string
	for _, c := range d.Conditions {
		kinds = append(kinds, c.Type)
		assert.Equal(t, metav1.ConditionTrue, c.Status, c.Type)
	}
	assert.Equal(t, []string{
		"Ready", "ConfigAccepted", "HostsKnown", "TokenValid", "RouteResolved", "SecretsDelivered", "CertificateValid", "RegistrationsMatch", "ClockInSync",
	}, kinds)
	require.Len(t, d.Instances, 1)
	i := d.Instances[0]
	assert.Equal(t, stack.InstanceID, i.Instance)
	assert.Contains(t, i.Identity, "SecretKey")
	assert.Equal(t, "PrivateName", i.Route)
	assert.Equal(t, []string{stack.PublicHost, stack.PrivateHost}, i.Hosts)
	require.NotNil(t, i.Token)
	assert.WithinDuration(t, time.Now().Add(time.Hour), i.Token.ExpiresAt.Time, 5*time.Minute)
	assert.Positive(t, i.Namespaces)
	assert.Nil(t, i.LastError)

	a.namespace(t, "shop")
	a.pod(t, "shop", "hello", publicImage)
	eventually(t, "the Secret to be counted", func() bool {
		d := a.status(t, s)
		return d.Secrets["current"] == 1 && d.Instances[0].Secrets["current"] == 1
	})
	assert.Equal(t, 1, counted(t, s, `tcr_webhook_pull_secrets{state="current"}`))
	valid := d.condition("TokenValid").LastTransitionTime

	require.NoError(t, s.WriteConfig(strings.Replace(stack.DefaultConfig, "route: Private", "rout: Private", 1)))
	d = a.awaitCondition(t, s, "ConfigAccepted", "False ConfigRejected")
	assert.Contains(t, d.Config.Error, `unknown key "rout"`)
	assert.Equal(t, "False ConfigRejected", d.says("Ready"))
	e := a.awaitEvent(t, s, stack.Namespace, "ConfigRejected")
	assert.Equal(t, corev1.EventTypeWarning, e.Type)
	assert.Equal(t, "tcr-webhook-status", e.Regarding.Name)
	assert.Contains(t, e.Note, `unknown key "rout"`)
	assert.Zero(t, counted(t, s, "tcr_webhook_config_last_reload_successful"))

	require.NoError(t, s.WriteConfig(strings.Replace(stack.DefaultConfig, "route: Private", "rute: Private", 1)))
	eventually(t, "the second mistake to be told", func() bool {
		list := withReason(a.events(t, s, stack.Namespace), "ConfigRejected")
		return len(list) == 2 && list[0].Note != list[1].Note
	})
	require.NoError(t, s.WriteConfig(strings.Replace(stack.DefaultConfig, "route: Private", "route: Public", 1)))
	a.awaitCondition(t, s, "Ready", "True AllWell")
	a.awaitEvent(t, s, stack.Namespace, "ConfigApplied")
	assert.Equal(t, 1, counted(t, s, "tcr_webhook_config_last_reload_successful"))
	assert.Equal(t, 2, counted(t, s, "tcr_webhook_config_generation"))

	before := a.events(t, s, stack.Namespace)
	s.Server.Kill()
	require.NoError(t, s.Server.Restart(t.Context()))
	eventually(t, "a new leader", func() bool { return counted(t, s, "tcr_webhook_leader") == 1 })
	a.namespace(t, "more")
	a.pod(t, "more", "hello", publicImage)
	eventually(t, "the new leader's count", func() bool { return a.status(t, s).Secrets["current"] == 2 })
	d = a.awaitCondition(t, s, "Ready", "True AllWell")
	assert.Equal(t, valid, d.condition("TokenValid").LastTransitionTime, "nothing has changed about it")
	assert.Len(t, a.events(t, s, stack.Namespace), len(before), "a restart is no news")
}

func TestStatusNamesTheMissingRight(t *testing.T) {
	t.Parallel()
	const life = 20 * time.Second
	s := start(t, stack.Options{Prepare: func(c *tencent.Cloud) { c.SetTokenLifetime(life) }})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	a.pod(t, "shop", "first", publicImage)
	ready := a.awaitCondition(t, s, "TokenValid", "True TokenIssued").condition("TokenValid")

	s.Cloud.SetFault("CreateInstanceToken", tencent.Fault{Code: "UnauthorizedOperation", Message: marker})
	d := a.awaitCondition(t, s, "TokenValid", "False TokenExpired")
	assert.True(t, d.condition("TokenValid").LastTransitionTime.After(ready.LastTransitionTime.Time))
	require.NotNil(t, d.Instances[0].LastError)
	assert.Equal(t, "Denied", d.Instances[0].LastError.Reason)
	assert.Equal(t, "tcr:CreateInstanceToken on qcs::tcr:::instance/"+stack.InstanceID, d.Instances[0].LastError.MissingRight)
	a.awaitCondition(t, s, "SecretsDelivered", "False PullSecretsStale")
	assert.Equal(t, 1, counted(t, s, `tcr_webhook_pull_secrets{state="expired"}`))
	e := a.awaitEvent(t, s, stack.Namespace, "TokenExpired")
	assert.Contains(t, e.Note, "tcr:CreateInstanceToken")

	assert.Empty(t, withReason(a.events(t, s, "shop"), "TokenExpired"), "no pod was admitted since")
	for range 20 {
		pod := newPod("shop", "", publicImage)
		pod.GenerateName = "later-"
		require.NoError(t, a.Create(t.Context(), pod))
	}
	e = a.awaitEvent(t, s, "shop", "TokenExpired")
	assert.Equal(t, "shop", e.Regarding.Name)
	assert.Equal(t, "Namespace", e.Regarding.Kind)
	time.Sleep(time.Second)
	assert.Len(t, withReason(a.events(t, s, "shop"), "TokenExpired"), 1, "a storm of Events")

	leaks, err := s.Leaks(t.Context(), marker)
	require.NoError(t, err)
	assert.Empty(t, leaks)

	s.Cloud.ClearFaults()
	require.NoError(t, s.WriteConfig(stack.DefaultConfig+"\n")) // which asks again
	d = a.awaitCondition(t, s, "TokenValid", "True TokenIssued")
	assert.Nil(t, d.Instances[0].LastError)
	a.awaitCondition(t, s, "SecretsDelivered", "True PullSecretsDelivered")
}

const customHostConfig = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud:
  region: ap-guangzhou
  identity: SecretKey
  endpoint: ENDPOINT
registries:
- instance: tcr-m3ut3qxx
  hosts: {public: demo.tencentcloudcr.com, private: demo-vpc.tencentcloudcr.com, custom: [r.example.com]}
  route: Private
`

// What is said of a registration is what the API server does by it.
func TestAHostThatIsNotRegisteredIsFound(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Config: customHostConfig})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	const image = "r.example.com/team/hello:1"

	d := a.awaitCondition(t, s, "RegistrationsMatch", "False HostNotRegistered")
	assert.Contains(t, d.condition("RegistrationsMatch").Message, "r.example.com")
	require.Len(t, d.Registrations, 3, "of two entries for pods and the one for final pods")
	assert.Equal(t, 3, counted(t, s, `tcr_webhook_registration_gaps{kind="HostNotNamed"}`))
	e := a.awaitEvent(t, s, stack.Namespace, "HostNotRegistered")
	assert.Contains(t, e.Note, "r.example.com")
	assert.Empty(t, a.pod(t, "shop", "before", image).Spec.ImagePullSecrets, "the API server asked all the same")
	log, err := s.Server.Log()
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(log, "Registrations are not as they should be"))

	var mutating admissionregistrationv1.MutatingWebhookConfiguration
	var validating admissionregistrationv1.ValidatingWebhookConfiguration
	name := client.ObjectKey{Name: "zz-tcr-webhook"}
	require.NoError(t, a.Get(t.Context(), name, &mutating))
	require.NoError(t, a.Get(t.Context(), name, &validating))
	widen := func(conditions []admissionregistrationv1.MatchCondition) {
		for i := range conditions {
			conditions[i].Expression = strings.ReplaceAll(conditions[i].Expression, "^[^/]+[.]tencentcloudcr[.]com(:443)?/", "^([^/]+[.]tencentcloudcr[.]com|r[.]example[.]com)(:443)?/")
		}
	}
	for i := range mutating.Webhooks {
		widen(mutating.Webhooks[i].MatchConditions)
	}
	for i := range validating.Webhooks {
		widen(validating.Webhooks[i].MatchConditions)
	}
	require.NoError(t, a.Update(t.Context(), &mutating))
	require.NoError(t, a.Update(t.Context(), &validating))
	d = a.awaitCondition(t, s, "RegistrationsMatch", "True RegistrationsComplete")
	assert.Empty(t, d.Registrations)
	assert.Zero(t, counted(t, s, "tcr_webhook_registration_gaps{"))
	eventually(t, "the API server to ask", func() bool {
		pod := newPod("shop", "", image)
		pod.GenerateName = "after-"
		require.NoError(t, a.Create(t.Context(), pod))
		return len(pod.Spec.ImagePullSecrets) > 0
	})

	require.NoError(t, a.Delete(t.Context(), &validating))
	a.awaitCondition(t, s, "RegistrationsMatch", "False RegistrationMissing")
}

func TestNamespacesAreTold(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	for _, name := range []string{"shop", "foreign"} {
		a.namespace(t, name)
	}
	foreign := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "foreign", Name: "tcr-pull"}, StringData: map[string]string{"a": "b"}}
	require.NoError(t, a.Create(t.Context(), foreign))
	for _, name := range []string{"one", "two", "three"} {
		a.pod(t, "shop", name, publicImage)
		a.pod(t, "foreign", name, publicImage)
	}
	created := a.awaitEvent(t, s, "shop", "PullSecretCreated")
	assert.Equal(t, corev1.EventTypeNormal, created.Type)
	assert.Contains(t, created.Note, stack.InstanceID)
	var ns corev1.Namespace
	require.NoError(t, a.Get(t.Context(), client.ObjectKey{Name: "shop"}, &ns))
	assert.Equal(t, ns.UID, created.Regarding.UID)
	assert.Equal(t, corev1.EventTypeWarning, a.awaitEvent(t, s, "foreign", "PullSecretConflict").Type)

	secret := a.secret(t, "shop")
	secret.Data[corev1.DockerConfigJsonKey] = []byte(`{"auths":{}}`)
	require.NoError(t, a.Update(t.Context(), secret))
	a.awaitEvent(t, s, "shop", "PullSecretRepaired")

	require.NoError(t, a.Get(t.Context(), client.ObjectKey{Name: "shop"}, &ns))
	metav1.SetMetaDataAnnotation(&ns.ObjectMeta, "tcr-webhook.io/deliver", stack.InstanceID)
	require.NoError(t, a.Update(t.Context(), &ns))
	require.NoError(t, s.WriteConfig(strings.Replace(stack.DefaultConfig, `"!no-tcr"`, `"!shop"`, 1)))
	assert.Contains(t, a.awaitEvent(t, s, "shop", "DeliverInvalid").Note, "remove it")

	assert.Len(t, a.events(t, s, "shop"), 3, "once each")
	assert.Len(t, a.events(t, s, "foreign"), 1)
	a.awaitEvent(t, s, stack.Namespace, "ConfigApplied")
	assert.Len(t, a.events(t, s, stack.Namespace), 1, "all of ours is well")
	leaks, err := s.Leaks(t.Context(), marker)
	require.NoError(t, err)
	assert.Empty(t, leaks)
}
