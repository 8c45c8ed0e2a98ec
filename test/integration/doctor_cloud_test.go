package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// cloudBed is a system whose cloud goes wrong in one way after the other.
type cloudBed struct {
	*bed
	folders int
	ahead   atomic.Int64 // of the cloud's clock, in nanoseconds
}

// cloudConfig serves the instance by what is observed of it.
var cloudConfig = strings.Replace(observed, "  endpoint: ENDPOINT\n", "  endpoint: ENDPOINT\n  stsEndpoint: STSURL\n", 1)

func newCloudBed(t *testing.T) *cloudBed {
	t.Helper()
	c := &cloudBed{}
	c.bed = newBed(t, stack.Options{
		Config: cloudConfig,
		Now:    func() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) },
		Prepare: func(cloud *tencent.Cloud) {
			instance(cloud, running(), record(true, "ENABLED"))
			cloud.AddRole(tencent.Role{Name: "stranger", Providers: []string{oidcProvider}})
		},
	})
	return c
}

// key writes a key into a folder of its own, and returns its name.
func (c *cloudBed) key(t *testing.T, id, secret string) string {
	t.Helper()
	c.folders++
	name := fmt.Sprintf("key-%d", c.folders)
	dir := filepath.Join(filepath.Dir(c.Server.LogFile), "credentials", name)
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secretId"), []byte(id), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secretKey"), []byte(secret), 0o600))
	return name
}

// afresh has the server ask for all by an identity that it has not asked by.
func (c *cloudBed) afresh(t *testing.T, config string) {
	t.Helper()
	who := c.Cloud.DefaultIdentity()
	config = strings.Replace(config, "- instance: tcr-m3ut3qxx\n", "- instance: tcr-m3ut3qxx\n  credentials: "+c.key(t, who.SecretID, who.SecretKey)+"\n", 1)
	require.NoError(t, c.WriteConfig(config))
}

// deny takes rights from the identity that the server has.
func (c *cloudBed) deny(actions ...string) {
	who := c.Cloud.DefaultIdentity()
	who.Denied = actions
	c.Cloud.AddIdentity(who)
}

// managed has the private network made where it is missing.
var managed = strings.Replace(cloudConfig, "{observeEvery: 1s}", "{observeEvery: 1s, manage: true, subnet: subnet-abc123}", 1)

// TestDoctorNamesWhatTheCloudRefuses takes each right away, breaks the identity,
// the API, the link and the names, and mends them.
func TestDoctorNamesWhatTheCloudRefuses(t *testing.T) {
	t.Parallel()
	c := newCloudBed(t)
	c.p.names(t, c.Stack, "", "")
	const right = "lacks the right tcr:"
	well := func() { instance(c.Cloud, running(), record(true, "ENABLED")) }
	lacks := func(action, config string) func() {
		return func() { c.deny("tcr:" + action); c.afresh(t, config) }
	}
	fails := func(f tencent.Fault) func() {
		return func() { c.Cloud.SetFault("CreateInstanceToken", f); c.afresh(t, cloudConfig) }
	}
	route := func(links []tencent.Link, records ...tencent.DNSRecord) func() {
		return func() { instance(c.Cloud, links, records...) }
	}
	entry := func(more string) func() {
		return func() { require.NoError(t, c.WriteConfig(cloudConfig+more)) }
	}
	revoked := c.Cloud.NewIdentity()
	c.Cloud.AddIdentity(revoked)
	c.Cloud.Revoke(revoked.SecretID)
	for _, f := range []struct { //nolint:paralleltest // one fault at a time
		name       string
		inject     func()
		code, text string
	}{
		{"the right CreateInstanceToken", lacks("CreateInstanceToken", cloudConfig), "TCR211", right + "CreateInstanceToken on qcs::tcr:::instance/" + stack.InstanceID},
		{"the right DescribeInstances", lacks("DescribeInstances", cloudConfig), "TCR212", right + "DescribeInstances on"},
		{"the right to custom domains", lacks("DescribeInstanceCustomizedDomain", cloudConfig), "TCR213", right + "DescribeInstanceCustomizedDomain on"},
		{"the right to links", lacks("DescribeInternalEndpoints", cloudConfig), "TCR214", right + "DescribeInternalEndpoints on"},
		{"the right to names", lacks("DescribeInternalEndpointDnsStatus", cloudConfig), "TCR215", right + "DescribeInternalEndpointDnsStatus on"},
		{"the right to make links", func() { route(nil)(); lacks("ManageInternalEndpoint", managed)() }, "TCR216", right + "ManageInternalEndpoint on"},
		{"the right to make names", func() { route(running())(); lacks("CreateInternalEndpointDns", managed)() }, "TCR217", right + "CreateInternalEndpointDns on"},
		{"a refusal in the API's own words", fails(tencent.Fault{Code: "UnauthorizedOperation", Message: marker}), "TCR211", right + "CreateInstanceToken on"},

		{"no Secret", entry("  credentials: missing\n"), "TCR201", "does not exist; mount a Secret"},
		{"an empty Secret", func() { entry("  credentials: " + c.key(t, "", "") + "\n")() }, "TCR201", "is empty"},
		{"a wrong key", func() { entry("  credentials: " + c.key(t, c.Cloud.DefaultIdentity().SecretID, "c2VjcmV0") + "\n")() }, "TCR201", "AuthFailure.SignatureFailure"},
		{"a key that is disabled", func() { entry("  credentials: " + c.key(t, revoked.SecretID, revoked.SecretKey) + "\n")() }, "TCR201", "AuthFailure.SecretIdNotFound"},
		{"no OIDC token", entry("  identity: PodIdentity\n"), "TCR201", "no pod identity"},
		{"no role of the node", entry("  identity: NodeRole\n"), "TCR201", "role"},
		{"STS does not know the role", entry("  assumeRole: " + roles + "nobody\n"), "TCR201", "roleName/nobody"},
		{"STS refuses the role", func() {
			c.Cloud.SetFault("AssumeRole", tencent.Fault{Code: "AuthFailure.UnauthorizedOperation"})
			entry("  assumeRole: " + roles + "stranger\n")()
		}, "TCR201", "sts:AssumeRole on " + roles + "stranger"},
		{"a fixed login that is not there", entry("- name: robot\n  hosts: [robot.tencentcloudcr.com]\n  credentialSecret: robot\n"), "TCR207", "the login of robot cannot be read"},

		{"the clock", func() { c.ahead.Store(int64(10 * time.Minute)); c.afresh(t, cloudConfig) }, "TCR203", "clock"},
		{"the instance", func() { c.Cloud.RemoveInstance(stack.InstanceID); c.afresh(t, cloudConfig) }, "TCR204", stack.InstanceID},
		{"an API that hangs up", fails(tencent.Fault{Drop: true}), "TCR202", "does not answer as it should"},
		{"an API that is out of order", fails(tencent.Fault{Code: "InternalError"}), "TCR202", "InternalError"},
		{"a load balancer's page", fails(tencent.Fault{Status: 502}), "TCR202", "does not answer as it should"},
		{"a quota that is used up", fails(tencent.Fault{Code: "RequestLimitExceeded"}), "TCR205", "quota of calls"},

		{"no link", route(nil), "TCR301", "no private link from vpc-abc123"},
		{"a link of another VPC", route([]tencent.Link{{VPC: "vpc-other", IP: "10.9.0.9"}}), "TCR302", "has links to other VPCs"},
		{"a link on its way", route([]tencent.Link{{VPC: "vpc-abc123", Status: "Pending", Ready: time.Now().Add(time.Hour)}}), "TCR305", "is being set up"},
		{"a link that failed", route([]tencent.Link{{VPC: "vpc-abc123", Status: "Failed"}}), "TCR306", "does not run"},
		{"no name resolves", route(running()), "TCR304", "no name resolves"},
		{"the name resolves elsewhere", route(running(), tencent.DNSRecord{VPC: "vpc-abc123", IP: "10.0.0.99", Public: true}), "TCR304", "no name resolves to it"},
	} {
		t.Run(f.name, func(t *testing.T) {
			f.inject()
			c.p.names(t, c.Stack, f.code, f.text)
		})
		c.ahead.Store(0)
		c.Cloud.ClearFaults()
		c.deny()
		well()
		require.NoError(t, c.WriteConfig(cloudConfig))
		c.p.names(t, c.Stack, "", "")
	}
}
