package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/config"
	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/credentials"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

func TestProblem(t *testing.T) {
	t.Parallel()
	assert.Nil(t, problem(nil))
	for want, err := range map[string]error{
		status.ProblemDenied:      token.ErrDenied,
		status.ProblemNotFound:    token.ErrNotFound,
		status.ProblemBadRequest:  token.ErrBadRequest,
		status.ProblemThrottled:   token.ErrThrottled,
		status.ProblemClockSkew:   token.ErrClockSkew,
		status.ProblemSource:      credentials.ErrSource,
		status.ProblemUnavailable: errors.New("x"),
	} {
		err := fmt.Errorf("issue token (request 7c1f-%s): %w", strings.Repeat("a", 8), err)
		got := problem(err)
		assert.Equal(t, want, got.Reason)
		assert.NotContains(t, got.Message, "7c1f", "the same failure has the same text")
		assert.Contains(t, got.Message, "issue token: ")
	}
}

func TestDigestsTellConfigurationsApart(t *testing.T) {
	t.Parallel()
	digest := func(text string) string {
		c, err := config.Decode("config.yaml", []byte(text))
		require.NoError(t, err)
		return digestOf(c)
	}
	first := digest(goodConfig)
	assert.NotEmpty(t, first)
	assert.Equal(t, first, digest("# a comment\n"+goodConfig))
	assert.NotEqual(t, first, digest(strings.Replace(goodConfig, "tcr-m3ut3qxx", "tcr-other001", 1)))
	assert.NotEqual(t, first, digest(goodConfig+"firstPodGrace: 2s\n"))
}

func TestInsightHoldsNoToken(t *testing.T) {
	t.Parallel()
	const marker = "marker-03c2"
	key := registry.Key{ID: "tcr-demo0001"}
	tok := token.Token{Username: "u", Password: marker, IssuedAt: time.Unix(100, 0), ExpiresAt: time.Unix(3700, 0)}
	var i insight
	assert.Zero(t, i.newest(key))
	i.issued(key, tok)
	want := tok
	want.Password = ""
	assert.Empty(t, cmp.Diff(want, i.newest(key)))

	i.configured(nil, errors.New("line 5"))
	assert.Equal(t, status.Config{Error: "line 5"}, i.configuration())
	c, err := config.Decode("config.yaml", []byte(goodConfig))
	require.NoError(t, err)
	i.configured(c, nil)
	assert.Equal(t, status.Config{Digest: digestOf(c)}, i.configuration())
	i.configured(nil, errors.New("line 5"))
	assert.Equal(t, status.Config{Digest: digestOf(c), Error: "line 5"}, i.configuration(), "what is in force stays")
}

func TestUnsettled(t *testing.T) {
	t.Parallel()
	var f facts
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		states map[string]int
		after  time.Duration
		want   time.Duration
	}{
		{map[string]int{"current": 1}, 0, 0},
		{map[string]int{"missing": 1}, 10 * time.Second, 0},
		{map[string]int{"drifted": 1, "current": 2}, 15 * time.Second, 5 * time.Second},
		{map[string]int{"missing": 0, "expired": 1}, 20 * time.Second, 0},
		{map[string]int{"outdated": 1}, 30 * time.Second, 0},
		{map[string]int{"outdated": 1}, 40 * time.Second, 10 * time.Second},
	} {
		assert.Equal(t, step.want, f.unsettled(step.states, noon.Add(step.after)))
	}
}

func TestTokenGauges(t *testing.T) {
	t.Parallel()
	entries := []registry.Entry{{ID: "tcr-a"}, {ID: "tcr-a", Account: "other"}, {ID: "tcr-b"}, {ID: "fixed", Account: "secret/x"}}
	tokens := map[registry.Key]token.Token{
		{ID: "tcr-a"}:                         {IssuedAt: time.Unix(0, 0), ExpiresAt: time.Unix(3600, 0)},
		{ID: "tcr-a", Account: "other"}:       {IssuedAt: time.Unix(0, 0), ExpiresAt: time.Unix(1800, 0)},
		{ID: "fixed", Account: "secret/x"}:    {Username: "u"},
		{ID: "tcr-gone", Account: "was once"}: {ExpiresAt: time.Unix(1, 0)},
	}
	var d *registry.Directory
	g := &tokenGauges{
		directory: func() *registry.Directory { return d },
		newest:    func(k registry.Key) token.Token { return tokens[k] },
		expiry:    prometheus.NewDesc("expiry", "x", []string{"registry"}, nil),
		lifetime:  prometheus.NewDesc("lifetime", "x", []string{"registry"}, nil),
	}
	assert.Zero(t, testutil.CollectAndCount(g))
	d, _ = registry.NewDirectory(entries)
	require.NoError(t, testutil.CollectAndCompare(g, strings.NewReader(`
# HELP expiry x
# TYPE expiry gauge
expiry{registry="tcr-a"} 1800
expiry{registry="tcr-b"} 0
# HELP lifetime x
# TYPE lifetime gauge
lifetime{registry="tcr-a"} 1800
`)))
}

func TestCertificateGauges(t *testing.T) {
	t.Parallel()
	var all map[string]*status.Validity
	g := &certificateGauges{
		certificates: func() map[string]*status.Validity { return all },

		expiry:   prometheus.NewDesc("expiry", "x", []string{"kind"}, nil),
		lifetime: prometheus.NewDesc("lifetime", "x", []string{"kind"}, nil),
	}
	assert.Zero(t, testutil.CollectAndCount(g), "none is served")
	all = map[string]*status.Validity{
		"serving": {NotBefore: time.Unix(100, 0), NotAfter: time.Unix(3700, 0)},
		"ca":      {NotBefore: time.Unix(0, 0), NotAfter: time.Unix(7200, 0)},
	}
	require.NoError(t, testutil.CollectAndCompare(g, strings.NewReader(`
# HELP expiry x
# TYPE expiry gauge
expiry{kind="ca"} 7200
expiry{kind="serving"} 3700
# HELP lifetime x
# TYPE lifetime gauge
lifetime{kind="ca"} 7200
lifetime{kind="serving"} 3600
`)))
}

func TestKeysOf(t *testing.T) {
	t.Parallel()
	d, _ := registry.NewDirectory([]registry.Entry{{ID: "tcr-a"}, {ID: "tcr-b"}, {ID: "tcr-a", Account: "x"}, {ID: "tcr-a"}})
	assert.Equal(t, map[registry.ID][]registry.Key{
		"tcr-a": {{ID: "tcr-a"}, {ID: "tcr-a", Account: "x"}},
		"tcr-b": {{ID: "tcr-b"}},
	}, keysOf(d))
}

// BenchmarkTellOfTokens is what an admission pays where all is well.
func BenchmarkTellOfTokens(b *testing.B) {
	d, _ := registry.NewDirectory([]registry.Entry{{ID: "tcr-a"}})
	tokens := token.New(nil, token.Options{})
	s := &server{tokens: tokens, fixed: credentials.NewFixed(tokens, nil, "tcr-webhook", func() {})}
	s.keys.Store(new(keysOf(d)))
	s.insight.issued(registry.Key{ID: "tcr-a"}, token.Token{Username: "u", IssuedAt: time.Now(), ExpiresAt: time.Now().Add(24 * time.Hour)})
	b.ReportAllocs()
	for b.Loop() {
		s.tellOfTokens(b.Context(), "shop", []registry.ID{"tcr-a"})
	}
}

func TestConfigurationsAreCounted(t *testing.T) {
	t.Parallel()
	m, err := newServerMetrics(prometheus.NewRegistry())
	require.NoError(t, err)
	m.configured(nil)
	m.configured(errors.New("x"))
	assert.Zero(t, testutil.ToFloat64(m.reloaded))
	assert.InDelta(t, 1, testutil.ToFloat64(m.generation), 0)
	m.configured(nil)
	assert.InDelta(t, 1, testutil.ToFloat64(m.reloaded), 0)
	assert.InDelta(t, 2, testutil.ToFloat64(m.generation), 0)
}
