package main

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/credentials"
)

// The actions of our Events, which say what we were doing.
const (
	actionDeliver = "Deliver" // of namespaces
	actionReport  = "Report"  // of our own objects
)

// announcer makes Events, and a bounded number of them: what is told again and
// again becomes one Event, and what concerns every namespace becomes no storm.
// Use newAnnouncer.
type announcer struct {
	recorder events.EventRecorder
	// uid gives the UID of a namespace, or "" if it is not known.
	uid func(namespace string) types.UID

	// What is news anyway and what is not must not crowd each other out.
	normal, warning *rate.Limiter

	mu   sync.Mutex // guards what is below
	told map[toldKey]time.Time
	tidy time.Time // when told was last rid of what may be told again
}

// toldKey is what is told once: the text may differ, as when a token expires a
// little later.
type toldKey struct{ namespace, reason string }

const (
	// tellAgain is how long the same is not told of a namespace again. An
	// Event is kept for an hour.
	tellAgain = 15 * time.Minute
	// maxTold bounds what is remembered: a reason or two for each of the
	// 10,000 namespaces that Kubernetes is made for.
	maxTold = 20_000
	// Namespaces come hundreds at once, in a migration, and their Secrets must
	// not wait for Events to be written: of such a crowd a part is told.
	normalPerSecond, normalAtOnce   = 5, 50
	warningPerSecond, warningAtOnce = 5, 50
)

func newAnnouncer(r events.EventRecorder, uid func(string) types.UID) *announcer {
	return &announcer{
		recorder: r, uid: uid, told: map[toldKey]time.Time{},
		normal: rate.NewLimiter(normalPerSecond, normalAtOnce), warning: rate.NewLimiter(warningPerSecond, warningAtOnce),
	}
}

// About implements credentials.Events.
func (a *announcer) About(namespace string, n credentials.News) {
	if !a.isNew(toldKey{namespace, n.Reason}, time.Now(), n.Warning) {
		return
	}
	// An Event about a Namespace belongs into the namespace default, where
	// those whom it concerns do not look and may not. With the namespace named
	// as its own, it is among the Events of their pods.
	about := &corev1.ObjectReference{APIVersion: "v1", Kind: "Namespace", Name: namespace, Namespace: namespace, UID: a.uid(namespace)}
	a.recorder.Eventf(about, nil, eventType(n.Warning), n.Reason, actionDeliver, "%s", n.Text)
}

// isNew tells whether to tell something of a namespace, and notes that it was.
func (a *announcer) isNew(key toldKey, now time.Time, warning bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if last, told := a.told[key]; told && now.Sub(last) < tellAgain {
		return false
	}
	a.forget(now)
	if len(a.told) >= maxTold || !a.limiter(warning).AllowN(now, 1) {
		return false
	}
	a.told[key] = now
	return true
}

// forget drops what may be told again, now and then: admissions pass through
// here. The caller holds mu.
func (a *announcer) forget(now time.Time) {
	if now.Sub(a.tidy) < tellAgain/10 {
		return
	}
	a.tidy = now
	for key, last := range a.told {
		if now.Sub(last) >= tellAgain {
			delete(a.told, key)
		}
	}
}

func (a *announcer) limiter(warning bool) *rate.Limiter {
	if warning {
		return a.warning
	}
	return a.normal
}

// ourOwn makes an Event about the status document. The recorder takes Events
// about one thing for the same, whatever they say; with the version of the
// document in about each is another.
func (a *announcer) ourOwn(about *corev1.ObjectReference, n status.Notice) {
	if !a.limiter(n.Warning).Allow() {
		return
	}
	text := n.Message
	if len(text) > maxNote {
		text = text[:maxNote]
	}
	a.recorder.Eventf(about, nil, eventType(n.Warning), n.Reason, actionReport, "%s", text)
}

// maxNote is what the API server takes of a note, in bytes: 1024. Messages of
// conditions are bounded by 1000.
const maxNote = 1024

func eventType(warning bool) string {
	if warning {
		return corev1.EventTypeWarning
	}
	return corev1.EventTypeNormal
}
