package tcr

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind is a way to authenticate with Tencent Cloud.
type Kind string

// The ways there are.
const (
	// Auto is the first of the others that is there.
	Auto Kind = "Auto"
	// SecretKey is the lasting key of a CAM user, in files.
	SecretKey Kind = "SecretKey"
	// PodIdentity is the role that TKE lets our ServiceAccount assume (OIDC).
	PodIdentity Kind = "PodIdentity"
	// NodeRole is the role of the CVM instance that we run on.
	NodeRole Kind = "NodeRole"
)

// PrincipalOptions say who is to call the API.
type PrincipalOptions struct {
	Kind Kind
	// Folder has the files of a SecretKey; wanted by Auto and SecretKey.
	Folder string
	// AssumeRole is the ARN of a role that is assumed by the above; empty for
	// none.
	AssumeRole string
	// Region that STS is called in, such as ap-guangzhou; a pod identity's own
	// comes first.
	Region string
	// STSEndpoint and RootDomain say where STS is, as in Options; the former
	// comes first.
	STSEndpoint, RootDomain string
	// Env reads the environment.
	Env func(string) string
	// MetadataServer is the URL of a CVM's metadata server, for tests; empty
	// for the one there is.
	MetadataServer string
	// Timeout bounds one call of STS; 4 seconds if zero.
	Timeout time.Duration
	// Observe is as in Options. A look at the metadata server counts as the
	// action NodeRole.
	Observe func(action, code string)
}

// stsTimeout leaves an assumed role time for the one below.
const stsTimeout = 4 * time.Second

// Principal is who calls the API. Its temporary credentials are kept until
// shortly before they end and made anew in time; while that fails, the old ones
// are used as long as they work, and no longer. Use NewPrincipal. All methods
// may be called at the same time.
type Principal struct{ node node }

var _ Identity = (*Principal)(nil)

// NewPrincipal makes a Principal. It makes no call.
func NewPrincipal(o PrincipalOptions) (*Principal, error) {
	if !regionPattern.MatchString(o.Region) {
		return nil, errRegion(o.Region)
	}
	if o.STSEndpoint != "" {
		o.RootDomain = ""
	}
	at, err := parseEndpoint(o.STSEndpoint, o.RootDomain)
	if err != nil {
		return nil, fmt.Errorf("STS: %w", err)
	}
	if o.Timeout <= 0 {
		o.Timeout = stsTimeout
	}
	service := &sts{newWire(at, o.Timeout, o.Observe)}
	base, err := baseNode(o, service)
	if err != nil || o.AssumeRole == "" {
		return &Principal{base}, err
	}
	r, err := parseRole(o.AssumeRole)
	if err != nil {
		return nil, err
	}
	return &Principal{newSession(&assumedRole{sts: service, region: o.Region, role: r, base: base})}, nil
}

// baseNode is who calls before any role is assumed.
func baseNode(o PrincipalOptions, service *sts) (node, error) {
	env := o.Env
	if env == nil {
		env = func(string) string { return "" }
	}
	pod, there := newPodIdentity(service, env, o.Region)
	switch o.Kind {
	case SecretKey:
		return Files(o.Folder), nil
	case PodIdentity:
		return newSession(pod), nil
	case NodeRole:
		return newSession(newNodeRole(o.MetadataServer, o.Observe)), nil
	case Auto:
		return &auto{
			files: Files(o.Folder), pod: newSession(pod), podThere: there,
			nodeRole: newSession(newNodeRole(o.MetadataServer, o.Observe)),
		}, nil
	default:
		return nil, errors.New("no such identity as " + string(o.Kind))
	}
}

// Credentials implements Identity.
func (p *Principal) Credentials(ctx context.Context) (Credentials, error) {
	return p.node.Credentials(ctx)
}

// Refused implements Identity.
func (p *Principal) Refused(creds Credentials) { p.node.Refused(creds) }

// String says who it is, for status and logs: "PodIdentity as role tcr-puller".
// It holds no secret.
func (p *Principal) String() string { return p.node.String() }

// Check reports in one line what only a person can mend, such as a missing
// file, if anything is. It makes no call: who cannot be asked is not wrong.
func (p *Principal) Check() error { return p.node.check() }

// Retry ends the pause after a failure, for when its cause may be gone.
func (p *Principal) Retry() { p.node.retry() }
