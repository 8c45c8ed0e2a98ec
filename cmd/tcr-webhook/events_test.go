package main

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/credentials"
)

// recorded is a recorder of Events that writes them down.
type recorded []string

func (r *recorded) Eventf(regarding, _ runtime.Object, kind, reason, action, note string, args ...any) {
	about, _ := regarding.(*corev1.ObjectReference)
	*r = append(*r, fmt.Sprintf("%s %s %s/%s %s %s: %s", kind, reason, about.Namespace, about.Name, about.UID, action, fmt.Sprintf(note, args...)))
}

func uidOf(namespace string) types.UID { return types.UID("uid-of-" + namespace) }

func TestNamespacesAreToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r recorded
		a := newAnnouncer(&r, uidOf)
		news := credentials.News{Reason: "PullSecretCreated", Text: "100% of it"}
		for range 100 {
			a.About("shop", news)
		}
		require.Equal(t, recorded{"Normal PullSecretCreated shop/shop uid-of-shop Deliver: 100% of it"}, r)
		a.About("bank", news)
		a.About("shop", credentials.News{Reason: "PullSecretConflict", Warning: true, Text: "x"})
		assert.Len(t, r, 3)
		time.Sleep(tellAgain)
		a.About("shop", news)
		assert.Len(t, r, 4)
	})
}

// What concerns every namespace becomes no storm, and of what was not told
// nothing is remembered.
func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r recorded
		a := newAnnouncer(&r, uidOf)
		all := func(warning bool) {
			for i := range 2000 {
				a.About(fmt.Sprintf("team-%d", i), credentials.News{Reason: "R", Warning: warning})
			}
		}
		all(true)
		assert.Len(t, r, warningAtOnce)
		a.About("shop", credentials.News{Reason: "R"})
		assert.Len(t, r, warningAtOnce+1, "warnings crowd out what is normal")
		time.Sleep(time.Second)
		all(true)
		assert.Len(t, r, warningAtOnce+1+warningPerSecond)
		r = nil
		for range 10 {
			all(false)
			time.Sleep(time.Second)
		}
		assert.InDelta(t, normalAtOnce+10*normalPerSecond, len(r), normalPerSecond)
	})
}

func TestWhatWasToldIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAnnouncer(new(recorded), uidOf)
		a.normal = rate.NewLimiter(rate.Inf, 0)
		for i := range maxTold + 100 {
			a.About(fmt.Sprintf("team-%d", i), credentials.News{Reason: "R"})
		}
		assert.Len(t, a.told, maxTold)
		time.Sleep(tellAgain)
		a.About("shop", credentials.News{Reason: "R"})
		assert.Len(t, a.told, 1)
	})
}

func TestEventsOfOurOwn(t *testing.T) {
	t.Parallel()
	var r recorded
	a := newAnnouncer(&r, uidOf)
	about := &corev1.ObjectReference{Kind: "ConfigMap", Namespace: "tcr-webhook", Name: "tcr-webhook-status", UID: "u"}
	a.ourOwn(about, status.Notice{Warning: true, Reason: "ConfigRejected", Message: "100% wrong"})
	a.ourOwn(about, status.Notice{Reason: "ConfigApplied", Message: strings.Repeat("x", 2*maxNote)})
	require.Len(t, r, 2)
	assert.Equal(t, "Warning ConfigRejected tcr-webhook/tcr-webhook-status u Report: 100% wrong", r[0])
	assert.Less(t, len(r[1]), maxNote+100)
}
