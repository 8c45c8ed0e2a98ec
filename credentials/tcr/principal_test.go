package tcr_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/tcr"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

// The tests of this file run the real SDK against the emulator's STS and
// metadata server as each of the identities.

const provider = "cls-abcd1234"

// stage is a cloud with a role for each way, and a folder and an environment
// for whoever calls.
type stage struct {
	*tencent.Cloud
	proven func(error) // ends the test with an error
	dir    string      // of the SecretKey
	empty  string      // a folder without one
	proof  string      // file of the pod's token
	env    map[string]string

	pod, node, next, hers tencent.Role

	mu       sync.Mutex
	observed []string
}

func newStage(t *testing.T, opts tencent.Options) *stage {
	t.Helper()
	s := &stage{Cloud: emulated(t, opts), dir: t.TempDir(), empty: t.TempDir()}
	s.proven = func(err error) { t.Helper(); require.NoError(t, err) }
	s.proof = filepath.Join(t.TempDir(), "oidc-token")
	s.pod = s.AddRole(tencent.Role{Name: "pod-puller", Providers: []string{provider}})
	s.node = s.AddRole(tencent.Role{Name: "node-puller"})
	s.next = s.AddRole(tencent.Role{Name: "next-puller"})
	s.hers = s.AddRole(tencent.Role{Name: "her-puller", UINs: []string{"100000000009"}, Providers: []string{"cls-hers0000"}})
	s.env = map[string]string{
		"TKE_REGION": "ap-shanghai", "TKE_PROVIDER_ID": provider, "TKE_WEB_IDENTITY_TOKEN_FILE": s.proof, "TKE_ROLE_ARN": s.pod.ARN(),
	}
	s.prove(time.Hour)
	return s
}

// prove renews the pod's token, as the kubelet does.
func (s *stage) prove(life time.Duration) {
	raw, err := s.WebIdentity(life)
	s.proven(err)
	s.proven(os.WriteFile(s.proof, []byte(raw+"\n"), 0o600))
}

func (s *stage) note(action, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observed = append(s.observed, action+" "+code)
}

func (s *stage) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.observed
}

// principal is somebody and a client that calls as them.
func (s *stage) principal(t *testing.T, change func(*tcr.PrincipalOptions)) (*tcr.Principal, *tcr.Client) {
	t.Helper()
	o := tcr.PrincipalOptions{
		Folder: s.dir, Region: "ap-guangzhou", STSEndpoint: s.STSURL(), MetadataServer: s.MetadataURL(),
		Env: func(name string) string { return s.env[name] }, Observe: s.note,
	}
	change(&o)
	p, err := tcr.NewPrincipal(o)
	require.NoError(t, err)
	client, err := tcr.New(tcr.Options{Region: "ap-guangzhou", Endpoint: s.Endpoint(), Identity: p, Observe: s.note})
	require.NoError(t, err)
	return p, client
}

func as(kind tcr.Kind, assume ...string) func(*tcr.PrincipalOptions) {
	return func(o *tcr.PrincipalOptions) { o.Kind, o.AssumeRole = kind, strings.Join(assume, "") }
}

var aKey = registry.Key{ID: demo}

// issue asks for a token, and looks that nothing is shown of who asked.
func (s *stage) issue(t *testing.T, p *tcr.Principal, c *tcr.Client) (token.Token, error) {
	t.Helper()
	tok, err := c.Issue(t.Context(), aKey)
	shown := fmt.Sprintf("%v %+v %#v %v %+v %#v %s", p, p, p, err, err, err, p)
	if creds, failed := p.Credentials(t.Context()); failed == nil {
		shown += fmt.Sprintf("%v %+v %#v %s", creds, creds, creds, creds)
		for _, part := range []token.Secret{creds.SecretID, creds.SecretKey, creds.SessionToken} {
			assert.False(t, part != "" && strings.Contains(shown, part.Reveal()), "a part of the credentials is shown")
		}
	}
	proof, readErr := os.ReadFile(s.proof)
	if readErr == nil && len(bytes.TrimSpace(proof)) > 0 {
		assert.NotContains(t, shown, string(bytes.TrimSpace(proof)))
	}
	assert.NotContains(t, shown, s.DefaultIdentity().SecretID)
	assert.NotContains(t, shown, s.DefaultIdentity().SecretKey)
	assert.NotContains(t, shown, "eyJ", "the beginning of every JWT")
	return tok, err
}

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

// Sessions that end before their time cost one call more and nobody notices.
func TestASessionThatEndsInTheMiddleIsReplaced(t *testing.T) {
	t.Parallel()
	for kind, sessions := range map[tcr.Kind]string{tcr.SecretKey: "AssumeRole", tcr.PodIdentity: "AssumeRoleWithWebIdentity", tcr.NodeRole: "NodeRole"} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := newStage(t, tencent.Options{})
			write(t, s.dir, s.DefaultIdentity())
			s.BindNodeRole(s.node.ARN())
			p, client := s.principal(t, as(kind, s.next.ARN())) // two sessions, but for the SecretKey
			for range 3 {
				_, err := s.issue(t, p, client)
				require.NoError(t, err)
				s.EndSessions()
			}
			_, err := s.issue(t, p, client)
			require.NoError(t, err)
			assert.Contains(t, s.seen(), "CreateInstanceToken AuthFailure.TokenFailure")
			assert.LessOrEqual(t, len(s.Calls(sessions)), 8)
			assert.Len(t, s.Calls("CreateInstanceToken"), 7, "each refused one was asked for once more")
		})
	}
}

func TestARefusalOfEveryCredentialIsNoLoop(t *testing.T) {
	t.Parallel()
	s := newStage(t, tencent.Options{})
	s.SetFault("CreateInstanceToken", tencent.Fault{Code: "AuthFailure.TokenFailure"})
	p, client := s.principal(t, as(tcr.PodIdentity))
	_, err := s.issue(t, p, client)
	require.ErrorIs(t, err, token.ErrDenied)
	assert.Len(t, s.Calls("CreateInstanceToken"), 2)
	assert.LessOrEqual(t, len(s.Calls("AssumeRoleWithWebIdentity")), 2)
}

func TestSTSThatIsAwayAndComesBack(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault tencent.Fault
		says  string
	}{
		"hangs":      {tencent.Fault{Hang: true}, "the API did not answer in time"},
		"drops":      {tencent.Fault{Drop: true}, "the connection to the API broke"},
		"is HTML":    {tencent.Fault{Status: 502, Body: "<html>eyJ"}, "ClientError."},
		"throttles":  {tencent.Fault{Code: "RequestLimitExceeded", Message: "eyJ"}, "throttled"},
		"is null":    {tencent.Fault{NullFields: true}, "the answer lacks credentials or their expiry"},
		"is strange": {tencent.Fault{WrongTypes: true}, "ClientError.ParseJsonError"},
		"fails":      {tencent.Fault{Code: "InternalError.SystemError", Message: "eyJ"}, "InternalError.SystemError"},
	} {
		for kind, action := range map[tcr.Kind]string{tcr.SecretKey: "AssumeRole", tcr.PodIdentity: "AssumeRoleWithWebIdentity"} {
			t.Run(name+" for a "+string(kind), func(t *testing.T) {
				t.Parallel()
				s := newStage(t, tencent.Options{})
				write(t, s.dir, s.DefaultIdentity())
				s.SetFault(action, tt.fault)
				p, client := s.principal(t, func(o *tcr.PrincipalOptions) {
					o.Kind, o.Timeout = kind, 300*time.Millisecond
					if kind == tcr.SecretKey {
						o.AssumeRole = s.next.ARN()
					}
				})
				_, err := s.issue(t, p, client)
				require.ErrorContains(t, err, action)
				assert.ErrorContains(t, err, tt.says)
				s.ClearFaults()
				if tt.fault.Code != "InternalError.SystemError" {
					p.Retry() // the others would do without, and take longer
				}
				require.Eventually(t, func() bool {
					_, err := s.issue(t, p, client)
					return err == nil
				}, 30*time.Second, 20*time.Millisecond)
			})
		}
	}
}

func TestAMetadataServerThatIsAwayAndComesBack(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault tencent.Fault
		says  string
	}{
		"hangs":         {tencent.Fault{Hang: true}, "the metadata server cannot be reached"},
		"drops":         {tencent.Fault{Drop: true}, "the metadata server cannot be reached: the connection to the API broke"},
		"is HTML":       {tencent.Fault{Status: 502, Body: "<html>eyJ"}, "the metadata server answers with status 502"},
		"names nobody":  {tencent.Fault{Body: "<html>eyJ"}, "answers with what is no name of a role"},
		"names nothing": {tencent.Fault{Body: "\n"}, "answers with what is no name of a role"},
		"redirects":     {tencent.Fault{Status: 302, Body: "x"}, "with a redirect"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, tencent.Options{})
			s.BindNodeRole(s.node.ARN())
			s.SetFault("NodeRole", tt.fault)
			p, client := s.principal(t, as(tcr.NodeRole))
			_, err := s.issue(t, p, client)
			require.ErrorContains(t, err, "no node role: ")
			assert.ErrorContains(t, err, tt.says)
			s.ClearFaults()
			require.Eventually(t, func() bool {
				_, err := s.issue(t, p, client)
				return err == nil
			}, 30*time.Second, 20*time.Millisecond)
		})
	}
}

func TestAPodsTokenIsReadAnew(t *testing.T) {
	t.Parallel()
	s := newStage(t, tencent.Options{})
	p, client := s.principal(t, as(tcr.PodIdentity))
	_, err := s.issue(t, p, client)
	require.NoError(t, err)

	s.EndSessions()
	s.prove(-time.Minute)
	_, err = s.issue(t, p, client)
	require.ErrorIs(t, err, token.ErrBadRequest)

	s.prove(time.Hour)
	p.Retry()
	_, err = s.issue(t, p, client)
	require.NoError(t, err)
}

func TestARolesSecretKeyChangesWithoutARestart(t *testing.T) {
	t.Parallel()
	s := newStage(t, tencent.Options{})
	old, fresh := s.DefaultIdentity(), s.NewIdentity()
	s.AddIdentity(fresh)
	write(t, s.dir, old)
	p, client := s.principal(t, as(tcr.SecretKey, s.next.ARN()))
	_, err := s.issue(t, p, client)
	require.NoError(t, err)

	write(t, s.dir, fresh)
	s.Revoke(old.SecretID)
	s.EndSessions()
	tok, err := s.issue(t, p, client)
	require.NoError(t, err)
	assert.Equal(t, s.next.UIN, tok.Username)
	calls := s.Calls("AssumeRole")
	assert.Equal(t, fresh.UIN, calls[len(calls)-1].UIN)
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
