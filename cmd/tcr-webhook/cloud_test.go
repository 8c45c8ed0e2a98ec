package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/config"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

// ofTwo has two entries of one instance, with two identities, and a fixed login.
const ofTwo = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud: {region: ap-guangzhou, identity: SecretKey, endpoint: ENDPOINT}
registries:
- {instance: tcr-m3ut3qxx, namespaces: [a], credentials: team-a}
- {instance: tcr-m3ut3qxx, namespaces: [b]}
- {name: personal, hosts: [ccr.ccs.tencentyun.com], credentialSecret: ccr-login}
`

// clouded is an emulator, the folder of its keys, and what decodes a
// configuration for it.
func clouded(t *testing.T) (emulator *tencent.Cloud, c *cloud, decode func(string) *config.Config) {
	t.Helper()
	emulator, err := tencent.Start(t.Context(), tencent.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, emulator.Close()) })
	emulator.AddInstance(tencent.Instance{ID: "tcr-m3ut3qxx", Name: "demo"})
	c = &cloud{credentialsDir: t.TempDir(), env: os.Getenv, observe: func(string, string) {}}
	return emulator, c, func(text string) *config.Config {
		cfg, err := config.Decode("c.yaml", []byte(strings.ReplaceAll(text, "ENDPOINT", emulator.Endpoint())))
		require.NoError(t, err)
		return cfg
	}
}

func writeKey(t *testing.T, folder string, i tencent.Identity) {
	t.Helper()
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "secretId"), []byte(i.SecretID), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "secretKey"), []byte(i.SecretKey), 0o600))
}

func TestEachKeyIsAskedForAsItsOwnIdentity(t *testing.T) {
	t.Parallel()
	emulator, c, decode := clouded(t)
	first, other := emulator.DefaultIdentity(), emulator.NewIdentity()
	emulator.AddIdentity(other)
	writeKey(t, c.credentialsDir, first)
	writeKey(t, filepath.Join(c.credentialsDir, "team-a"), other)
	cfg := decode(ofTwo)
	require.NoError(t, c.use(cfg))
	require.NoError(t, c.check())
	entries, err := cfg.Entries()
	require.NoError(t, err)

	for i, who := range []struct {
		tencent.Identity
		says string
	}{{other, "SecretKey in " + c.credentialsDir + "/team-a"}, {first, "SecretKey in " + c.credentialsDir}} {
		tok, err := c.Issue(t.Context(), entries[i].Key())
		require.NoError(t, err)
		assert.Equal(t, who.UIN, tok.Username)
		assert.Equal(t, who.says, c.Identity(entries[i].Key()))
		assert.NotContains(t, fmt.Sprintf("%v %+v", c.Identity(entries[i].Key()), tok), who.SecretKey)
	}
	_, err = c.Hosts(t.Context(), "tcr-m3ut3qxx")
	require.NoError(t, err)
	assert.Equal(t, other.UIN, emulator.Calls("DescribeInstances")[0].UIN, "the first entry's identity describes the instance")

	assert.Empty(t, c.Identity(entries[2].Key()), "a fixed login has no identity")
	_, err = c.Issue(t.Context(), entries[2].Key())
	require.EqualError(t, err, "no identity of the configuration asks for tokens of personal/secret/ccr-login")
	_, err = c.Hosts(t.Context(), "personal")
	require.EqualError(t, err, "no identity of the configuration is for personal")
}

func TestAReloadMovesOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	_, c, decode := clouded(t)
	accounts := func(text string) (a, b *caller) {
		cfg := decode(text)
		require.NoError(t, c.use(cfg))
		entries, err := cfg.Entries()
		require.NoError(t, err)
		return c.state.Load().byAccount[entries[0].Account], c.state.Load().byAccount[entries[1].Account]
	}
	a, b := accounts(ofTwo)
	sameA, sameB := accounts(strings.Replace(ofTwo, "namespaces: [b]", "route: Private", 1))
	assert.Same(t, a, sameA)
	assert.Same(t, b, sameB)

	sameA, other := accounts(strings.Replace(ofTwo, "namespaces: [b]", "identity: NodeRole", 1))
	assert.Same(t, a, sameA)
	assert.NotSame(t, b, other)
	assert.Len(t, c.state.Load().byAccount, 2, "an identity that nobody has is kept")

	otherA, _ := accounts(strings.Replace(ofTwo, "ap-guangzhou", "ap-shanghai", 1))
	assert.NotSame(t, a, otherA, "the region is of all")
}

func TestAnIdentityThatCannotBeIsRefusedWhole(t *testing.T) {
	t.Parallel()
	_, c, decode := clouded(t)
	require.NoError(t, c.use(decode(ofTwo)))
	before := c.state.Load()
	bad := decode(ofTwo)
	bad.TencentCloud.Region = "x"
	require.ErrorContains(t, c.use(bad), `region "x" is not one of Tencent Cloud's`)
	assert.Same(t, before, c.state.Load())
	require.ErrorContains(t, c.check(), "secretId does not exist")
	_, err := c.Issue(t.Context(), registry.Key{ID: "tcr-m3ut3qxx"})
	assert.ErrorContains(t, err, "no identity of the configuration asks for tokens of tcr-m3ut3qxx")
}
