package tcr

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// What TKE's pod-identity webhook puts into the environment of a pod whose
// ServiceAccount names a role: cloud.tencent.com/document/product/457/81989.
const (
	envRegion       = "TKE_REGION"
	envProvider     = "TKE_PROVIDER_ID"
	envTokenFile    = "TKE_WEB_IDENTITY_TOKEN_FILE" //nolint:gosec // the name of a variable
	envOldTokenFile = "TKE_IDENTITY_TOKEN_FILE"     //nolint:gosec // likewise
	envRole         = "TKE_ROLE_ARN"
)

// maxWebIdentity is far above a token of a ServiceAccount, which has 1 to 2 KiB.
const maxWebIdentity = 64 << 10

// podIdentity is the source of the credentials of the role that our pod's
// ServiceAccount may assume.
type podIdentity struct {
	sts      *sts
	region   string
	provider string
	file     string
	role     role
	missing  error // what the environment lacks; nothing works without
}

// newPodIdentity reads the environment, which never changes; there tells
// whether any of it is meant for us. The region, where it has none that looks
// like one, is that of the configuration, which names the same.
func newPodIdentity(s *sts, env func(string) string, region string) (p *podIdentity, there bool) {
	p = &podIdentity{sts: s, region: region, provider: env(envProvider), file: env(envTokenFile)}
	if p.file == "" {
		p.file = env(envOldTokenFile)
	}
	if own := env(envRegion); regionPattern.MatchString(own) {
		p.region = own
	}
	arn, err := parseRole(env(envRole))
	p.role = arn
	switch {
	case env(envRole) == "":
		p.missing = lacking(envRole)
	case err != nil:
		p.missing = fmt.Errorf("no pod identity: %s: %w", envRole, err)
	case p.provider == "":
		p.missing = lacking(envProvider)
	case p.file == "":
		p.missing = lacking(envTokenFile)
	}
	return p, env(envRole) != "" || p.provider != "" || p.file != ""
}

func lacking(variable string) error {
	return fmt.Errorf("no pod identity: the environment has no %s; "+
		"install TKE's pod-identity-webhook, annotate our ServiceAccount with tke.cloud.tencent.com/role-arn, and start the pod anew", variable)
}

// String implements source.
func (p *podIdentity) String() string {
	if p.role == "" {
		return "PodIdentity"
	}
	return "PodIdentity as role " + p.role.name()
}

func (p *podIdentity) check() error { return p.missing }

// obtain implements source. The file is read anew each time: the kubelet
// replaces the token before it ends.
func (p *podIdentity) obtain(ctx context.Context) (temporary, error) {
	if p.missing != nil {
		return temporary{}, p.missing
	}
	raw, err := os.ReadFile(p.file)
	if err != nil {
		return temporary{}, fmt.Errorf("no pod identity: file %s cannot be read: %w", p.file, reason(err))
	}
	proof := strings.TrimSpace(string(raw))
	if proof == "" || len(proof) > maxWebIdentity || strings.ContainsFunc(proof, unprintable) {
		return temporary{}, fmt.Errorf("no pod identity: file %s holds no token of a ServiceAccount", p.file)
	}
	return p.sts.assumeWithWebIdentity(ctx, webIdentity{p.region, p.provider, token.Secret(proof), p.role}, p.read)
}

func (p *podIdentity) read(code string) (meaning string, class error) {
	if code == "InvalidParameter.WebIdentityTokenError" {
		// The kubelet may be late with the next token, so this can pass.
		return fmt.Sprintf("the token in %s has expired, or is for another audience or cluster than CAM's identity provider %s knows", p.file, p.provider),
			token.ErrBadRequest
	}
	return interpretSTS(code, p.role, fmt.Sprintf(
		"the trust policy of %s must allow name/sts:AssumeRoleWithWebIdentity to the identity provider %s", p.role, p.provider))
}
