package tcr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/tcr"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

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
