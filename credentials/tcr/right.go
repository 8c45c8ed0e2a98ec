package tcr

import (
	"errors"
	"regexp"
)

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
