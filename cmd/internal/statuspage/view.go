package statuspage

import (
	"time"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
)

// View is what a page shows.
type View struct {
	// Now is when the page is made.
	Now time.Time
	// Self is the replica that answers.
	Self Replica
	// Document is as the leader wrote it, and nil while there is none; Changed
	// is when it wrote something new into it, the zero value if nobody knows.
	Document *status.Document
	Changed  time.Time
	// Leader is who leads by the Lease, which was renewed at Renewed; empty for
	// nobody.
	Leader  string
	Renewed time.Time
	// Problem is why what is above could not be read; what was read last
	// stands, if there is such.
	Problem string
}

// Replica is the process that answers.
type Replica struct {
	Name, Version string
	Leading       bool
	// NotReady is what its readiness probe answers, empty when it is ready.
	NotReady string
}
