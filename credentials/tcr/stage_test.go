package tcr_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/tcr"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

// The tests on a stage run the real SDK against the emulator's STS and
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
