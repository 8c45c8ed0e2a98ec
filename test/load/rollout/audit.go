package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// calls are how often the replicas asked the API server for what, such as
// "watch secrets".
type calls map[string]int

// entry is a line of the audit, which has nobody's calls but theirs.
type entry struct {
	Stage, Verb              string
	UserAgent                string
	RequestReceivedTimestamp time.Time
	ObjectRef                struct{ Resource, Subresource string }
}

// what names the call. Whoever leads says so every two seconds, in a Lease, as
// whoever may lead next reads it.
func (e *entry) what() string {
	resource := e.ObjectRef.Resource
	if resource == "" {
		resource = "(discovery)"
	}
	if e.ObjectRef.Subresource != "" {
		resource += "/" + e.ObjectRef.Subresource
	}
	return e.Verb + " " + resource
}

// countCalls counts those of a span of time. A watch counts as it begins,
// anything else as it ends.
func countCalls(log string, from, to time.Time) calls {
	c := calls{}
	for line := range strings.Lines(log) {
		var e entry
		if json.Unmarshal([]byte(line), &e) != nil {
			continue // the last one, which is being written
		}
		counts := e.Stage == "ResponseComplete"
		if e.Verb == "watch" {
			counts = e.Stage == "ResponseStarted"
		}
		at := e.RequestReceivedTimestamp
		if counts && !at.Before(from) && at.Before(to) {
			c[e.what()]++
		}
	}
	return c
}

func (c calls) total() (n int) {
	for _, v := range c {
		n += v
	}
	return n
}

// leases is how many of them were about who leads: that goes on for as long as
// there is a replica, whatever else happens.
func (c calls) leases() (n int) {
	for what, v := range c {
		if strings.HasSuffix(what, " leases") {
			n += v
		}
	}
	return n
}

// names are those of all, sorted.
func names(all ...calls) []string {
	union := map[string]bool{}
	for _, c := range all {
		for name := range c {
			union[name] = true
		}
	}
	return slices.Sorted(maps.Keys(union))
}
