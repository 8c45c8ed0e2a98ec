package status

// The reasons of a Problem.
const (
	ProblemDenied      = "Denied"      // a right is missing, or the identity is none
	ProblemNotFound    = "NotFound"    // no such instance
	ProblemBadRequest  = "BadRequest"  // the configuration asks for what cannot be
	ProblemThrottled   = "Throttled"   // too many calls, not all of them ours
	ProblemClockSkew   = "ClockSkew"   // the clocks differ by more than five minutes
	ProblemSource      = "Source"      // the Secret of a fixed login cannot be read
	ProblemUnavailable = "Unavailable" // no answer, or one that makes no sense
)
