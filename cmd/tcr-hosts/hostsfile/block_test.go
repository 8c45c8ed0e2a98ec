package hostsfile

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// assertInvariants checks what holds for every content.
func assertInvariants(t *testing.T, content []byte, entries []Entry) {
	t.Helper()
	before := bytes.Clone(content)
	with, without := Apply(content, entries), Apply(content, nil)
	require.Equal(t, string(before), string(content), "the argument has changed")
	assert.Equal(t, string(without), string(Apply(with, nil)), "taking the block out does not give back what there was")
	assert.Equal(t, string(with), string(Apply(with, entries)), "not idempotent")
	assert.Equal(t, string(without), string(Apply(without, nil)), "a removal leaves something")
	if !strings.Contains(string(content), "# ") {
		assert.Equal(t, string(content), string(without), "there was no line of ours, and bytes are missing")
	}
	if len(entries) > 0 {
		assert.Equal(t, 1, bytes.Count(with, []byte(beginMark+" ("))-bytes.Count(without, []byte(beginMark+" (")), "want one block")
		assert.Equal(t, len(entries), Entries(with))
	}
	assert.Zero(t, Entries(without))
	assertOutside(t, with, without)
}

// assertOutside looks at the block from the outside, by its text alone: what is
// before and behind it is without.
func assertOutside(t *testing.T, with, without []byte) {
	t.Helper()
	if bytes.Equal(with, without) || bytes.Contains(without, []byte("tcr-hosts")) {
		return // the text alone does not tell
	}
	begin := bytes.Index(with, []byte(beginText))
	end := bytes.LastIndex(with, []byte(endMark))
	require.True(t, begin >= 0 && end > begin, "no block")
	head, tail := with[:begin], bytes.TrimLeft(with[end+len(endMark):], "\r")
	tail = bytes.TrimPrefix(tail, []byte("\n"))
	outside := slices.Concat(head, tail)
	added := string(without) + newlineOf(without) // which we may have had to add
	assert.Contains(t, []string{string(without), added}, string(outside))
}

func TestRemovalGivesBackTheBytes(t *testing.T) {
	t.Parallel()
	entries := listed(t)
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"127.0.0.1 localhost", "\n", "\r\n", "\r", "\x00", "# a comment", "#", " ", "\t", "\ufeff", "\xff", "::1", strings.Repeat("x", 5000)}
	for range 5000 {
		var b strings.Builder
		for range r.IntN(12) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		original := b.String()
		content := []byte(original)
		for range r.IntN(4) { // entries come and go, an end is cut off
			content = Apply(content, entries[:r.IntN(len(entries)+1)])
		}
		require.Equal(t, original, string(Apply(content, nil)), "of %q", original)
	}
}

// A crash or somebody's truncation can cut the block anywhere.
func TestHalfABlockIsRepaired(t *testing.T) {
	t.Parallel()
	entries := listed(t)
	for _, original := range []string{"", "127.0.0.1 localhost\n", "127.0.0.1 localhost\r\n# last\r\n"} {
		whole := Apply([]byte(original), entries)
		for cut := len(original); cut <= len(whole); cut++ {
			left := string(whole[len(original):cut])
			if len(left) > 0 && len(left) <= len("# BEGIN ") {
				continue // may be anybody's
			}
			assert.Equal(t, string(whole), string(Apply(whole[:cut], entries)), "cut to %q", left)
			assert.Equal(t, original, string(Apply(whole[:cut], nil)), "cut to %q", left)
		}
	}
}

func TestLinesWithinABlockAreKept(t *testing.T) {
	t.Parallel()
	entries := listed(t)
	whole := Apply([]byte("127.0.0.1 localhost\n"), entries)
	all := slices.Collect(func(yield func([]byte) bool) {
		for _, line := range lines(whole) {
			if !yield(line) {
				return
			}
		}
	})
	for at := range len(all) + 1 {
		edited := bytes.Join(slices.Insert(slices.Clone(all), at, []byte("10.9.0.1 nas\n")), nil)
		assert.Contains(t, string(Apply(edited, nil)), "10.9.0.1 nas\n")
		assertInvariants(t, edited, entries)
	}
}

func TestTheBlockStaysWhereItIs(t *testing.T) {
	t.Parallel()
	entries := listed(t)
	with := append(Apply([]byte("a\n"), entries), "b\n"...)
	with = Apply(with, entries[:1])
	assert.True(t, bytes.HasPrefix(with, []byte("a\n# BEGIN")))
	assert.True(t, bytes.HasSuffix(with, []byte("# END tcr-hosts\nb\n")))
}

func FuzzApply(f *testing.F) {
	entries := listed(f)
	for _, name := range []string{"", "a", "a\r\nb", "# BEGIN t", beginText, endMark, entries[0].line()} {
		f.Add([]byte(name), uint8(2), uint16(0))
	}
	f.Add(append(Apply([]byte("a"), entries), "# tail"...), uint8(1), uint16(40))
	f.Fuzz(func(t *testing.T, content []byte, n uint8, cut uint16) {
		some := entries[:int(n)%(len(entries)+1)]
		assertInvariants(t, content, some)
		// Whatever is left of our work is no worse than anything else.
		half := Apply(content, entries)
		assertInvariants(t, half[:max(0, len(half)-int(cut))], some)
	})
}

func BenchmarkApply(b *testing.B) {
	entries := listed(b)
	content := Apply([]byte(strings.Repeat("10.0.0.1 some.host.example # a node\n", 200)), entries)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		Apply(content, entries)
	}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	domains, err := NewDomains([]string{".tencentcloudcr.com", "r.example.com"})
	require.NoError(t, err)
	entries := listed(t)
	ip := netip.MustParseAddr
	tests := map[string]struct {
		content string
		want    []Conflict
	}{
		"none in a usual file":                     {content: "127.0.0.1 localhost\n::1 localhost\n"},
		"the same address is none":                 {content: "10.0.0.2 demo.tencentcloudcr.com\n"},
		"our own block is none":                    {content: string(Apply(nil, []Entry{{"demo.tencentcloudcr.com", ip("10.0.0.9")}}))},
		"a comment is none":                        {content: "# 10.0.0.7 demo.tencentcloudcr.com\n10.0.0.7 x # demo.tencentcloudcr.com\n"},
		"what is no line of a hosts file is none":  {content: "demo.tencentcloudcr.com 10.0.0.7\n\x00\n10.0.0.7\n"},
		"a name that only looks like ours is none": {content: "10.0.0.7 demo.tencentcloudcr.com.evil.example tencentcloudcr.com\n"},
		"another address": {
			content: "127.0.0.1 localhost\n10.0.0.7 demo.tencentcloudcr.com\n",
			want:    []Conflict{{OtherAddress, 2, "demo.tencentcloudcr.com", ip("10.0.0.7")}},
		},
		"another address in another spelling, among other names": {
			content: "\ufeff \t10.0.0.7\tnas DEMO.TencentCloudCR.com. demo-vpc.tencentcloudcr.com#x\r\n",
			want: []Conflict{
				{OtherAddress, 1, "demo.tencentcloudcr.com", ip("10.0.0.7")},
				{OtherAddress, 1, "demo-vpc.tencentcloudcr.com", ip("10.0.0.7")},
			},
		},
		"another family": {
			content: "2001:db8::1 demo.tencentcloudcr.com",
			want:    []Conflict{{OtherAddress, 1, "demo.tencentcloudcr.com", ip("2001:db8::1")}},
		},
		"a name that is disabled, and names that nobody lists": {
			content: "10.0.0.3 gone.tencentcloudcr.com\n10.0.0.4 r.example.com\n10.0.0.5 s.example.com\n",
			want: []Conflict{
				{NotPublished, 1, "gone.tencentcloudcr.com", ip("10.0.0.3")},
				{NotPublished, 2, "r.example.com", ip("10.0.0.4")},
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, Conflicts([]byte(tt.content), entries, domains))
		})
	}
}
