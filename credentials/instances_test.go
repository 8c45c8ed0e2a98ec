package credentials

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

type describerFunc func(context.Context, registry.ID) (registry.Hosts, error)

func (f describerFunc) Hosts(ctx context.Context, id registry.ID) (registry.Hosts, error) {
	return f(ctx, id)
}

func entry(t *testing.T, id registry.ID, public registry.Host) registry.Entry {
	t.Helper()
	everyone, err := registry.SelectNamespaces(nil, nil)
	require.NoError(t, err)
	return registry.Entry{ID: id, Namespaces: everyone, Hosts: registry.Hosts{Public: public}}
}

// unsettled leaves each route as it is configured.
func unsettled(*registry.Entry) {}

// run starts i in the test's bubble.
func run(t *testing.T, i *Instances) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { assert.NoError(t, i.Start(ctx)) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

func serves(i *Instances, host string) registry.ID {
	if i.Directory() == nil {
		return ""
	}
	return i.Directory().Decide(host+"/a/b", registry.Namespace{Name: "x"}).Instance
}

func TestGivenHostsAreKnownAtOnce(t *testing.T) {
	t.Parallel()
	i := NewInstances(unsettled, func() {})
	i.Set([]registry.Entry{entry(t, demoID, "demo.tencentcloudcr.com")}, describerFunc(nil))
	assert.Equal(t, demoID, serves(i, "demo.tencentcloudcr.com"))
}

func TestHostsAreAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var fails atomic.Bool
		describer := describerFunc(func(_ context.Context, id registry.ID) (registry.Hosts, error) {
			if fails.Load() {
				return registry.Hosts{}, errors.New("away")
			}
			return registry.Hosts{Public: registry.Host(id) + ".tencentcloudcr.com"}, nil
		})
		var changes atomic.Int32
		i := NewInstances(unsettled, func() { changes.Add(1) })
		i.Set([]registry.Entry{entry(t, demoID, "")}, describer)
		assert.Nil(t, i.Directory(), "a directory before anything was asked")

		run(t, i)
		synctest.Wait()
		require.Equal(t, demoID, serves(i, "tcr-demo0001.tencentcloudcr.com"))

		fails.Store(true)
		time.Sleep(2 * rediscover)
		assert.Equal(t, demoID, serves(i, "tcr-demo0001.tencentcloudcr.com"), "known hosts were forgotten with the API away")

		const fresh = registry.ID("tcr-fresh001")
		i.Set([]registry.Entry{entry(t, demoID, ""), entry(t, fresh, "")}, describer)
		time.Sleep(time.Minute)
		assert.Equal(t, demoID, serves(i, "tcr-demo0001.tencentcloudcr.com"))
		fails.Store(false)
		time.Sleep(2 * retryDescribe)
		synctest.Wait()
		assert.Equal(t, fresh, serves(i, "tcr-fresh001.tencentcloudcr.com"))
		assert.Positive(t, changes.Load())
	})
}

func TestAnAPIThatHangsHoldsNothingUpForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := NewInstances(unsettled, func() {})
		i.Set([]registry.Entry{entry(t, demoID, ""), entry(t, "tcr-open0002", "open.tencentcloudcr.com")},
			describerFunc(func(ctx context.Context, _ registry.ID) (registry.Hosts, error) {
				<-ctx.Done()
				return registry.Hosts{}, ctx.Err()
			}))
		run(t, i)
		time.Sleep(firstAnswer - time.Millisecond)
		require.Nil(t, i.Directory())
		time.Sleep(2 * time.Millisecond)
		assert.Equal(t, registry.ID("tcr-open0002"), serves(i, "open.tencentcloudcr.com"))
	})
}
