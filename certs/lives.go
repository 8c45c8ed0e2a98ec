package certs

import (
	"errors"
	"fmt"
	"time"
)

// Lives are how long certificates hold. All margins are parts of them, so that
// lives of two minutes work as those of a year do.
type Lives struct {
	// CA is the life of an authority, and Leaf that of what it signs.
	CA, Leaf time.Duration
}

const (
	// shortest is the life below which clocks and watches are too coarse.
	shortest = 10 * time.Second
	// longestSettling is what API servers get at most to see a change of a
	// caBundle. A watch takes milliseconds, and seconds where an API server is
	// in trouble.
	longestSettling = time.Minute
	// longestSlack is how far clocks may differ, where lives are long enough.
	longestSlack = 2 * time.Hour
)

// Check refuses lives that cannot be kept up.
func (l Lives) Check() error {
	var errs []error
	if l.CA < 2*shortest {
		errs = append(errs, fmt.Errorf("the life of a CA, %s, is under %s", l.CA, 2*shortest))
	}
	if l.Leaf < shortest {
		errs = append(errs, fmt.Errorf("the life of a certificate, %s, is under %s", l.Leaf, shortest))
	}
	if l.Leaf > l.CA/3 {
		errs = append(errs, fmt.Errorf("the life of a certificate, %s, is over a third of its CA's, %s", l.Leaf, l.CA))
	}
	return errors.Join(errs...)
}

// settling is how long a caBundle has to be in our watch before it is taken to
// be in force everywhere.
func (l Lives) settling() time.Duration { return min(longestSettling, l.CA/24) }

// slack is by how much a life begins early, and what is expired is kept longer,
// since clocks differ.
func slack(life time.Duration) time.Duration { return min(longestSlack, life/10) }

// spent is when too little of a life is left to rely on it.
func spent(notBefore, notAfter time.Time) time.Time {
	return notAfter.Add(-notAfter.Sub(notBefore) / 20)
}

// renewal is when what has this life is replaced: after two thirds of it, so
// that the last third is there for what goes wrong. life bounds it where the
// flags have been changed to less since.
func renewal(notBefore, notAfter time.Time, life time.Duration) time.Time {
	return notBefore.Add(min(life, notAfter.Sub(notBefore)) * 2 / 3)
}
