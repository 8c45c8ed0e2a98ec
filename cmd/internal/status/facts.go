package status

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/registration"
)

// Facts are what a document is made from. What is nil is not known yet, which
// is another thing than that there is none.
type Facts struct {
	Version, Replica string
	Config           Config
	Instances        []Instance
	Secrets          map[string]int
	// Unsettled is for how long there have been Secrets that are on their way,
	// see Passing.
	Unsettled time.Duration
	// Certificate is the one that is served, and Authority the one of our own
	// that signs it, if there is such.
	Certificate, Authority *Validity
	// CertificateRefused says whose caBundle has the API server refuse it, and
	// CertificateFault what keeps another from being made or trusted.
	CertificateRefused, CertificateFault string

	Registrations *[]registration.Gap
	// Addon is what the TCR add-on sets of names of ours.
	Addon []string
	// ClockAhead is how far our clock is ahead of the cloud API's.
	ClockAhead *time.Duration
}

// Validity is from when until when a certificate holds.
type Validity struct{ NotBefore, NotAfter time.Time }

// Next is the document that follows before, which is nil for the first. A
// condition keeps the time of its last transition, and a problem the time when
// it was first seen, for as long as they stay what they were.
func Next(f *Facts, before *Document, now time.Time) *Document {
	if before == nil {
		before = &Document{}
	}
	d := &Document{
		APIVersion: APIVersion, Kind: Kind,
		Version: f.Version, Replica: f.Replica, Config: f.Config,
		Secrets:    f.Secrets,
		Conditions: conditions(f, before.Conditions, now),
		Instances:  make([]Instance, 0, len(f.Instances)),
	}
	d.Addon = f.Addon
	d.Certificates = f.certificates()
	d.Config.Error = shortened(d.Config.Error)
	for _, i := range f.Instances {
		i.LastError = follow(i.LastError, before.instance(i.ID, i.Identity).LastError, now)
		d.Instances = append(d.Instances, i)
	}
	if f.Registrations != nil {
		for _, gap := range *f.Registrations {
			if len(d.Registrations) == maxGaps {
				break
			}
			d.Registrations = append(d.Registrations, gap.String())
		}
	}
	return d
}

func (f *Facts) certificates() []Certificate {
	var list []Certificate
	for kind, v := range map[string]*Validity{"serving": f.Certificate, "ca": f.Authority} {
		if v != nil {
			list = append(list, Certificate{Kind: kind, NotBefore: inSeconds(v.NotBefore), NotAfter: inSeconds(v.NotAfter)})
		}
	}
	slices.SortFunc(list, func(a, b Certificate) int { return strings.Compare(b.Kind, a.Kind) })
	return list
}

// inSeconds is t as a document has it.
func inSeconds(t time.Time) metav1.Time { return metav1.NewTime(t.UTC().Truncate(time.Second)) }

// instance is the entry for an instance and an identity, or an empty one.
func (d *Document) instance(id, identity string) Instance {
	for _, i := range d.Instances {
		if i.ID == id && i.Identity == identity {
			return i
		}
	}
	return Instance{}
}

// follow is p with the time when it was first seen.
func follow(p, before *Problem, now time.Time) *Problem {
	if p == nil {
		return nil
	}
	next := *p
	next.Message = shortened(next.Message)
	next.Since = inSeconds(now)
	if before != nil && before.Reason == next.Reason {
		next.Since = before.Since
	}
	return &next
}

const (
	// maxText bounds each text in bytes. Etcd takes 1.5 MB for all.
	maxText = 1000
	// maxGaps bounds the list of what is wrong with the registrations.
	maxGaps = 50
)

// shortened is text, cut to maxText bytes at most at a whole character.
func shortened(text string) string {
	if len(text) <= maxText {
		return text
	}
	const more = "…"
	cut := maxText - len(more)
	for cut > 0 && text[cut]&0xC0 == 0x80 {
		cut--
	}
	return text[:cut] + more
}
