package tencent

import (
	"io"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/account"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/instance"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencentcloud"
)

// The vocabulary of a Cloud.
type (
	// Identity is a sub-account with one key and its rights.
	Identity = account.Identity
	// Policy is a CAM policy document.
	Policy = account.Policy
	// Statement is one entry of a Policy.
	Statement = account.Statement
	// Role is what STS hands out temporary credentials for.
	Role = account.Role
	// Instance is a TCR instance.
	Instance = instance.Instance
	// Link is an Instance's private access from a VPC.
	Link = instance.Link
	// DNSRecord lets a VPC resolve one of an Instance's names.
	DNSRecord = instance.DNSRecord
	// CustomDomain is an Instance's host name of the user's own.
	CustomDomain = instance.CustomDomain
	// Fault is a way for API calls to go wrong.
	Fault = tencentcloud.Fault
	// Call is one API request as it was seen.
	Call = tencentcloud.Call
)

// Options change a Cloud. The zero value is good.
type Options struct {
	APIAddress      string // default 127.0.0.1:0, as the others
	STSAddress      string // with TLS
	STSPlainAddress string // without
	MetadataAddress string
	RegistryAddress string

	Log io.Writer // one line a request, never a secret; nil: none

	Now func() time.Time // the Cloud's clock, for signatures, tokens, links; nil: time.Now

	// LinkDelay is how long a private link or custom domain made by the API
	// takes to work. Zero: one second; the real one takes one to two minutes.
	LinkDelay time.Duration

	// NoLimits switches the rate limits off.
	NoLimits bool

	// PublicRealm makes every registry challenge name the public host, also
	// the one of the -vpc host. Which of the two the real one does is unknown.
	PublicRealm bool

	// UnknownInstance is the code of CreateInstanceToken for an unknown
	// instance, e.g. InternalError.DbError. Empty: ResourceNotFound.TcrResourceNotFound.
	UnknownInstance string
}

const defaultLinkDelay = time.Second

func (o Options) withDefaults() Options {
	for _, address := range []*string{&o.APIAddress, &o.STSAddress, &o.STSPlainAddress, &o.MetadataAddress, &o.RegistryAddress} {
		if *address == "" {
			*address = "127.0.0.1:0"
		}
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LinkDelay == 0 {
		o.LinkDelay = defaultLinkDelay
	}
	return o
}
