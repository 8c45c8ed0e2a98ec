package credentials

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
)

const (
	assume   = "AssumeRoleWithWebIdentity"
	provider = "cls-abcd1234"
	podsRole = "tcr-webhook"
)

const podIdentity = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud: {region: ap-guangzhou, identity: PodIdentity, endpoint: ENDPOINT, stsEndpoint: STSURL}
registries:
- instance: tcr-m3ut3qxx
  route: Private
`

// The replicas call as a role that STS gives them, in sessions that end before
// their tokens do, so that each token wants STS first.
func TestFaultsOfSTS(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		from, to float64 // as of a fault
		fault    tencent.Fault
	}{
		{"hangs", .08, .66, tencent.Fault{Hang: true}},
		{"is down for longer than a life", .3, 1.7, tencent.Fault{Drop: true}},
		{"answers nonsense", .4, .66, tencent.Fault{Body: `{"Response":{"Credentials":"` + marker, ContentType: "application/json"}},
	}
	for _, tt := range tests {
		t.Run("STS "+tt.name, func(t *testing.T) {
			t.Parallel()
			proof := filepath.Join(t.TempDir(), "oidc-token")
			b := start(t, setup{
				life: life, namespaces: 20, config: podIdentity,
				env:     []string{"TKE_REGION=ap-guangzhou", "TKE_PROVIDER_ID=" + provider, "TKE_WEB_IDENTITY_TOKEN_FILE=" + proof, "TKE_ROLE_ARN=qcs::cam::uin/100000000001:roleName/" + podsRole},
				prepare: func(c *tencent.Cloud) { prepareRole(t, c, proof) },
			}, usual())
			b.settle(t)
			b.atAge(t, tt.from)
			begun := b.clock.now()
			b.Cloud.SetFault(assume, tt.fault)
			long := tt.to >= 1
			if long {
				b.ledger.Excuse()
			}
			b.pass(t, tt.to-tt.from)
			b.Cloud.ClearFaults()
			b.broken = append(b.broken, ledger.Span{From: begun, To: b.clock.now()})
			if long {
				b.ledger.NoExcuse(hears)
			}
			b.recovers(t, hears)
			assert.NotEmpty(t, b.Cloud.Calls(assume))
		})
	}
}

// prepareRole makes the role, and the proof that a pod may take it.
func prepareRole(t *testing.T, c *tencent.Cloud, proof string) {
	t.Helper()
	c.AddRole(tencent.Role{Name: podsRole, Providers: []string{provider}})
	c.SetSessionLifetime(life / 2)
	token, err := c.WebIdentity(time.Hour)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(proof, []byte(token+"\n"), 0o600))
}
