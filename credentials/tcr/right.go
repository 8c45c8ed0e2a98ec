package tcr

import (
	"errors"
	"regexp"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// right is the one to an action on an instance.
type right struct {
	action string
	id     registry.ID
}

// learn keeps what the outcome of a call says of the right to it. Most failures
// say nothing.
func (c *Client) learn(r right, err error) {
	if granted := err == nil; granted || MissingRight(err) != "" {
		c.rights.Store(r, granted)
	}
}

// Rights tells which actions on id the identity was allowed and which it was
// refused when it was last asked, by names such as tcr:CreateInstanceToken. What
// was not asked for is absent.
func (c *Client) Rights(id registry.ID) map[string]bool {
	known := map[string]bool{}
	for key, value := range c.rights.Range {
		r, _ := key.(right)
		if granted, ok := value.(bool); ok && r.id == id {
			known["tcr:"+r.action] = granted
		}
	}
	return known
}

// rightPattern finds a right in the words of apiError.meaning.
var rightPattern = regexp.MustCompile(`\bneeds ([a-z]+:[A-Za-z]+ on \S+)`)

// MissingRight is the right that err says an identity lacks, as a CAM policy
// writes it, or "" if that is not what is wrong.
func MissingRight(err error) string {
	var e *apiError
	if !errors.As(err, &e) {
		return ""
	}
	if found := rightPattern.FindStringSubmatch(e.meaning); found != nil {
		return found[1]
	}
	return ""
}
