package ledger

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/types"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// version is one that was seen and that ends at these seconds after noon.
func version(op Op, seen, expires int, uid types.UID) Version {
	return Version{Op: op, Seen: at(seen), Expires: at(expires), UID: uid}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	all := func(string) bool { return true }
	busy := []Version{version(Created, 0, 60, "a")}
	for i := range 5 {
		busy = append(busy, version(Changed, 10*i, 60+i, "a"))
	}
	tests := []struct {
		name     string
		versions []Version
		excuses  []Span
		bounds   Bounds
		want     []string
	}{
		{"renewed in time", []Version{version(Created, 0, 60, "a"), version(Changed, 40, 200, "a")}, nil, Bounds{PerMinute: 2, PerSecond: 1}, nil},
		{"not renewed", []Version{version(Created, 0, 60, "a")}, nil, Bounds{}, []string{"ns: the login had ended for 40s, at 12:01:00"}},
		{"renewed late", []Version{version(Created, 0, 60, "a"), version(Changed, 61, 200, "a")}, nil, Bounds{}, []string{"ns: the login had ended for 1s, at 12:01:00"}},
		{"late with an excuse", []Version{version(Created, 0, 60, "a"), version(Changed, 61, 200, "a")}, []Span{{at(50), at(62)}}, Bounds{}, nil},
		{"later than the excuse", []Version{version(Created, 0, 60, "a"), version(Changed, 70, 200, "a")}, []Span{{at(0), at(10)}, {at(50), at(68)}}, Bounds{}, []string{"ns: the login had ended for 2s, at 12:01:00"}},
		{"written when it had ended", []Version{version(Created, 61, 60, "a"), version(Changed, 62, 200, "a")}, nil, Bounds{}, []string{"ns: the login had ended for 1s, at 12:01:01"}},
		{"deleted and left so", []Version{version(Created, 0, 60, "a"), version(Deleted, 10, 60, "a")}, nil, Bounds{}, nil},
		{"made anew", []Version{version(Created, 0, 200, "a"), version(Deleted, 10, 200, "a"), version(Created, 11, 200, "b")}, nil, Bounds{}, []string{"ns: the secret was made anew at 12:00:11"}},
		{"made anew as it may", []Version{version(Created, 0, 200, "a"), version(Created, 11, 200, "b")}, nil, Bounds{Moves: all}, nil},
		{"an older login", []Version{version(Created, 0, 200, "a"), version(Changed, 10, 190, "a")}, nil, Bounds{}, []string{"ns: the expiry went back by 10s"}},
		{"written too often", busy, nil, Bounds{PerMinute: 5}, []string{"ns: 6 writes within a minute from 12:00:00", "ns: the login had ended for 36s, at 12:01:04"}},
		{"in a storm", append([]Version{version(Changed, 0, 200, "a"), version(Changed, 1, 200, "a")}, version(Changed, 2, 200, "a")), nil, Bounds{PerSecond: 1}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := judge(map[string][]Version{"ns": tt.versions}, tt.excuses, tt.bounds, at(100))
			if diff := cmp.Diff(tt.want, got, cmp.Transformer("sorted", sorted)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func sorted(s []string) map[string]struct{} {
	set := map[string]struct{}{}
	for _, x := range s {
		set[x] = struct{}{}
	}
	return set
}

func TestChangesOfAllSecretsAreCountedTogether(t *testing.T) {
	t.Parallel()
	history := map[string][]Version{}
	for _, ns := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"} {
		history[ns] = []Version{version(Changed, 5, 200, "u")}
	}
	assert.Equal(t, []string{"11 secrets changed within 10s from 12:00:05"}, judge(history, nil, Bounds{PerSecond: 1}, at(100)))
	assert.Empty(t, judge(history, nil, Bounds{PerSecond: 2}, at(100)))
}

func TestPremature(t *testing.T) {
	t.Parallel()
	assert.Zero(t, Premature([]time.Time{at(0), at(30), at(66)}, time.Minute))
	assert.Equal(t, 2, Premature([]time.Time{at(0), at(1), at(31), at(40)}, time.Minute))
}
