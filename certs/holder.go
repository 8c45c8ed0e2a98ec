package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Holder holds the certificate that is served. Handshakes and probes may ask it
// at any time; one goroutine at a time may offer it another.
type Holder struct {
	settling    time.Duration
	emptyTrusts bool

	served  atomic.Pointer[Leaf]
	refused atomic.Pointer[refusal] // nil: by no registration

	waiting steady // of the goroutine that offers
}

// refusal is who refuses what is served, and why.
type refusal struct{ text string }

// errNoCertificate is what a handshake before the first certificate ends with.
var errNoCertificate = errors.New("there is no certificate yet")

// GetCertificate is for a tls.Config.
func (h *Holder) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if l := h.served.Load(); l != nil {
		return l.pair, nil
	}
	return nil, errNoCertificate
}

// Served is the certificate that is served, or nil.
func (h *Holder) Served() *x509.Certificate {
	if l := h.served.Load(); l != nil {
		return l.Certificate
	}
	return nil
}

// Refused says which registration's caBundle would have the API server refuse
// what is served, and why; "" where none would.
func (h *Holder) Refused() string {
	if r := h.refused.Load(); r != nil {
		return r.text
	}
	return ""
}

// Ready tells whether calls that come here can succeed. Registrations that are
// not there, or that may not be read, stand in nobody's way: a server has to be
// ready before it is registered, and a certificate is as good as it was.
func (h *Holder) Ready() error {
	l := h.served.Load()
	if l == nil {
		return errNoCertificate
	}
	if !l.holds(time.Now()) {
		return fmt.Errorf("the certificate holds from %s to %s only", l.Certificate.NotBefore.Format(time.RFC3339), l.Certificate.NotAfter.Format(time.RFC3339))
	}
	if text := h.Refused(); text != "" {
		return errors.New(text)
	}
	return nil
}

// offer serves candidate if that is better, and tells whether it did. A nil
// candidate leaves what is served.
func (h *Holder) offer(candidate *Leaf, registrations []Registration, at Moment) (taken bool, choice Choice) {
	trust := &Trust{Registrations: registrations, EmptyTrusts: h.emptyTrusts, Now: at.Wall}
	served := h.served.Load()
	if candidate != nil {
		choice = Choose(served, candidate, trust, 0, h.settling)
		held := h.waiting.held(candidate.String(), choice == Settle, at.Up)
		if choice = Choose(served, candidate, trust, held, h.settling); choice == Take {
			h.served.Store(candidate)
			served, taken = candidate, true
		}
	}
	h.judge(served, trust)
	return taken, choice
}

// judge notes whether what is served is trusted.
func (h *Holder) judge(served *Leaf, trust *Trust) {
	if served == nil {
		return
	}
	e, err := trust.Refusal(served)
	if err == nil {
		h.refused.Store(nil)
		return
	}
	h.refused.Store(&refusal{fmt.Sprintf("the API server does not trust our certificate by the caBundle of webhook %s: %v", e.Name, err)})
}
