package policy

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// many are so many patterns of all kinds, none of which holds for an image of
// tenImages but the last.
func many(n int) []string {
	patterns := make([]string, 0, n)
	for i := range n - 1 {
		patterns = append(patterns, [...]string{
			fmt.Sprintf("r%d.example.org", i), fmt.Sprintf("demo-vpc.tencentcloudcr.com/team%d/*", i), fmt.Sprintf("quay.io/*/app%d", i),
			fmt.Sprintf("*.r%d.example.net", i), fmt.Sprintf("team/app%d", i),
		}[i%5])
	}
	return append(patterns, "tcr-demo0001/team/*")
}

func tenImages() []string {
	images := make([]string, 0, 10)
	for i := range 10 {
		host := [...]string{"demo.tencentcloudcr.com", "demo-vpc.tencentcloudcr.com", "r.example.com"}[i%3]
		images = append(images, fmt.Sprintf("%s/team/services/app-%d:1.2.%d", host, i, i))
	}
	return images
}

var counts = []int{10, 1000, 10000}

// BenchmarkPod judges a pod of ten images that are allowed, and one whose
// images are not.
func BenchmarkPod(b *testing.B) {
	images := tenImages()
	for _, n := range counts {
		for _, allowed := range []bool{true, false} {
			patterns := many(n)
			if !allowed {
				patterns[n-1] = "tcr-xvpc0003"
			}
			p := compile(b, directory(b), Rule{Name: "r", Namespaces: []string{"*", "!kube-*"}, Allow: patterns, Action: Enforce})
			b.Run(fmt.Sprintf("patterns=%d/allowed=%t", n, allowed), func(b *testing.B) {
				b.ReportAllocs()
				var s Scope
				for b.Loop() {
					s.Select(p, "shop")
					for _, image := range images {
						if s.Judge(image).OK() != allowed {
							b.Fatal("another verdict")
						}
					}
				}
			})
		}
	}
}

// BenchmarkCompile is what a new directory costs.
func BenchmarkCompile(b *testing.B) {
	d := directory(b)
	parsed, mistakes := Parse([]Rule{{Name: "r", Allow: many(10000), Action: Enforce}})
	require.Empty(b, mistakes)
	for b.Loop() {
		parsed.Compile(d, "")
	}
}

func TestJudgingAllocatesNothing(t *testing.T) { //nolint:paralleltest // testing counts what all goroutines allocate
	d := directory(t)
	images := tenImages()
	for _, n := range counts {
		p := compile(t, d, Rule{Name: "r", Allow: many(n), RequireDigest: true, Action: Enforce}, Rule{Name: "s", Deny: many(n), Action: Warn})
		var s Scope
		verdicts := make([]Verdict, 0, 2*len(images))
		judge := func() {
			s.Select(p, "shop")
			for _, image := range images {
				_ = s.Judge(image)
				_ = p.Judge("shop", image)
			}
			verdicts = verdicts[:0]
			for _, image := range images {
				verdicts = s.Append(verdicts, image)
			}
		}
		judge()
		require.Len(t, verdicts, 2*len(images))
		require.Zero(t, testing.AllocsPerRun(100, judge), "%d patterns", n)
	}
}

// BenchmarkLint compares as many patterns as are compared.
func BenchmarkLint(b *testing.B) {
	d := directory(b)
	parsed, mistakes := Parse([]Rule{{Name: "r", Allow: many(maxCompared), Deny: many(maxCompared)[:maxCompared-1], Action: Enforce}})
	require.Empty(b, mistakes)
	for b.Loop() {
		parsed.Lint(d, "")
	}
}
