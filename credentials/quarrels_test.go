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
	assert.Equal(t, []time.Duration{0, 10 * time.Second, 30 * time.Second, 70 * time.Second, 150 * time.Second}, repairs[:5])
	assert.Len(t, repairs, 11+6)

	assert.Zero(t, q.wait("other", noon.Add(time.Hour)), "one namespace waits for another")
	assert.Zero(t, q.wait("shop", noon.Add(4*time.Hour)))
	assert.Equal(t, firstPause, q.wait("shop", noon.Add(4*time.Hour)), "after peace it does not begin anew")
}

func TestADeletedSecretComesBackAtOnceAndThenLater(t *testing.T) {
	t.Parallel()
	var q quarrels
	assert.False(t, q.has("shop"))
	q.begin("shop", noon)
	assert.True(t, q.has("shop"))
	assert.Zero(t, q.wait("shop", noon))
	q.begin("shop", noon.Add(time.Second))
	assert.Equal(t, 9*time.Second, q.wait("shop", noon.Add(time.Second)))
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
