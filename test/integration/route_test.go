package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// observed serves the stack's instance by what is observed of it.
const observed = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud:
  region: ap-guangzhou
  vpc: vpc-abc123
  identity: SecretKey
  endpoint: ENDPOINT
privateNetwork: {observeEvery: 1s}
registries:
- instance: tcr-m3ut3qxx
`

const linkIP = "10.0.0.2"

// record is a DNS record of the cluster's VPC.
func record(public bool, status string) tencent.DNSRecord {
	return tencent.DNSRecord{VPC: "vpc-abc123", IP: linkIP, Public: public, Status: status}
}

func running() []tencent.Link {
	return []tencent.Link{{VPC: "vpc-other", IP: "10.9.0.9"}, {VPC: "vpc-abc123", IP: linkIP}}
}

// instance is the stack's in another state of links and records.
func instance(c *tencent.Cloud, links []tencent.Link, records ...tencent.DNSRecord) {
	c.AddInstance(tencent.Instance{ID: stack.InstanceID, Name: stack.InstanceName, Links: links, DNS: records})
}

// routed is the image that a new pod gets, and the warning that comes with it.
func (a *author) routed(t *testing.T) (image, warning string) {
	t.Helper()
	a.taken()
	pod := newPod("shop", "", publicImage)
	pod.GenerateName = "pod-"
	require.NoError(t, a.Create(t.Context(), pod))
	return images(pod)[0], a.taken()
}

// awaitRoute waits until the metric says so, and nothing else.
func awaitRoute(t *testing.T, s *stack.Stack, want string) {
	t.Helper()
	eventually(t, "route "+want, func() bool {
		return counted(t, s, fmt.Sprintf(`tcr_webhook_route_state{registry=%q,state=%q}`, stack.InstanceID, want)) == 1
	})
	for _, other := range []string{"PublicName", "PrivateName", "Hosts", "None"} {
		if other != want {
			assert.Zero(t, counted(t, s, fmt.Sprintf(`tcr_webhook_route_state{registry=%q,state=%q}`, stack.InstanceID, other)))
		}
	}
}

func TestARouteFollowsWhatIsObserved(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Config: observed})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	for _, step := range []struct {
		name    string
		links   []tencent.Link
		records []tencent.DNSRecord
		route   string
		reason  string
		image   string
		warning string
	}{
		{"no link", nil, nil, "None", "NoLink", publicImage, "no private link from vpc-abc123"},
		{"a link on its way", []tencent.Link{{VPC: "vpc-abc123", Status: "Pending"}}, nil, "None", "LinkPending", publicImage, "is being set up"},
		{"no name resolves", running(), nil, "None", "NoPrivateDNS", publicImage, "no name resolves to it"},
		{"the private name", running(), []tencent.DNSRecord{record(false, "ENABLED"), record(true, "DISABLE")}, "PrivateName", "RouteFound", privateImage, ""},
		{"both names", running(), []tencent.DNSRecord{record(false, "ENABLE"), record(true, "ENABLE")}, "PublicName", "RouteFound", publicImage, ""},
		{"the public name", running(), []tencent.DNSRecord{record(true, "ENABLED")}, "PublicName", "RouteFound", publicImage, ""},
	} {
		instance(s.Cloud, step.links, step.records...)
		a.awaitCondition(t, s, "RouteResolved", map[bool]string{true: "True ", false: "False "}[step.route != "None"]+step.reason)
		awaitRoute(t, s, step.route)
		image, warning := a.routed(t)
		assert.Equal(t, step.image, image, step.name)
		if step.warning == "" {
			assert.Empty(t, warning, step.name)
		} else {
			assert.Contains(t, warning, step.warning, step.name)
			assert.Contains(t, warning, stack.InstanceID, step.name)
		}
	}

	eventually(t, "None to PrivateName, and that to PublicName", func() bool {
		return len(withReason(a.events(t, s, stack.Namespace), "RouteChanged")) == 2
	})
	for _, c := range withReason(a.events(t, s, stack.Namespace), "RouteChanged") {
		assert.Contains(t, c.Note, "PrivateName")
	}
	log, err := s.Server.Log()
	require.NoError(t, err)
	assert.LessOrEqual(t, strings.Count(log, "Route observed"), 6, "it flaps")
}

// While the API is away, and over a restart, what was seen last stands.
func TestARouteStandsWhileTheAPIIsAway(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Config: observed, Prepare: func(c *tencent.Cloud) { instance(c, running(), record(false, "ENABLED")) }})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	image, warning := a.routed(t)
	require.Equal(t, privateImage, image, "the first pod after an install")
	assert.Empty(t, warning)

	for _, action := range []string{"DescribeInternalEndpoints", "DescribeInternalEndpointDnsStatus"} {
		s.Cloud.SetFault(action, tencent.Fault{Code: "InternalError", Message: marker})
	}
	instance(s.Cloud, nil)
	before := len(s.Cloud.Calls("DescribeInternalEndpoints"))
	eventually(t, "two looks", func() bool { return len(s.Cloud.Calls("DescribeInternalEndpoints")) >= before+2 })
	image, _ = a.routed(t)
	assert.Equal(t, privateImage, image, "the API is away")

	s.Server.Kill()
	require.NoError(t, s.Server.Restart(t.Context()))
	image, _ = a.routed(t)
	assert.Equal(t, privateImage, image, "after a restart")
	eventually(t, "the new leader", func() bool { return counted(t, s, "tcr_webhook_leader") == 1 })
	image, _ = a.routed(t)
	assert.Equal(t, privateImage, image, "after a look of the new leader's")

	s.Cloud.ClearFaults()
	awaitRoute(t, s, "None")
	image, warning = a.routed(t)
	assert.Equal(t, publicImage, image)
	assert.Contains(t, warning, "no private link")
}

// One replica looks, and all agree.
func TestReplicasAgreeOnARoute(t *testing.T) {
	t.Parallel()
	config := strings.Replace(observed, "observeEvery: 1s", "observeEvery: 30s", 1)
	s := start(t, stack.Options{Config: config, Replicas: 3, Prepare: func(c *tencent.Cloud) { instance(c, running(), record(false, "ENABLED")) }})
	agreed := func(state string) func() bool {
		return func() bool {
			for _, r := range s.Servers {
				text, err := r.Scrape(t.Context())
				if err != nil || !strings.Contains(text, fmt.Sprintf(`tcr_webhook_route_state{registry=%q,state=%q} 1`, stack.InstanceID, state)) {
					return false
				}
			}
			return true
		}
	}
	eventually(t, "all to know the route", agreed("PrivateName"))
	assert.Len(t, s.Cloud.Calls("DescribeInternalEndpoints"), 1)
	assert.Len(t, s.Cloud.Calls("DescribeInternalEndpointDnsStatus"), 1)
	instance(s.Cloud, running(), record(true, "ENABLED"))
	require.NoError(t, s.WriteConfig(config+"\n# look anew\n"))
	begun := time.Now()
	eventually(t, "all to know of the change", agreed("PublicName"))
	assert.Less(t, time.Since(begun), 20*time.Second)
	assert.LessOrEqual(t, len(s.Cloud.Calls("DescribeInternalEndpoints")), 4)
}

// A private route is made from nothing, by processes that are killed at each
// step, and what there is in the end was made once.
func TestAPrivateRouteIsMade(t *testing.T) {
	t.Parallel()
	config := strings.Replace(observed, "observeEvery: 1s", "observeEvery: 1s, manage: true, subnet: subnet-abc123", 1)
	const inFlight = 700 * time.Millisecond
	s := start(t, stack.Options{Config: config, Prepare: func(c *tencent.Cloud) {
		c.SetFault("ManageInternalEndpoint", tencent.Fault{Latency: inFlight, Times: 1})
	}})
	called := func(action string) func() bool {
		return func() bool { return len(s.Cloud.Calls(action)) > 0 }
	}
	state := func() tencent.Instance { return s.Cloud.Instances()[0] }
	for _, step := range []struct {
		until string
		is    func() bool
	}{
		{"the link is asked for", called("ManageInternalEndpoint")},
		{"the link is there", func() bool { return len(state().Links) > 0 }},
		{"the record is asked for", called("CreateInternalEndpointDns")},
		{"the record is there", func() bool { return len(state().DNS) > 0 }},
	} {
		eventually(t, step.until, step.is)
		s.Server.Kill()
		if step.until == "the link is there" {
			s.Cloud.SetFault("CreateInternalEndpointDns", tencent.Fault{Latency: inFlight, Times: 1})
		}
		require.NoError(t, s.Server.Restart(t.Context()))
	}
	a := newAuthor(t, s)
	a.awaitCondition(t, s, "RouteResolved", "True RouteFound")
	awaitRoute(t, s, "PublicName")
	made := state()
	require.Len(t, made.Links, 1)
	assert.Equal(t, []string{"vpc-abc123", "subnet-abc123", "Running"}, []string{made.Links[0].VPC, made.Links[0].Subnet, made.Links[0].Status})
	require.Len(t, made.DNS, 1)
	assert.Equal(t, []any{made.Links[0].IP, true, "ap-guangzhou"}, []any{made.DNS[0].IP, made.DNS[0].Public, made.DNS[0].Region})

	a.namespace(t, "shop")
	digest, err := s.Cloud.Push(t.Context(), publicImage)
	require.NoError(t, err)
	image, warning := a.routed(t)
	assert.Equal(t, publicImage, image)
	assert.Empty(t, warning)
	got, err := s.Pull(t.Context(), image, a.secret(t, "shop"))
	require.NoError(t, err)
	assert.Equal(t, digest, got)
	for _, c := range s.Cloud.Calls("ManageInternalEndpoint") {
		assert.Equal(t, "Create", c.Params["Operation"])
	}
	assert.Empty(t, s.Cloud.Calls("DeleteInternalEndpointDns"))
}

// What is made takes the rights of deploy/cam-policy-manage.json, and no other
// right does without them.
func TestMakingAPrivateRouteTakesItsRights(t *testing.T) {
	t.Parallel()
	config := strings.Replace(observed, "observeEvery: 1s", "observeEvery: 1s, manage: true, subnet: subnet-abc123", 1)
	allow := func(c *tencent.Cloud, files ...string) {
		i := c.DefaultIdentity()
		i.Policy = &tencent.Policy{}
		for _, name := range files {
			data, err := os.ReadFile(filepath.Join("..", "..", "deploy", name))
			require.NoError(t, err)
			var p tencent.Policy
			require.NoError(t, json.Unmarshal(data, &p))
			i.Policy.Statement = append(i.Policy.Statement, p.Statement...)
		}
		c.AddIdentity(i)
	}
	s := start(t, stack.Options{Config: config, Prepare: func(c *tencent.Cloud) { allow(c, "cam-policy.json") }})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	d := a.awaitCondition(t, s, "RouteResolved", "False NoLink")
	eventually(t, "the missing right to be named", func() bool {
		d = a.status(t, s)
		return strings.Contains(d.condition("RouteResolved").Message, "tcr:ManageInternalEndpoint on qcs::tcr:::instance/"+stack.InstanceID)
	})
	_, warning := a.routed(t)
	assert.Contains(t, warning, "tcr:ManageInternalEndpoint")

	allow(s.Cloud, "cam-policy.json", "cam-policy-manage.json")
	require.NoError(t, s.WriteConfig(config+"\n")) // which tries anew
	a.awaitCondition(t, s, "RouteResolved", "True RouteFound")
}

const farInstances = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud:
  region: ap-guangzhou
  vpc: vpc-abc123
  identity: SecretKey
  endpoint: ENDPOINT
privateNetwork: {observeEvery: 1s}
registries:
- instance: tcr-m3ut3qxx
- instance: tcr-wrong002
- instance: tcr-right003
- instance: tcr-abroad04
- instance: tcr-nobody05
- instance: tcr-xxxx0006
  hosts: {public: x.tencentcloudcr.com, private: x-vpc.tencentcloudcr.com}
- instance: tcr-xvpc0007
`

// Each mistake that a user can make has a clear word, in status and in the
// warning of a pod.
func TestMistakesAboutRoutesAreSaid(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Config: farInstances, Prepare: func(c *tencent.Cloud) {
		instance(c, running(), record(true, "ENABLED"))
		c.AddInstance(tencent.Instance{ID: "tcr-wrong002", Name: "wrong", Links: []tencent.Link{{VPC: "vpc-abc124"}}})
		c.AddInstance(tencent.Instance{ID: "tcr-right003", Name: "right"})
		c.AddInstance(tencent.Instance{ID: "tcr-abroad04", Name: "abroad", Region: "ap-shanghai"})
		c.AddInstance(tencent.Instance{ID: "tcr-xxxx0006", Name: "named-in-the-configuration", Links: running(), DNS: []tencent.DNSRecord{record(false, "ENABLED")}})
		c.AddInstance(tencent.Instance{ID: "tcr-xvpc0007", Name: "x-vpc", Links: running(), DNS: []tencent.DNSRecord{record(false, "ENABLED")}})
		i := c.DefaultIdentity()
		i.Policy = &tencent.Policy{Statement: []tencent.Statement{
			{Effect: "allow", Action: []string{"*"}, Resource: []string{"*"}},
			{Effect: "deny", Action: []string{"tcr:DescribeInternalEndpoints"}, Resource: []string{"qcs::tcr:::instance/tcr-right003"}},
		}}
		c.AddIdentity(i)
	}})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	for _, tc := range []struct {
		id, host   string
		reason     string // in status; empty: a route
		warning    string
		image      string // empty: as written
		inMessages string
	}{
		{"tcr-m3ut3qxx", stack.PublicHost, "", "", "", "resolves to its private link"},
		{"tcr-wrong002", "wrong.tencentcloudcr.com", "LinkedElsewhere", "check tencentCloud.vpc", "", "vpc-abc123"},
		{"tcr-right003", "right.tencentcloudcr.com", "RouteDenied", "the identity needs tcr:DescribeInternalEndpoints on qcs::tcr:::instance/tcr-right003", "", "tcr:DescribeInternalEndpoints"},
		{"tcr-abroad04", "abroad.tencentcloudcr.com", "OtherRegion", "is in ap-shanghai, not in ap-guangzhou", "", "ap-shanghai"},
		{"tcr-nobody05", "nobody.tencentcloudcr.com", "InstanceNotFound", "check the instance id, the region and the account", "", "check the instance id"},
		{"tcr-xxxx0006", "x.tencentcloudcr.com", "NoPrivateHost", "x-vpc.tencentcloudcr.com belongs to instance tcr-xvpc0007", "", "belongs to instance tcr-xvpc0007"},
		{"tcr-xvpc0007", "x-vpc.tencentcloudcr.com", "", "", "x-vpc-vpc.tencentcloudcr.com/team/app:1", "-vpc name"},
	} {
		var said string
		eventually(t, tc.id+" in status", func() bool {
			for _, i := range a.status(t, s).Instances {
				if i.Instance == tc.id {
					said = i.RouteReason + " " + i.RouteMessage
					return i.RouteReason == tc.reason && strings.Contains(i.RouteMessage, tc.inMessages)
				}
			}
			return false
		})
		require.NotEmpty(t, said)
		a.taken()
		pod := newPod("shop", "", tc.host+"/team/app:1")
		pod.GenerateName = "pod-"
		require.NoError(t, a.Create(t.Context(), pod))
		want := tc.image
		if want == "" {
			want = tc.host + "/team/app:1"
		}
		assert.Equal(t, want, images(pod)[0], tc.id)
		assert.Equal(t, pullSecrets, pod.Spec.ImagePullSecrets, tc.id)
		if warning := a.taken(); tc.warning == "" {
			assert.Empty(t, warning, tc.id)
		} else {
			assert.Contains(t, warning, tc.warning, tc.id)
		}
	}
}

// What the node agent mounts has the names of a link that runs, as long as
// nothing else has them resolve to it.
func TestNamesForTheNodeAgent(t *testing.T) {
	t.Parallel()
	config := observed + "nodeAgent: {enabled: true}\n"
	s := start(t, stack.Options{
		Config: config, Audit: true, Prepare: func(c *tencent.Cloud) { instance(c, nil) },
		Values: chart.Values{"nodeAgent": chart.Values{"enabled": true}},
	})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	names := func() string {
		var cm corev1.ConfigMap
		if a.Get(t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: "tcr-webhook-hosts"}, &cm) != nil {
			return "none"
		}
		return cm.Data["hosts.yaml"]
	}
	has := func(lines string) func() bool {
		return func() bool { return names() == lines }
	}
	eventually(t, "an empty list", has("[]\n"))
	instance(s.Cloud, running())
	const both = "- disabled: false\n  domain: demo-vpc.tencentcloudcr.com\n  ip: 10.0.0.2\n- disabled: false\n  domain: demo.tencentcloudcr.com\n  ip: 10.0.0.2\n"
	eventually(t, "both names", has(both))
	awaitRoute(t, s, "Hosts")
	image, warning := a.routed(t)
	assert.Equal(t, publicImage, image)
	assert.Empty(t, warning)

	instance(s.Cloud, running(), record(true, "ENABLED"))
	eventually(t, "an empty list, since the name resolves", has("[]\n"))
	instance(s.Cloud, running())
	eventually(t, "both names again", has(both))
	instance(s.Cloud, nil)
	eventually(t, "an empty list, since the link has died", has("[]\n"))

	instance(s.Cloud, running())
	eventually(t, "both names once more", has(both))
	require.NoError(t, s.WriteConfig(observed))
	eventually(t, "an empty list, since there is no agent", has("[]\n"))
	denied, err := s.Denied()
	require.NoError(t, err)
	assert.Empty(t, denied)
}

// The TCR add-on's list is read and told of, and never touched.
func TestTheAddonIsRecognised(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Audit: true})
	a := newAuthor(t, s)
	const list = "- {domain: demo.tencentcloudcr.com, ip: 10.0.0.2, disabled: false}\n"
	require.NoError(t, s.Server.Stop()) // whoever leads next looks at once
	a.namespace(t, "tcr-assistant-system")
	addon := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "tcr-assistant-system", Name: "updater-config"}, Data: map[string]string{"hosts.yaml": list}}
	require.NoError(t, a.Create(t.Context(), addon))
	version := addon.ResourceVersion
	require.NoError(t, s.Server.Restart(t.Context()))
	assert.Contains(t, a.awaitEvent(t, s, stack.Namespace, "AddonConflict").Note, "demo.tencentcloudcr.com")
	require.NoError(t, a.Get(t.Context(), client.ObjectKeyFromObject(addon), addon))
	assert.Equal(t, version, addon.ResourceVersion)
	denied, err := s.Denied()
	require.NoError(t, err)
	assert.Empty(t, denied)
}
