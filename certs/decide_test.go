package certs

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	year = Lives{CA: 365 * 24 * time.Hour, Leaf: 30 * 24 * time.Hour}
)

const day = 24 * time.Hour

// made is a CA that was made some time before noon.
func made(t testing.TB, ago time.Duration) *Authority {
	t.Helper()
	a, err := NewAuthority(noon.Add(-ago), year.CA)
	require.NoError(t, err)
	return a
}

// registered is a registration whose entries trust these.
func registered(name string, bundles ...[]byte) Registration {
	r := Registration{Kind: Mutating, Name: name, ResourceVersion: "7"}
	for i, b := range bundles {
		r.Entries = append(r.Entries, Entry{Name: fmt.Sprint("e", i), Host: names[0], CABundle: b})
	}
	return r
}

func TestDecide(t *testing.T) {
	t.Parallel()
	fresh, old, spentCA, expired := made(t, day), made(t, 250*day), made(t, 355*day), made(t, 366*day)
	lately, longGone, ahead := made(t, 365*day+time.Hour), made(t, 400*day), made(t, -3*time.Hour)
	certs := func(as ...*Authority) (list []*x509.Certificate) {
		for _, a := range as {
			list = append(list, a.Certificate)
		}
		return list
	}
	tests := map[string]struct {
		content Content
		held    time.Duration
		serving *Authority
		want    Action
		urgent  bool
	}{
		"an empty Secret begins":                              {want: Begin, urgent: true},
		"a CA that holds is left alone":                       {content: Content{Current: fresh}, want: Rest},
		"one that has spent two thirds gets a successor":      {content: Content{Current: old}, want: Prepare},
		"a successor waits until every caBundle has it":       {content: Content{Current: old, Next: fresh}, held: year.settling() - 1, want: Rest},
		"then it signs":                                       {content: Content{Current: old, Next: fresh}, held: year.settling(), want: Promote},
		"where none signs, the successor does at once":        {content: Content{Next: fresh}, want: Promote, urgent: true},
		"nor where the one that signs is at its end":          {content: Content{Current: spentCA, Next: fresh}, want: Promote, urgent: true},
		"one that has expired begins anew":                    {content: Content{Current: expired}, want: Begin, urgent: true},
		"as does one that is valid only later":                {content: Content{Current: ahead}, want: Begin, urgent: true},
		"a successor that has expired is replaced":            {content: Content{Current: fresh, Next: expired}, held: time.Hour, want: Prepare},
		"a former CA stays as long as its certificates may":   {content: Content{Current: fresh, Previous: certs(lately)}, want: Rest},
		"and leaves when clocks that are behind agree":        {content: Content{Current: fresh, Previous: certs(longGone)}, want: Retire},
		"damage is mended":                                    {content: Content{Current: fresh, Damaged: []string{"next: no certificate"}}, want: Mend, urgent: true},
		"damage does not matter where nothing is of use":      {content: Content{Damaged: []string{"current: no certificate"}}, want: Begin, urgent: true},
		"what is served and not in the Secret is taken in":    {content: Content{Current: fresh}, serving: old, want: Mend, urgent: true},
		"unless it has expired":                               {content: Content{Current: fresh}, serving: longGone, want: Rest},
		"what is served by a former CA is well as it is":      {content: Content{Current: fresh, Previous: certs(old)}, serving: old, want: Rest},
		"two rotations do not overlap":                        {content: Content{Current: old, Next: fresh, Previous: certs(lately)}, want: Rest},
		"a leader that was long away goes on where it stands": {content: Content{Current: old, Next: fresh, Previous: certs(longGone)}, held: time.Hour, want: Promote},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := Situation{Content: tt.content, Held: tt.held, Now: noon, Lives: year}
			if tt.serving != nil {
				s.Serving = tt.serving.Certificate
			}
			plan := Decide(s)
			assert.Equal(t, tt.want, plan.Action, plan.Reason)
			assert.Equal(t, tt.urgent, plan.Urgent)
			if plan.Action == Rest {
				assert.Positive(t, plan.Wait)
			} else {
				assert.NotEmpty(t, plan.Reason)
			}
		})
	}
}

func TestAfter(t *testing.T) {
	t.Parallel()
	a, b, c, foreign, gone := made(t, 250*day), made(t, day), made(t, 0), made(t, -time.Hour), made(t, 500*day)
	bundle := func(as ...*Authority) (out []byte) {
		for _, x := range as {
			out = append(out, encodeBundle([]*x509.Certificate{x.Certificate})...)
		}
		return out
	}
	tests := map[string]struct {
		s       Situation
		do      Action
		current *Authority
		next    *Authority
		former  []*Authority
	}{
		"a first CA":                             {do: Begin, current: c},
		"a first CA where others were mounted":   {s: Situation{Registrations: []Registration{registered("r", bundle(foreign), bundle(foreign, gone))}}, do: Begin, current: c, former: []*Authority{foreign}},
		"a successor":                            {s: Situation{Content: Content{Current: a}}, do: Prepare, current: a, next: c},
		"a successor in the place of another":    {s: Situation{Content: Content{Current: a, Next: gone}}, do: Prepare, current: a, next: c},
		"the successor signs":                    {s: Situation{Content: Content{Current: a, Next: b}}, do: Promote, current: b, former: []*Authority{a}},
		"what others made goes at the next turn": {s: Situation{Content: Content{Current: a, Next: b, Previous: []*x509.Certificate{foreign.Certificate}}}, do: Promote, current: b, former: []*Authority{a}},
		"a planted CA is not kept": {s: Situation{Content: Content{Current: a, Next: b},
			Registrations: []Registration{registered("r", bundle(foreign))}}, do: Promote, current: b, former: []*Authority{a}},
		"what has expired goes": {s: Situation{Content: Content{Current: a, Previous: []*x509.Certificate{gone.Certificate}}}, do: Retire, current: a},
		"a lost CA stays trusted": {s: Situation{Registrations: []Registration{registered("r", bundle(a, b))}, Serving: a.Certificate},
			do: Begin, current: c, former: []*Authority{a, b}},
		"what is served stays trusted": {s: Situation{Content: Content{Current: b}, Serving: a.Certificate}, do: Mend, current: b, former: []*Authority{a}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.s.Now, tt.s.Lives = noon, year
			got, err := tt.s.After(tt.do, func() (*Authority, error) { return c, nil })
			require.NoError(t, err)
			want := Content{Current: tt.current, Next: tt.next}
			for _, f := range tt.former {
				want.Previous = append(want.Previous, f.Certificate)
			}
			assert.Equal(t, labels(want.Bundle()), labels(got.Bundle()))
			assert.Equal(t, want.Current, got.Current)
			assert.Equal(t, want.Next, got.Next)
		})
	}
}

func TestFormerCAsAreBounded(t *testing.T) {
	t.Parallel()
	var planted []byte
	for range 20 {
		planted = append(planted, encodeBundle([]*x509.Certificate{made(t, 0).Certificate})...)
	}
	s := Situation{Registrations: []Registration{registered("r", planted)}, Now: noon, Lives: year}
	got, err := s.After(Begin, func() (*Authority, error) { return made(t, 0), nil })
	require.NoError(t, err)
	assert.Len(t, got.Bundle(), 1+maxPrevious)
}

// The bundle does not depend on who looks, nor when.
func TestContentSurvivesTheSecret(t *testing.T) {
	t.Parallel()
	whole := Content{Current: made(t, day), Next: made(t, 0), Previous: []*x509.Certificate{made(t, 250*day).Certificate}}
	data, err := whole.Data()
	require.NoError(t, err)
	again := ParseContent(data)
	assert.Empty(t, again.Damaged)
	assert.Equal(t, labels(whole.Bundle()), labels(again.Bundle()))
	assert.Equal(t, whole.Current.key, again.Current.key)
	assert.Equal(t, whole.Next.key, again.Next.key)
	assert.Nil(t, data["previous.key"], "nothing is signed by it any more")

	alone, err := Content{Current: whole.Current}.Data()
	require.NoError(t, err)
	for _, key := range []string{"next.crt", "next.key", "previous.crt"} {
		value, there := alone[key]
		assert.True(t, there && value == nil, "%s is to be removed", key)
	}
}

func TestParseContent(t *testing.T) {
	t.Parallel()
	a, b := made(t, day), made(t, 0)
	good, err := Content{Current: a, Next: b}.Data()
	require.NoError(t, err)
	leaf, err := a.Sign(names, noon, day)
	require.NoError(t, err)
	tests := map[string]struct {
		change   map[string][]byte
		damaged  []string
		current  bool
		salvaged int
	}{
		"all is well":                     {current: true},
		"no certificate":                  {change: map[string][]byte{"current.crt": []byte("x")}, damaged: []string{"current: no certificate"}},
		"no key":                          {change: map[string][]byte{"current.key": nil}, damaged: []string{"current: no private key"}, salvaged: 1},
		"another's key":                   {change: map[string][]byte{"current.key": good["next.key"]}, damaged: []string{"current: the private key is another's"}, salvaged: 1},
		"a certificate that is no CA":     {change: map[string][]byte{"current.crt": encodeBundle([]*x509.Certificate{leaf.Certificate})}, damaged: []string{"current: not a CA"}, salvaged: 1},
		"a successor that is of no use":   {change: map[string][]byte{"next.crt": {}}, damaged: []string{"next: no certificate"}, current: true},
		"a history that is of no use":     {change: map[string][]byte{"previous.crt": []byte("x")}, damaged: []string{"previous.crt: no certificates"}, current: true},
		"keys that we know nothing of":    {change: map[string][]byte{"tls.crt": []byte("x")}, current: true},
		"a key before the certificate is": {change: map[string][]byte{"current.crt": good["current.key"]}, damaged: []string{"current: no certificate"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := map[string][]byte{}
			for k, v := range good {
				if v != nil {
					data[k] = v
				}
			}
			for k, v := range tt.change {
				data[k] = v
			}
			got := ParseContent(data)
			assert.Equal(t, tt.damaged, got.Damaged)
			assert.Equal(t, tt.current, got.Current != nil)
			assert.Len(t, got.salvaged, tt.salvaged)
		})
	}
}

// FuzzParseContent: whatever is in the Secret, what is taken from it can be
// written and read again, and no private key is told of.
func FuzzParseContent(f *testing.F) {
	a, err := NewAuthority(noon, year.CA)
	require.NoError(f, err)
	data, err := Content{Current: a, Next: a, Previous: []*x509.Certificate{a.Certificate}}.Data()
	require.NoError(f, err)
	f.Add(data["current.crt"], data["current.key"], data["previous.crt"])
	f.Add(data["current.key"], data["current.crt"], []byte{})
	f.Add(bytes.Repeat(data["current.crt"], 3), data["current.key"], []byte("-----BEGIN CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, certificate, key, previous []byte) {
		c := ParseContent(map[string][]byte{"current.crt": certificate, "current.key": key, "next.crt": certificate, "next.key": key, "previous.crt": previous})
		written, err := c.Data()
		require.NoError(t, err)
		maps.DeleteFunc(written, func(_ string, value []byte) bool { return value == nil }) // as a merge patch does
		again := ParseContent(written)
		assert.Empty(t, again.Damaged)
		assert.Equal(t, labels(c.Bundle()), labels(again.Bundle()))
		if len(key) > 20 {
			assert.NotContains(t, fmt.Sprintf("%v %+v %#v %v", c.Current, c.Current, c.Next, c.Damaged), string(key))
		}
		s := Situation{Content: c, Now: noon, Lives: year, Registrations: []Registration{registered("r", certificate, previous)}}
		next, err := s.After(Decide(s).Action, func() (*Authority, error) { return a, nil })
		require.NoError(t, err)
		assert.LessOrEqual(t, len(next.Bundle()), 2+maxPrevious)
	})
}
