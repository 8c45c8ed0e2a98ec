package integration

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

const (
	oidcProvider = "cls-abcd1234"
	roles        = "qcs::cam::uin/100000000001:roleName/"
)

// fourIdentities gives each team an identity of its own for the one instance.
const fourIdentities = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud:
  region: ap-guangzhou
  identity: SecretKey
  endpoint: ENDPOINT
  stsEndpoint: STSURL
registries:
- instance: tcr-m3ut3qxx
  namespaces: ["key-*"]
- instance: tcr-m3ut3qxx
  namespaces: ["role-*"]
  assumeRole: ` + roles + `team-role
- instance: tcr-m3ut3qxx
  namespaces: ["pod-*"]
  identity: PodIdentity
- instance: tcr-m3ut3qxx
  namespaces: ["node-*"]
  identity: NodeRole
`

// only lets a role pull the repositories of one team.
func only(team string) *tencent.Policy {
	return &tencent.Policy{Version: "2.0", Statement: []tencent.Statement{
		{Effect: "allow", Action: []string{"tcr:CreateInstanceToken"}, Resource: []string{"qcs::tcr:::instance/*"}},
		{Effect: "allow", Action: []string{"tcr:PullRepository"}, Resource: []string{"qcs::tcr:::repository/" + stack.InstanceID + "/" + team + "/*"}},
	}}
}

// podEnv is what TKE's webhook would put into our pod.
func podEnv(t *testing.T) (env []string, proof string) {
	t.Helper()
	proof = filepath.Join(t.TempDir(), "oidc-token")
	return []string{
		"TKE_REGION=ap-guangzhou", "TKE_PROVIDER_ID=" + oidcProvider, "TKE_WEB_IDENTITY_TOKEN_FILE=" + proof, "TKE_ROLE_ARN=" + roles + "team-pod",
	}, proof
}

// teams are the roles of fourIdentities and a few more, and the pod's token.
func teams(proof string, made map[string]tencent.Role) func(*tencent.Cloud) {
	return func(c *tencent.Cloud) {
		for _, team := range []string{"role", "role2", "pod", "node"} {
			made[team] = c.AddRole(tencent.Role{Name: "team-" + team, Providers: []string{oidcProvider}, Policy: only(team)})
		}
		c.BindNodeRole(made["node"].ARN())
		token, err := c.WebIdentity(time.Hour)
		if err := errors.Join(err, os.WriteFile(proof, []byte(token+"\n"), 0o600)); err != nil {
			panic(err)
		}
	}
}

// bearer is whom a login of a Secret belongs to: its user name, which the token
// itself must say as well.
func bearer(t *testing.T, secret *corev1.Secret) string {
	t.Helper()
	var config struct {
		Auths map[string]struct{ Username, Password string }
	}
	require.NoError(t, json.Unmarshal(secret.Data[corev1.DockerConfigJsonKey], &config))
	login := config.Auths[stack.PublicHost]
	parts := strings.Split(login.Password, ".")
	require.Len(t, parts, 3, "no token")
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var claims struct{ OperatorUin string }
	require.NoError(t, json.Unmarshal(raw, &claims))
	require.Equal(t, claims.OperatorUin, login.Username)
	return login.Username
}

// assertNoKey looks for the beginning of every SecretId and session's.
func assertNoKey(t *testing.T, s *stack.Stack) {
	t.Helper()
	all, err := s.Outputs(t.Context())
	require.NoError(t, err)
	for name, text := range all {
		assert.False(t, strings.Contains(text, "AKID"), "%s holds a SecretId", name)
	}
}

func TestEachNamespaceHasTheTokenOfItsOwnIdentity(t *testing.T) {
	t.Parallel()
	env, proof := podEnv(t)
	made := map[string]tencent.Role{}
	s := start(t, stack.Options{Config: fourIdentities, Env: env, Replicas: 3, Prepare: teams(proof, made)})
	a := newAuthor(t, s)
	namespaces := []string{"key-1", "key-2", "role-1", "role-2", "pod-1", "node-1"}
	for _, team := range []string{"key", "role", "role2", "pod", "node"} {
		_, err := s.Cloud.Push(t.Context(), stack.PublicHost+"/"+team+"/hello:1")
		require.NoError(t, err)
	}
	for _, name := range namespaces {
		a.namespace(t, name)
		team, _, _ := strings.Cut(name, "-")
		a.pod(t, name, "hello", stack.PublicHost+"/"+team+"/hello:1")
	}
	bearers := map[string]string{"key": s.Cloud.DefaultIdentity().UIN, "role": made["role"].UIN, "pod": made["pod"].UIN, "node": made["node"].UIN}
	held := map[string]*corev1.Secret{}
	for _, name := range namespaces {
		team, _, _ := strings.Cut(name, "-")
		eventually(t, "the Secret of "+name, func() bool { held[name] = a.secret(t, name); return held[name] != nil })
		assert.Equal(t, bearers[team], bearer(t, held[name]), name)
		_, err := s.Pull(t.Context(), stack.PublicHost+"/"+team+"/hello:1", held[name])
		require.NoError(t, err, name)
		if team != "key" {
			_, err = s.Pull(t.Context(), stack.PublicHost+"/role2/hello:1", held[name])
			require.Error(t, err, "%s pulls what is another team's", name)
		}
	}
	assert.Len(t, s.Cloud.Calls("CreateInstanceToken"), 4, "one for each identity")
	assert.Len(t, s.Cloud.Calls("AssumeRole"), 1)
	assert.Len(t, s.Cloud.Calls("AssumeRoleWithWebIdentity"), 1)
	assert.Len(t, s.Cloud.Calls("NodeRole"), 2)

	// Another role for one team: its namespaces move, and nobody else's.
	require.NoError(t, s.WriteConfig(strings.Replace(fourIdentities, "team-role\n", "team-role2\n", 1)))
	moved := func(name, uin string) {
		t.Helper()
		eventually(t, name+" to move", func() bool { return bearer(t, a.secret(t, name)) == uin })
		now := a.secret(t, name)
		assert.Equal(t, held[name].UID, now.UID, "%s was made anew", name)
		held[name] = now
	}
	moved("role-1", made["role2"].UIN)
	moved("role-2", made["role2"].UIN)
	_, err := s.Pull(t.Context(), stack.PublicHost+"/role2/hello:1", held["role-1"])
	require.NoError(t, err)

	// A key of its own for another, in a folder.
	mine := s.Cloud.NewIdentity()
	s.Cloud.AddIdentity(mine)
	folder := filepath.Join(filepath.Dir(s.Server.LogFile), "credentials", "team-pod")
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "secretId"), []byte(mine.SecretID), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "secretKey"), []byte(mine.SecretKey), 0o600))
	require.NoError(t, s.WriteConfig(strings.NewReplacer("team-role\n", "team-role2\n", "identity: PodIdentity", "credentials: team-pod").Replace(fourIdentities)))
	moved("pod-1", mine.UIN)

	for _, name := range namespaces {
		assert.Equal(t, held[name].ResourceVersion, a.secret(t, name).ResourceVersion, "%s was written though it had no part in it", name)
	}
	assert.Len(t, s.Cloud.Calls("CreateInstanceToken"), 6, "one more for each new identity")
	assert.Len(t, s.Cloud.Calls("AssumeRole"), 2)
	assert.Len(t, s.Cloud.Calls("AssumeRoleWithWebIdentity"), 1)
	assert.Len(t, s.Cloud.Calls("NodeRole"), 2, "an identity that stays keeps its session")
	assertNoKey(t, s)
}

const podConfig = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud:
  region: ap-guangzhou
  identity: PodIdentity
  endpoint: ENDPOINT
  stsEndpoint: STSURL
registries:
- instance: tcr-m3ut3qxx
`

// A server that starts while STS hangs is ready all the same.
func TestStartWithoutSTS(t *testing.T) {
	t.Parallel()
	env, proof := podEnv(t)
	made := map[string]tencent.Role{}
	s := start(t, stack.Options{Config: podConfig, Env: env, Prepare: func(c *tencent.Cloud) {
		teams(proof, made)(c)
		c.AddRole(tencent.Role{Name: "team-pod", Providers: []string{oidcProvider}})
		c.SetFault("AssumeRoleWithWebIdentity", tencent.Fault{Hang: true})
	}})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	begun := time.Now()
	pod := a.pod(t, "shop", "hello", publicImage)
	assert.Less(t, time.Since(begun), 2*time.Second, "the pod was held up")
	assert.Equal(t, pullSecrets, pod.Spec.ImagePullSecrets)
	assert.Contains(t, a.taken(), "tcr-m3ut3qxx")

	s.Cloud.ClearFaults()
	eventually(t, "the Secret to arrive by itself", func() bool { return a.secret(t, "shop") != nil })
	metrics, err := s.Server.Scrape(t.Context())
	require.NoError(t, err)
	assert.Contains(t, metrics, `tcr_webhook_api_requests_total{action="AssumeRoleWithWebIdentity",code="OK"} 1`)
	assert.Contains(t, metrics, `tcr_webhook_api_requests_total{action="AssumeRoleWithWebIdentity",code="ClientError.NetworkError"}`)
	assertNoKey(t, s)
}

// Sessions of half a minute and tokens of ten seconds; STS goes away once in
// between, for less than a session's life, and all sessions end early once.
func TestSessionsAreRenewedInTime(t *testing.T) {
	t.Parallel()
	env, proof := podEnv(t)
	s := start(t, stack.Options{Config: podConfig, Env: env, Prepare: func(c *tencent.Cloud) {
		teams(proof, map[string]tencent.Role{})(c)
		c.AddRole(tencent.Role{Name: "team-pod", Providers: []string{oidcProvider}})
		c.SetTokenLifetime(10 * time.Second)
		c.SetSessionLifetime(20 * time.Second)
	}})
	a := newAuthor(t, s)
	_, err := s.Cloud.Push(t.Context(), publicImage)
	require.NoError(t, err)
	a.namespace(t, "shop")
	a.pod(t, "shop", "hello", publicImage)
	first := a.secret(t, "shop")
	require.NotNil(t, first)

	const span = 50 * time.Second
	away := time.AfterFunc(span/5, func() { s.Cloud.SetFault("AssumeRoleWithWebIdentity", tencent.Fault{Code: "InternalError"}) })
	back := time.AfterFunc(span/5+3*time.Second, s.Cloud.ClearFaults)
	ended := time.AfterFunc(span*3/5, s.Cloud.EndSessions)
	defer func() { away.Stop(); back.Stop(); ended.Stop() }()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(span); time.Now().Before(end); <-tick.C {
		secret := a.secret(t, "shop")
		require.NotNil(t, secret)
		require.Equal(t, first.UID, secret.UID)
		_, err := s.Pull(t.Context(), publicImage, secret)
		require.NoError(t, err)
	}
	assert.GreaterOrEqual(t, len(s.Cloud.Calls("AssumeRoleWithWebIdentity")), 3)
	assertNoKey(t, s)
}
