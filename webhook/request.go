package webhook

import (
	"mime"
	"net/http"
	"strings"
	"time"
)

const (
	// defaultTimeout and maxTimeout are timeoutSeconds of a registration where
	// none is given, and at most (k8s.io/api/admissionregistration/v1).
	defaultTimeout = 10 * time.Second
	maxTimeout     = 30 * time.Second

	// maxRoomWait is how long a call waits for memory for its body. The rest of
	// the Server's readTimeout is left for reading.
	maxRoomWait = 2 * time.Second
)

// timeoutOf is how long the API server waits for the answer. It sends what it
// has left, rounded up to a second.
func timeoutOf(r *http.Request) time.Duration {
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if text, ok := strings.CutPrefix(part, "timeout="); ok {
			if d, err := time.ParseDuration(text); err == nil && d > 0 {
				return min(d, maxTimeout)
			}
		}
	}
	return defaultTimeout
}

// checkHead refuses what cannot be a review, before a byte of it is read.
func checkHead(r *http.Request) (answer, bool) {
	switch {
	case r.Method != http.MethodPost:
		return refused(http.StatusMethodNotAllowed, "want POST"), false
	case !isJSON(r.Header.Get("Content-Type")):
		return refused(http.StatusUnsupportedMediaType, "want Content-Type: application/json"), false
	case r.ContentLength < 0:
		// What is not announced cannot be budgeted. The API server announces.
		return refused(http.StatusLengthRequired, "want Content-Length"), false
	case r.ContentLength > maxBody:
		return refused(http.StatusRequestEntityTooLarge, "review too large"), false
	}
	return answer{}, true
}

func isJSON(contentType string) bool {
	const want = "application/json" // as the API server writes it
	if contentType == want {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == want
}
