package credentials

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Who undoes every repair as soon as it is made.
func TestRepairsBackOff(t *testing.T) {
	t.Parallel()
	var q quarrels
	var repairs []time.Duration
	for at := time.Duration(0); at < 2*time.Hour; at += time.Second {
		if q.wait("shop", noon.Add(at)) == 0 {
			repairs = append(repairs, at)
		}
	}
	assert.Equal(t, []time.Duration{0, 1, 2, 3, 4, 14, 34, 74, 154}, seconds(repairs[:9]))
	assert.Len(t, repairs, 15+6)

	assert.Zero(t, q.wait("other", noon.Add(time.Hour)), "one namespace waits for another")
	for range quickRepairs {
		assert.Zero(t, q.wait("shop", noon.Add(4*time.Hour)), "after peace it does not begin anew")
	}
	assert.Equal(t, firstPause, q.wait("shop", noon.Add(4*time.Hour)))
}

func seconds(all []time.Duration) []time.Duration {
	var s []time.Duration
	for _, d := range all {
		s = append(s, d/time.Second)
	}
	return s
}

func TestADeletedSecretComesBackAtOnceAndInTheEndLater(t *testing.T) {
	t.Parallel()
	var q quarrels
	assert.False(t, q.has("shop"))
	q.begin("shop", noon)
	assert.True(t, q.has("shop"))
	for range quickRepairs {
		assert.Zero(t, q.wait("shop", noon))
		q.begin("shop", noon)
	}
	assert.Equal(t, firstPause, q.wait("shop", noon))
	q.end("shop")
	assert.False(t, q.has("shop"), "a namespace that is gone is remembered")
}

func TestQuarrelsAreForgotten(t *testing.T) {
	t.Parallel()
	var q quarrels
	for i := range 1000 {
		q.wait(fmt.Sprintf("team-%d", i), noon)
	}
	q.wait("shop", noon.Add(peace))
	assert.Len(t, q.of, 1)
}

func TestUnwantedBeginsWhenNothingIsWantedAndEndsWithIt(t *testing.T) {
	t.Parallel()
	var u unwanted
	assert.Zero(t, u.since("shop", false, noon))
	assert.Equal(t, noon, u.since("shop", true, noon))
	assert.Equal(t, noon, u.since("shop", true, noon.Add(time.Minute)))
	assert.Zero(t, u.since("shop", false, noon.Add(2*time.Minute)))
	assert.Equal(t, noon.Add(time.Hour), u.since("shop", true, noon.Add(time.Hour)), "an old grace was taken up")
}
