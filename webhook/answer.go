package webhook

import "net/http"

// answer is what a call gets; the functions below are all there are. A fault
// of ours is always an HTTP error and never a review that says "not allowed":
// the API server passes the latter on to the user whatever the failurePolicy.
type answer struct {
	result     string // of the metric
	status     int
	retryAfter string // seconds; empty for no retry
	close      bool   // the connection too, so that a retry may reach another replica
	body       []byte
	json       bool
}

// reviewed is the only answer with a review in it.
func reviewed(result string, review []byte) answer {
	return answer{result: result, status: http.StatusOK, body: review, json: true}
}

// cold asks to come back in a second, once there is something to decide by.
// Zero seconds would make the API server try ten times within milliseconds.
func cold() answer {
	return answer{result: resultCold, status: http.StatusServiceUnavailable, retryAfter: "1", body: []byte("not ready yet\n")}
}

// overloaded asks to come back in a second, once there is memory to read by.
func overloaded() answer {
	return answer{result: resultOverloaded, status: http.StatusServiceUnavailable, retryAfter: "1", body: []byte("too many large requests\n")}
}

// panicked asks to try another replica at once.
func panicked() answer {
	return answer{status: http.StatusServiceUnavailable, retryAfter: "0", close: true, body: []byte("internal error\n")}
}

// refused is for what is no review of an API server. Asking again is no use.
func refused(status int, why string) answer {
	return answer{result: resultMalformed, status: status, close: true, body: []byte(why + "\n")}
}

func (a answer) write(w http.ResponseWriter) {
	header := w.Header()
	if a.json {
		header.Set("Content-Type", "application/json")
	} else {
		header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	if a.retryAfter != "" {
		header.Set("Retry-After", a.retryAfter)
	}
	if a.close {
		header.Set("Connection", "close")
	}
	w.WriteHeader(a.status)
	// A caller that has gone away is nothing to act on: there is no second
	// answer, and net/http ends the connection.
	_, _ = w.Write(a.body)
}
