package credentials

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
)

// life is that of most tokens here. A Secret is renewed between five and eight
// tenths of it.
const life = 40 * time.Second

// hears is how soon all must be well after a fault: three tries, and the
// Secrets' turn.
const hears = 15 * time.Second

// usual is what one Secret may be written with such tokens, at most twice in
// each renewal, and what all may be together: 20 a second, and a quarter for
// repairs and for looking from outside.
func usual() ledger.Bounds { return ledger.Bounds{PerMinute: 8, PerSecond: 25} }

// fault is a way for the cloud to break.
type fault struct {
	name string
	// from and to are the shares of the life of a token between which the
	// fault is in force. Below 0.7 no login may ever end. Beyond 1, logins end
	// that nobody could renew.
	from, to float64
	breaks   func(t *testing.T, b *bed) (mend func())
}

func broken(f tencent.Fault) func(*testing.T, *bed) func() {
	return func(_ *testing.T, b *bed) func() {
		b.Cloud.SetFault(issue, f)
		return b.Cloud.ClearFaults
	}
}

// changing breaks the cloud in one way after another, each for two seconds.
func changing(faults ...tencent.Fault) func(*testing.T, *bed) func() {
	return func(t *testing.T, b *bed) func() {
		t.Helper()
		ended, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			tick := time.NewTicker(2 * time.Second)
			defer tick.Stop()
			for i := 0; ; i++ {
				b.Cloud.SetFault(issue, faults[i%len(faults)])
				select {
				case <-ended:
					return
				case <-tick.C:
				}
			}
		}()
		return func() { close(ended); <-stopped; b.Cloud.ClearFaults() }
	}
}

// deny takes the right to issue tokens away; what was issued still pulls.
func deny(_ *testing.T, b *bed) func() {
	granted := b.Cloud.DefaultIdentity()
	denied := granted
	denied.Denied = []string{"tcr:" + issue}
	b.Cloud.AddIdentity(denied)
	return func() { b.Cloud.AddIdentity(granted) }
}

func faults() []fault {
	malformed := changing(
		tencent.Fault{Body: `{"Response":{"Token":"` + marker, ContentType: "application/json"},
		tencent.Fault{WrongTypes: true},
		tencent.Fault{NullFields: true},
		tencent.Fault{Status: 502, Body: "<html>" + marker + "</html>"},
		tencent.Fault{Drop: true},
	)
	return []fault{
		{"hangs for longer than half a life", .08, .66, broken(tencent.Fault{Hang: true})},
		{"hangs for longer than a life", .3, 1.7, broken(tencent.Fault{Hang: true})},
		{"throttles", .4, .66, broken(tencent.Fault{Code: "RequestLimitExceeded", Message: marker})},
		{"answers 500", .4, .66, broken(tencent.Fault{Status: 500, Body: marker})},
		{"answers 500 for longer than a life", .3, 1.7, broken(tencent.Fault{Status: 500})},
		{"answers nonsense", .4, .66, malformed},
		{"denies and then grants", .4, .66, deny},
		{"calls it a fault of its own", .4, .66, broken(tencent.Fault{Code: "InternalError", Message: marker})},
	}
}

func TestFaultsOfTheCloud(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		t.Run("the cloud "+f.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, setup{life: life, namespaces: 20}, usual())
			b.settle(t)
			b.atAge(t, f.from)
			begun := b.clock.now()
			mend := f.breaks(t, b)
			long := f.to >= 1
			if long {
				b.ledger.Excuse()
			}
			b.pass(t, f.to-f.from)
			mend()
			b.broken = append(b.broken, ledger.Span{From: begun, To: b.clock.now()})
			if long {
				b.ledger.NoExcuse(hears)
			}
			b.recovers(t, hears)
		})
	}
}

// One call a second gets through, whoever makes it, for six instances whose
// tokens are all due at once.
func TestThrottledToOneCallASecond(t *testing.T) {
	t.Parallel()
	const text = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud: {region: ap-guangzhou, identity: SecretKey, endpoint: ENDPOINT}
registries:
- {instance: tcr-m3ut3qxx, route: Private}
- {instance: tcr-throttl1, route: Private}
- {instance: tcr-throttl2, route: Private}
- {instance: tcr-throttl3, route: Private}
- {instance: tcr-throttl4, route: Private}
- {instance: tcr-throttl5, route: Private}
`
	more := []string{"tcr-throttl1", "tcr-throttl2", "tcr-throttl3", "tcr-throttl4", "tcr-throttl5"}
	b := start(t, setup{life: life, namespaces: 20, config: text, prepare: func(c *tencent.Cloud) {
		for i, id := range more {
			c.AddInstance(tencent.Instance{ID: id, Name: "more" + string(rune('a'+i))})
		}
	}}, ledger.Bounds{PerMinute: 8 * 6})
	b.settle(t)
	ended, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		b.oneASecond(ended)
	}()
	b.pass(t, 2.5)
	close(ended)
	<-stopped
	require.True(t, b.fresh(b.clock.now()))
}

// oneASecond lets one call of any action through each second.
func (b *bed) oneASecond(ended <-chan struct{}) {
	defer b.Cloud.ClearFaults()
	second, look := time.NewTicker(time.Second), time.NewTicker(5*time.Millisecond)
	defer second.Stop()
	defer look.Stop()
	throttled := tencent.Fault{Code: "RequestLimitExceeded", Message: marker}
	calls := len(b.Cloud.Calls(""))
	for {
		select {
		case <-ended:
			return
		case <-second.C:
			b.Cloud.ClearFaults()
			calls = len(b.Cloud.Calls(""))
		case <-look.C:
			if len(b.Cloud.Calls("")) > calls {
				b.Cloud.SetFault("*", throttled)
			}
		}
	}
}
