package certs

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	a, b := made(t, 10*day), made(t, day)
	sign := func(by *Authority, ago, life time.Duration) *Leaf {
		l, err := by.Sign(names, noon.Add(-ago), life)
		require.NoError(t, err)
		return l
	}
	inA, inB, inBoth := pem(a), pem(b), append(pem(a), pem(b)...)
	byA, byB := sign(a, day, 5*day), sign(b, 0, 5*day)
	tests := map[string]struct {
		served  *Leaf
		bundles [][]byte
		held    time.Duration
		empty   bool
		want    Choice
	}{
		"nothing is served yet":                                   {bundles: [][]byte{inA}, want: Take},
		"nothing is served, and nobody has registered us":         {want: Take},
		"another by the same CA":                                  {served: sign(b, day, 5*day), bundles: [][]byte{inB}, want: Take},
		"the caBundle does not have its CA yet":                   {served: byA, bundles: [][]byte{inA}, held: time.Hour, want: Refuse},
		"one of two has not":                                      {served: byA, bundles: [][]byte{inBoth, inA}, held: time.Hour, want: Refuse},
		"both have it since a moment":                             {served: byA, bundles: [][]byte{inBoth, inBoth}, held: time.Second, want: Settle},
		"both have it for long enough":                            {served: byA, bundles: [][]byte{inBoth, inBoth}, held: time.Minute, want: Take},
		"nobody trusts what is served any more":                   {served: byA, bundles: [][]byte{inB}, want: Take},
		"one trusts neither, and another what comes":              {served: byA, bundles: [][]byte{nil, inB}, want: Take},
		"one trusts neither, and another what is served":          {served: byA, bundles: [][]byte{nil, inA}, held: time.Hour, want: Refuse},
		"nobody trusts either":                                    {served: byA, bundles: [][]byte{nil}, held: time.Hour, want: Refuse},
		"what is served has expired":                              {served: sign(a, 6*day, 5*day), bundles: [][]byte{inA}, want: Take},
		"what is served is valid only later":                      {served: sign(a, -day, 5*day), bundles: [][]byte{inA}, want: Take},
		"what is served soon expires":                             {served: sign(a, 5*day-time.Hour, 5*day), bundles: [][]byte{inBoth}, want: Take},
		"what is served soon expires, and the other is refused":   {served: sign(a, 5*day-time.Hour, 5*day), bundles: [][]byte{inA}, want: Refuse},
		"nobody has registered us, since a moment":                {served: byA, want: Settle},
		"nobody has registered us for long enough":                {served: byA, held: time.Minute, want: Take},
		"a caBundle that is the machine's affair":                 {served: byA, bundles: [][]byte{nil}, empty: true, held: time.Minute, want: Take},
		"a caBundle that is the machine's affair, and one not":    {served: byA, bundles: [][]byte{nil, inA}, empty: true, held: time.Minute, want: Refuse},
		"garbage in the place of a caBundle is trusted by nobody": {served: byA, bundles: [][]byte{[]byte("x"), inA}, held: time.Minute, want: Refuse},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trust := &Trust{Now: noon, EmptyTrusts: tt.empty}
			if tt.bundles != nil {
				trust.Registrations = []Registration{registered("r", tt.bundles...)}
			}
			assert.Equal(t, tt.want, Choose(tt.served, byB, trust, tt.held, time.Minute))
		})
	}
}

func pem(a *Authority) []byte { return encodeBundle([]*x509.Certificate{a.Certificate}) }

func TestSign(t *testing.T) {
	t.Parallel()
	a := made(t, 360*day)
	l, err := a.Sign(ServiceNames("hook", "ns"), noon, 30*day)
	require.NoError(t, err)
	assert.Equal(t, []string{"hook.ns.svc", "hook.ns.svc.cluster.local", "hook.ns"}, l.Certificate.DNSNames)
	assert.Equal(t, a.Certificate.NotAfter, l.Certificate.NotAfter, "no longer than its CA")
	assert.Equal(t, noon.Add(-2*time.Hour), l.Certificate.NotBefore, "for clocks that are behind")
	assert.False(t, l.due(30*day, noon.Add(4*day)), "another could not last longer")
	require.NoError(t, l.verify([]*x509.Certificate{a.Certificate}, "hook.ns.svc", noon))
	require.ErrorContains(t, l.verify([]*x509.Certificate{a.Certificate}, "hook.other.svc", noon), "not hook.other.svc")
	require.Error(t, l.verify(nil, "hook.ns.svc", noon))

	b := made(t, 0)
	fresh, err := b.Sign(names, noon, 30*day)
	require.NoError(t, err)
	assert.False(t, fresh.due(30*day, noon.Add(19*day)))
	assert.True(t, fresh.due(30*day, noon.Add(20*day)), "after two thirds")
	assert.True(t, fresh.due(3*day, noon.Add(2*day)), "sooner where the flag says less by now")
	assert.True(t, fresh.due(30*day, noon.Add(-day)), "a clock was ahead when it was made")
}

func TestLives(t *testing.T) {
	t.Parallel()
	require.NoError(t, year.Check())
	require.NoError(t, Lives{CA: 2 * time.Minute, Leaf: 40 * time.Second}.Check())
	require.ErrorContains(t, Lives{CA: time.Second, Leaf: time.Second}.Check(), "is under 20s")
	require.ErrorContains(t, Lives{CA: time.Hour, Leaf: time.Second}.Check(), "is under 10s")
	require.ErrorContains(t, Lives{CA: time.Hour, Leaf: time.Hour}.Check(), "over a third")
	assert.Equal(t, time.Minute, year.settling())
	assert.Equal(t, 5*time.Second, Lives{CA: 2 * time.Minute}.settling())
}
