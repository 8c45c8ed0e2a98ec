package judge

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/tcr-webhook/tcr-webhook/test/load/storm/schedule"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
)

// Outcome is what became of a request to create a pod.
type Outcome string

// The outcomes.
const (
	Admitted Outcome = "admitted"
	// Denied: a webhook answered that the pod may not be.
	Denied Outcome = "denied"
	// Lost: the API server had no answer of the webhook.
	Lost Outcome = "lost"
	// Failed: the API server failed by itself, or was not there.
	Failed Outcome = "failed"
)

// Admission is a pod that somebody wanted to create.
type Admission struct {
	Begun, Ended time.Time
	Namespace    string
	Instance     string // whose image it has
	Site         string // where, such as initContainers
	Asked, Got   string // the image
	Named        bool   // has the pull secret's name
	Outcome      Outcome
	Error        string
}

// Excuse is a time in which something need not hold.
type Excuse struct {
	ledger.Span

	What schedule.Excuse
	// Instance and Namespace are what it is about; empty is every one.
	Instance, Namespace string
}

// Way is a "-vpc" name that begins, or ceases, to work.
type Way struct {
	Host  string
	At    time.Time
	Works bool
}

// Call is a token that was asked for.
type Call struct {
	At       time.Time
	Instance string
}

// Space is a namespace.
type Space struct {
	// Wanted is since when its Secret is wanted; zero while it is not.
	Wanted time.Time
	// Hosts are those that it has to have logins for.
	Hosts []string
	// Gone is when it was deleted; zero while it was not.
	Gone time.Time
}

// History is all that was seen of a storm.
type History struct {
	Life time.Duration // of a token
	// Busy is by how much longer than usual things may take, at least one.
	Busy       float64
	Begun      time.Time
	Ended      time.Time
	Excuses    []Excuse
	Admissions []Admission
	Spaces     map[string]Space
	Secrets    map[string][]ledger.Version // by namespace
	// Foreign are Secrets that others made, and the resource version that each
	// of them was last written with by them.
	Foreign map[types.UID]string
	// Instances are those that hosts belong to.
	Instances map[string]string
	// Moved are the instances whose public images always go to the "-vpc" name,
	// by that name.
	Moved map[string]string
	Ways  []Way
	Calls []Call
}
