package health

import (
	"time"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/registration"
	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
)

// Facts are what was seen. What could not be looked at is in Unseen, with why.
type Facts struct {
	// Namespace of the installation, and Server that was asked.
	Namespace, Server string
	// Kubernetes is the version of the API server.
	Kubernetes string
	Now        time.Time

	// Deployment is nil if there is none, or it could not be looked at.
	Deployment *Deployment
	// Lease is nil if nobody ever led.
	Lease *Lease
	// Document is what the leader wrote last; nil if there is none.
	Document *status.Document
	// Live are the registrations.
	Live registration.Live
	// Endpoints are the addresses that the API server may call, of those ready.
	Endpoints int
	// Configured: there is a configuration.
	Configured bool
	Unseen     []Unseen
}

// The things that may be Unseen.
const (
	ThingDeployment    = "deployment"
	ThingLease         = "leader"
	ThingDocument      = "status"
	ThingRegistrations = "registrations"
	ThingEndpoints     = "endpoints"
	ThingConfiguration = "configuration"
)

// Unseen is what could not be looked at.
type Unseen struct {
	Thing string `json:"thing"`
	Why   string `json:"why"`
}

// Deployment is how many pods are wanted, and are ready.
type Deployment struct{ Want, Ready int32 }

// Lease is who leads, and until when.
type Lease struct {
	Holder  string
	Renewed time.Time
	// Life is for how long it holds from then on.
	Life time.Duration
}

// held tells whether somebody leads. A clock of ours that differs is given some
// time.
func (l *Lease) held(now time.Time) bool {
	const spare = 15 * time.Second
	return l != nil && l.Holder != "" && now.Before(l.Renewed.Add(l.Life+spare))
}

// Installed tells whether there is any sign of an installation.
func (f *Facts) Installed() bool {
	return f.Deployment != nil || f.Document != nil || f.Configured || f.Live.Mutating != nil || f.Live.Validating != nil
}

func (f *Facts) unseen(thing string) bool {
	for _, u := range f.Unseen {
		if u.Thing == thing {
			return true
		}
	}
	return false
}
