package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// Caller is who asks for the tokens of an entry.
type Caller struct {
	Identity Identity
	// Folder with the SecretKey, within that of the credentials; empty for
	// that folder itself. Identities other than SecretKey and Auto need none.
	Folder string
	// AssumeRole is the ARN of the role it assumes; empty for none.
	AssumeRole string
}

// Account is the fingerprint of the caller: entries of equal callers share
// their tokens, and another caller's are new ones.
func (c Caller) Account() registry.Account {
	sum := sha256.Sum256([]byte(strings.Join([]string{string(c.Identity), c.Folder, c.AssumeRole}, "\n")))
	return registry.Account(hex.EncodeToString(sum[:4]))
}

// caller is who asks for the tokens of r: what r says, and for the rest what
// tencentCloud does.
func (c *Config) caller(r *Registry) Caller {
	who := Caller{Identity: c.TencentCloud.Identity, Folder: r.Credentials, AssumeRole: c.TencentCloud.AssumeRole}
	switch {
	case r.Identity != "":
		who.Identity = r.Identity
	case r.Credentials != "":
		who.Identity = IdentitySecretKey
	}
	if r.AssumeRole != nil {
		who.AssumeRole = *r.AssumeRole
	}
	return who
}

// Callers are all who ask for tokens, by their fingerprints.
func (c *Config) Callers() map[registry.Account]Caller {
	callers := map[registry.Account]Caller{}
	for i := range c.Registries {
		if r := &c.Registries[i]; !r.fixed() {
			who := c.caller(r)
			callers[who.Account()] = who
		}
	}
	return callers
}

func identities() []Identity {
	return []Identity{IdentityAuto, IdentitySecretKey, IdentityPodIdentity, IdentityNodeRole}
}

var rolePattern = regexp.MustCompile(`^qcs::cam::uin/[0-9]{1,20}:(role|roleName)/[\w+=,.@/-]{1,160}$`)

func checkRole(m *mistakes, arn string, path ...any) {
	if arn != "" && !rolePattern.MatchString(arn) {
		m.add(fmt.Sprintf("%q is not the ARN of a role such as qcs::cam::uin/100000000001:roleName/tcr-puller", arn), path...)
	}
}
