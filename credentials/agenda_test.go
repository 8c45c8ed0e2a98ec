package credentials

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTheAgendaIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAgenda()
		begun := time.Now()
		var mu sync.Mutex
		looked := map[string]time.Duration{}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			a.run(ctx, func(namespace string) {
				mu.Lock()
				defer mu.Unlock()
				looked[namespace] = time.Since(begun)
			})
		})
		synctest.Wait()
		a.set("later", begun.Add(10*time.Minute))
		a.set("soon", begun.Add(10*time.Second))
		a.set("hastened", begun.Add(time.Hour))
		a.set("hastened", begun.Add(20*time.Second))
		a.set("put off", begun.Add(30*time.Second))
		a.set("put off", begun.Add(2*time.Hour))
		a.set("dropped", begun.Add(time.Second))
		a.set("dropped", time.Time{})
		a.set("never there", time.Time{})
		a.set("past", begun.Add(-time.Hour))
		time.Sleep(time.Hour)
		cancel()
		running.Wait()
		assert.Equal(t, map[string]time.Duration{
			"past": 0, "soon": 10 * time.Second, "hastened": 20 * time.Second, "later": 10 * time.Minute,
		}, looked)
		assert.Len(t, a.places, 1)
		assert.Len(t, a.queue, 1)
	})
}
