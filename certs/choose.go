package certs

import (
	"crypto/x509"
	"time"
)

// Trust is how one certificate fares with the registrations.
type Trust struct {
	// Registrations are those that are there, as watched.
	Registrations []Registration
	// EmptyTrusts says that an entry without a caBundle trusts us: then the API
	// server goes by what its machine trusts, which we cannot see.
	EmptyTrusts bool
	Now         time.Time

	verdicts map[verdict]error // so far
}

// verdict is what a refusal depends on. Most entries are alike in it.
type verdict struct {
	host, bundle string
	leaf         *Leaf
}

// refusal is why an entry would refuse a certificate; nil where it would not.
func (t *Trust) refusal(e Entry, l *Leaf) error {
	if t.EmptyTrusts && len(e.CABundle) == 0 {
		return nil
	}
	asked := verdict{e.Host, string(e.CABundle), l}
	err, known := t.verdicts[asked]
	if !known {
		err = l.verify(e.bundle(), e.Host, t.Now)
		if t.verdicts == nil {
			t.verdicts = map[verdict]error{}
		}
		t.verdicts[asked] = err
	}
	return err
}

// Refusal is the first entry that would refuse l, and why; nil where there is
// none.
func (t *Trust) Refusal(l *Leaf) (Entry, error) {
	for _, r := range t.Registrations {
		for _, e := range r.Entries {
			if err := t.refusal(e, l); err != nil {
				return e, err
			}
		}
	}
	return Entry{}, nil
}

// compare tells what would come of b in the place of a: whether an entry is
// lost, whether one is gained, and whether any trusts a.
func (t *Trust) compare(a, b *Leaf) (loses, gains, trusted bool) {
	for _, r := range t.Registrations {
		for _, e := range r.Entries {
			before, after := t.refusal(e, a) == nil, t.refusal(e, b) == nil
			trusted = trusted || before
			loses = loses || before && !after
			gains = gains || after && !before
		}
	}
	return loses, gains, trusted
}

// Choice is what becomes of a certificate that could be served.
type Choice string

const (
	// Take it in the place of the one that is served.
	Take Choice = "take"
	// Settle waits until API servers know of its CA as well as we do.
	Settle Choice = "settle"
	// Refuse it for now: it would not be trusted where the other is, or nowhere.
	Refuse Choice = "refuse"
)

// Choose decides whether candidate is served in the place of served, which is
// nil for none. It is taken at once where nothing can be lost by it, and where
// waiting costs more. Otherwise some time has to pass in which no caBundle
// refused it; held is for how long that has been.
func Choose(served, candidate *Leaf, t *Trust, held, settling time.Duration) Choice {
	if served == nil || !served.holds(t.Now) || served.CA != nil && candidate.CA != nil && served.CA.Equal(candidate.CA) {
		return Take
	}
	switch loses, gains, trusted := t.compare(served, candidate); {
	case loses:
		return Refuse
	case len(t.Registrations) > 0 && !trusted && gains:
		return Take // calls are being lost
	case len(t.Registrations) > 0 && !trusted:
		return Refuse
	case held >= settling || served.spent(t.Now):
		return Take
	}
	return Settle
}

// holds tells whether the certificate is valid, by our clock.
func (l *Leaf) holds(now time.Time) bool {
	return !now.Before(l.Certificate.NotBefore) && now.Before(l.Certificate.NotAfter)
}

// spent tells whether too little is left of the certificate's life to wait for
// anything.
func (l *Leaf) spent(now time.Time) bool {
	return !now.Before(spent(l.Certificate.NotBefore, l.Certificate.NotAfter))
}

// due tells whether another certificate should be signed by the same CA.
func (l *Leaf) due(life time.Duration, now time.Time) bool {
	return now.Before(l.Certificate.NotBefore) || l.canLast(l.CA, life) && !now.Before(l.renewal(life))
}

// canLast tells whether another one by ca could last longer.
func (l *Leaf) canLast(ca *x509.Certificate, life time.Duration) bool {
	return ca.NotAfter.Sub(l.Certificate.NotAfter) > life/20
}

func (l *Leaf) renewal(life time.Duration) time.Time {
	return renewal(l.Certificate.NotBefore, l.Certificate.NotAfter, life)
}
