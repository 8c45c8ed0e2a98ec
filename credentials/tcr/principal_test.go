package tcr_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/credentials/tcr"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

func TestEachIdentityGetsItsOwnTokens(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prepare func(*stage)
		kind    tcr.Kind
		assume  string
		uin     func(*stage) string
		says    string // DIR is the folder
		calls   []string
	}{
		"a SecretKey": {
			kind: tcr.SecretKey, uin: func(s *stage) string { return s.DefaultIdentity().UIN },
			says: "SecretKey in DIR",
		},
		"a role by a SecretKey": {
			kind: tcr.SecretKey, assume: "next", uin: func(s *stage) string { return s.next.UIN },
			says: "role next-puller, assumed by SecretKey in DIR", calls: []string{"AssumeRole"},
		},
		"a pod": {
			kind: tcr.PodIdentity, uin: func(s *stage) string { return s.pod.UIN },
			says: "PodIdentity as role pod-puller", calls: []string{"AssumeRoleWithWebIdentity"},
		},
		"a pod of an older TKE": {
			prepare: func(s *stage) {
				s.env["TKE_IDENTITY_TOKEN_FILE"] = s.proof
				delete(s.env, "TKE_WEB_IDENTITY_TOKEN_FILE")
				delete(s.env, "TKE_REGION")
			},
			kind: tcr.PodIdentity, uin: func(s *stage) string { return s.pod.UIN },
			says: "PodIdentity as role pod-puller", calls: []string{"AssumeRoleWithWebIdentity"},
		},
		"a role by a pod": {
			kind: tcr.PodIdentity, assume: "next", uin: func(s *stage) string { return s.next.UIN },
			says: "role next-puller, assumed by PodIdentity as role pod-puller", calls: []string{"AssumeRoleWithWebIdentity", "AssumeRole"},
		},
		"a node": {
			kind: tcr.NodeRole, uin: func(s *stage) string { return s.node.UIN },
			says: "NodeRole as role node-puller", calls: []string{"NodeRole", "NodeRole"},
		},
		"a role by a node": {
			kind: tcr.NodeRole, assume: "next", uin: func(s *stage) string { return s.next.UIN },
			says: "role next-puller, assumed by NodeRole as role node-puller", calls: []string{"NodeRole", "NodeRole", "AssumeRole"},
		},
		"the first that is there: a SecretKey": {
			kind: tcr.Auto, uin: func(s *stage) string { return s.DefaultIdentity().UIN },
			says: "SecretKey in DIR, chosen by Auto (the first of SecretKey, PodIdentity and NodeRole)",
		},
		"the first that is there: a pod": {
			prepare: func(s *stage) { s.dir = s.empty },
			kind:    tcr.Auto, uin: func(s *stage) string { return s.pod.UIN },
			says:  "PodIdentity as role pod-puller, chosen by Auto (SecretKey: DIR has neither secretId nor secretKey)",
			calls: []string{"AssumeRoleWithWebIdentity"},
		},
		"the first that is there: a node": {
			prepare: func(s *stage) { s.env, s.dir = nil, s.empty },
			kind:    tcr.Auto, uin: func(s *stage) string { return s.node.UIN },
			says:  "NodeRole as role node-puller, chosen by Auto (SecretKey: DIR has neither secretId nor secretKey; PodIdentity: the environment has no TKE_ROLE_ARN)",
			calls: []string{"NodeRole", "NodeRole"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, tencent.Options{})
			write(t, s.dir, s.DefaultIdentity())
			s.BindNodeRole(s.node.ARN())
			if tt.prepare != nil {
				tt.prepare(s)
			}
			assume := ""
			if tt.assume != "" {
				assume = s.next.ARN()
			}
			p, client := s.principal(t, as(tt.kind, assume))
			require.NoError(t, p.Check())
			for range 3 {
				tok, err := s.issue(t, p, client)
				require.NoError(t, err)
				assert.Equal(t, tt.uin(s), tok.Username)
			}
			assert.Equal(t, strings.ReplaceAll(tt.says, "DIR", s.dir), p.String())
			var calls, want []string
			for _, c := range s.Calls("") {
				if c.Action != "CreateInstanceToken" {
					calls = append(calls, c.Action)
				}
			}
			assert.Equal(t, tt.calls, calls, "once, for three tokens")
			for _, c := range tt.calls {
				want = append(want, c+" OK")
			}
			assert.Subset(t, s.seen(), want)
		})
	}
}

// The SDK's own provider asks in ap-guangzhou whatever the cluster's region.
func TestAPodAsksInItsOwnRegionAndUnsigned(t *testing.T) {
	t.Parallel()
	for own, want := range map[string]string{"ap-shanghai": "ap-shanghai", "": "ap-guangzhou", "sh": "ap-guangzhou"} {
		s := newStage(t, tencent.Options{})
		s.env["TKE_REGION"] = own
		_, client := s.principal(t, as(tcr.PodIdentity))
		_, err := client.Issue(t.Context(), aKey)
		require.NoError(t, err)
		call := s.Calls("AssumeRoleWithWebIdentity")[0]
		assert.Equal(t, want, call.Region)
		assert.Empty(t, call.SecretID, "it is signed")
		assert.Equal(t, "tcr-webhook", call.Params["RoleSessionName"])
		assert.InDelta(t, 7200, call.Params["DurationSeconds"], 0)
	}
}

func TestWhatAnIdentityLacksIsNamed(t *testing.T) {
	t.Parallel()
	pullerOnly := func(s *stage) {
		poor := s.AddRole(tencent.Role{Name: "poor", Providers: []string{provider}, Actions: []string{"tcr:PullRepository"}})
		s.env["TKE_ROLE_ARN"] = poor.ARN()
	}
	for name, tt := range map[string]struct {
		prepare func(*stage)
		kind    tcr.Kind
		assume  func(*stage) string
		class   error
		says    []string
		code    string // that metrics show
	}{
		"the right to issue": {
			prepare: pullerOnly, kind: tcr.PodIdentity, class: token.ErrDenied,
			says: []string{"the identity needs tcr:CreateInstanceToken on qcs::tcr:::instance/tcr-m3ut3qxx"}, code: "CreateInstanceToken UnauthorizedOperation",
		},
		"a pod's trust": {
			prepare: func(s *stage) { s.env["TKE_ROLE_ARN"] = s.hers.ARN() },
			kind:    tcr.PodIdentity, class: token.ErrDenied, code: "AssumeRoleWithWebIdentity UnauthorizedOperation",
			says: []string{
				"AssumeRoleWithWebIdentity for role her-puller: access denied: UnauthorizedOperation (request ",
				"the trust policy of qcs::cam::uin/100000000001:roleName/her-puller must allow name/sts:AssumeRoleWithWebIdentity to the identity provider cls-abcd1234",
			},
		},
		"a role's trust": {
			kind: tcr.SecretKey, assume: func(s *stage) string { return s.hers.ARN() }, class: token.ErrDenied, code: "AssumeRole UnauthorizedOperation",
			says: []string{
				"AssumeRole for role her-puller: access denied: UnauthorizedOperation (request ",
				"the trust policy of the role must name the caller (SecretKey in ",
				"and the caller needs sts:AssumeRole on qcs::cam::uin/100000000001:roleName/her-puller",
			},
		},
		"a role": {
			kind: tcr.SecretKey, assume: func(s *stage) string { return s.next.ARN() + "x" }, class: token.ErrDenied, code: "AssumeRole ResourceNotFound",
			says: []string{"there is no role qcs::cam::uin/100000000001:roleName/next-pullerx; create it, or correct its name"},
		},
		"a SecretId": {
			prepare: func(s *stage) { s.Revoke(s.DefaultIdentity().SecretID) },
			kind:    tcr.SecretKey, assume: func(s *stage) string { return s.next.ARN() }, class: token.ErrDenied, code: "AssumeRole AuthFailure.SecretIdNotFound",
			says: []string{"AssumeRole for role next-puller: access denied: AuthFailure.SecretIdNotFound", "the SecretId does not exist, or is disabled"},
		},
		"a right clock": {
			kind: tcr.SecretKey, assume: func(s *stage) string { return s.next.ARN() }, class: token.ErrClockSkew, code: "AssumeRole AuthFailure.SignatureExpire",
			says: []string{"AssumeRole for role next-puller: clocks differ", "our clock is more than five minutes off"},
		},
		"a token that lives": {
			prepare: func(s *stage) { s.prove(-time.Minute) },
			kind:    tcr.PodIdentity, class: token.ErrBadRequest, code: "AssumeRoleWithWebIdentity InvalidParameter",
			says: []string{"has expired, or is for another audience or cluster than CAM's identity provider cls-abcd1234 knows"},
		},
		"a token": {
			prepare: func(s *stage) { s.proven(os.Remove(s.proof)) },
			kind:    tcr.PodIdentity, says: []string{"no pod identity: file ", "/oidc-token cannot be read: no such file or directory"},
		},
		"more than an empty file": {
			prepare: func(s *stage) { s.proven(os.WriteFile(s.proof, []byte(" \n"), 0o600)) },
			kind:    tcr.PodIdentity, says: []string{"/oidc-token holds no token of a ServiceAccount"},
		},
		"a node's role": {
			kind: tcr.NodeRole, says: []string{"no node role: none is bound to this node; bind one to its CVM instance, or choose another identity"},
			code: "NodeRole ResourceNotFound",
		},
		"any identity": {
			prepare: func(s *stage) { s.env, s.dir = nil, s.empty },
			kind:    tcr.Auto, says: []string{
				"no identity for Tencent Cloud: SecretKey: ", "has neither secretId nor secretKey; PodIdentity: the environment has no TKE_ROLE_ARN; NodeRole: no node role: none is bound",
			},
		},
		"any identity to assume with": {
			prepare: func(s *stage) { s.env, s.dir = nil, s.empty },
			kind:    tcr.Auto, assume: func(s *stage) string { return s.next.ARN() }, says: []string{"no identity for Tencent Cloud: SecretKey: "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := tencent.Options{}
			if name == "a right clock" {
				opts.Now = inTenMinutes
			}
			s := newStage(t, opts)
			write(t, s.dir, s.DefaultIdentity())
			if tt.prepare != nil {
				tt.prepare(s)
			}
			assume := ""
			if tt.assume != nil {
				assume = tt.assume(s)
			}
			p, client := s.principal(t, as(tt.kind, assume))
			_, err := s.issue(t, p, client)
			require.Error(t, err)
			for _, says := range tt.says {
				assert.ErrorContains(t, err, says)
			}
			assert.NotContains(t, err.Error(), "\n")
			if tt.class != nil {
				assert.ErrorIs(t, err, tt.class)
			}
			if tt.code != "" {
				assert.Contains(t, s.seen(), tt.code)
			}
		})
	}
}

// Auto looks again for each call, and says once what it found.
func TestAutoFollowsWhatIsThere(t *testing.T) {
	t.Parallel()
	s := newStage(t, tencent.Options{})
	s.env = nil
	s.BindNodeRole(s.node.ARN())
	p, client := s.principal(t, as(tcr.Auto))
	var log bytes.Buffer
	ctx := logf.IntoContext(t.Context(), logr.FromSlogHandler(slog.NewJSONHandler(&log, nil)))
	issue := func(ctx context.Context) string {
		tok, err := client.Issue(ctx, aKey)
		require.NoError(t, err)
		return tok.Username
	}
	assert.Equal(t, s.node.UIN, issue(ctx))
	assert.Equal(t, s.node.UIN, issue(ctx))
	write(t, s.dir, s.DefaultIdentity())
	assert.Equal(t, s.DefaultIdentity().UIN, issue(ctx))
	assert.Equal(t, s.DefaultIdentity().UIN, issue(ctx))

	var said []string
	for line := range strings.Lines(log.String()) {
		var entry struct{ Msg, Identity string }
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		assert.Equal(t, "Identity chosen", entry.Msg)
		said = append(said, entry.Identity)
	}
	assert.Equal(t, []string{"NodeRole as role node-puller", "SecretKey in " + s.dir}, said)

	require.NoError(t, os.Remove(filepath.Join(s.dir, "secretKey")))
	require.ErrorContains(t, p.Check(), "secretKey does not exist", "half of a key is a mistake, not none")
	_, err := client.Issue(ctx, aKey)
	assert.ErrorContains(t, err, "secretKey does not exist")
}

func TestCheckFindsWhatOnlyAPersonCanMend(t *testing.T) {
	t.Parallel()
	whole := map[string]string{"TKE_PROVIDER_ID": provider, "TKE_WEB_IDENTITY_TOKEN_FILE": "/x", "TKE_ROLE_ARN": "qcs::cam::uin/1:roleName/x"}
	without := func(name, value string) map[string]string {
		env := maps.Clone(whole)
		delete(env, name)
		if value != "" {
			env[name] = value
		}
		return env
	}
	for name, tt := range map[string]struct {
		kind tcr.Kind
		env  map[string]string
		want string // empty: nothing
	}{
		"a whole environment":    {tcr.PodIdentity, whole, ""},
		"none":                   {tcr.PodIdentity, nil, "the environment has no TKE_ROLE_ARN"},
		"no provider":            {tcr.PodIdentity, without("TKE_PROVIDER_ID", ""), "the environment has no TKE_PROVIDER_ID"},
		"no file":                {tcr.PodIdentity, without("TKE_WEB_IDENTITY_TOKEN_FILE", ""), "the environment has no TKE_WEB_IDENTITY_TOKEN_FILE"},
		"a role that is no ARN":  {tcr.PodIdentity, without("TKE_ROLE_ARN", "x"), `no pod identity: TKE_ROLE_ARN: "x" is not the ARN of a role such as`},
		"no files":               {tcr.SecretKey, nil, "secretId does not exist"},
		"a node":                 {tcr.NodeRole, nil, ""},
		"nothing for Auto":       {tcr.Auto, nil, ""},
		"half a pod for Auto":    {tcr.Auto, without("TKE_ROLE_ARN", ""), "the environment has no TKE_ROLE_ARN"},
		"another's variable":     {tcr.Auto, map[string]string{"TKE_REGION": "ap-guangzhou"}, ""},
		"a whole pod for Auto":   {tcr.Auto, whole, ""},
		"a SecretKey for a role": {tcr.SecretKey, nil, "secretId does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, assume := range []string{"", "qcs::cam::uin/100000000001:roleName/x"} {
				p, err := tcr.NewPrincipal(tcr.PrincipalOptions{
					Kind: tt.kind, Folder: t.TempDir(), Region: "ap-guangzhou", AssumeRole: assume, Env: func(name string) string { return tt.env[name] },
				})
				require.NoError(t, err)
				if tt.want == "" {
					assert.NoError(t, p.Check())
					continue
				}
				assert.ErrorContains(t, p.Check(), tt.want)
			}
		})
	}
}

func TestNewPrincipalChecksItsOptions(t *testing.T) {
	t.Parallel()
	good := tcr.PrincipalOptions{Kind: tcr.NodeRole, Region: "ap-guangzhou", RootDomain: "internal.tencentcloudapi.com"}
	_, err := tcr.NewPrincipal(good)
	require.NoError(t, err)
	for want, change := range map[string]func(*tcr.PrincipalOptions){
		`region "x" is not one of Tencent Cloud's`: func(o *tcr.PrincipalOptions) { o.Region = "x" },
		"no such identity as Nobody":               func(o *tcr.PrincipalOptions) { o.Kind = "Nobody" },
		"would carry tokens in clear text":         func(o *tcr.PrincipalOptions) { o.STSEndpoint = "http://sts.example.com" },
		"is not the ARN of a role":                 func(o *tcr.PrincipalOptions) { o.AssumeRole = "qcs::cam::uin/1:user/x" },
	} {
		bad := good
		change(&bad)
		_, err := tcr.NewPrincipal(bad)
		assert.ErrorContains(t, err, want)
	}
}
