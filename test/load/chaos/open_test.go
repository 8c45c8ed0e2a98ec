package chaos

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
)

// newLargePod is newPod with 200 kB of annotations.
func newLargePod() *corev1.Pod {
	pod := newPod()
	pod.Annotations = map[string]string{"example.com/large": strings.Repeat("x", 200<<10)}
	return pod
}

// 200 callers that announce 128 KiB each and send nothing fill the room for
// small reviews (8 MiB = 64 x 128 KiB) for 5 s at a time.
func TestSlowSmallBodiesCostNoCall(t *testing.T) {
	slow := attack{callers: 200, do: trickle(fmt.Sprintf(headOf, 128<<10), "{")}
	got := underAttack(t, startProcess(t), 6*time.Second, newPod, []attack{slow})
	t.Log(got)
	got.requireNothingLost(t)
}

// 8 callers that announce 7 MiB and send nothing fill the room for large ones.
func TestSlowLargeBodiesCostNoLargePod(t *testing.T) {
	slow := attack{callers: 8, do: trickle(fmt.Sprintf(headOf, 7<<20), "{")}
	got := underAttack(t, startProcess(t), 6*time.Second, newLargePod, []attack{slow})
	t.Log(got)
	got.requireNothingLost(t)
}

// One call must not cost many times the memory that the budget took for it.
func TestManyContainersFitInMemory(t *testing.T) {
	sevenMiBOf := func(container string) []byte { return sevenMiB("containers", "[", container+",", container+"]") }
	image := `{"image":"demo.tencentcloudcr.com/a"}`
	for name, a := range map[string]attack{
		"7 MiB of empty containers, 3 callers":     {callers: 3, do: flood(sevenMiBOf("{}"))},
		"7 MiB of managed images, 3 callers":       {callers: 3, do: flood(sevenMiBOf(image))},
		"7 MiB of managed images, 10 deaf callers": {callers: 10, do: deaf(sevenMiBOf(image))},
		"127 KiB of empty containers, 100 callers": {callers: 100, do: flood(hostileReview(127<<10, "containers", "[", "{},", "{}]"))},
	} {
		t.Run(name, func(t *testing.T) {
			p := startProcess(t)
			got := underAttack(t, p, 4*time.Second, newPod, []attack{a})
			t.Logf("%s; memory %d MiB at most, %d MiB settled", got, p.vitals(t, false).Peak>>20, p.vitals(t, true).Memory>>20)
			assert.LessOrEqual(t, p.vitals(t, false).Peak, uint64(memoryBound))
		})
	}
}
