package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
)

// desk is a reporter over an API server in memory.
type desk struct {
	*reporter
	client client.Client
	facts  atomic.Pointer[status.Facts]
	fail   atomic.Pointer[error] // of writes
	writes atomic.Int64
	told   []string
}

func newDesk(t *testing.T, c client.WithWatch) *desk {
	t.Helper()
	d := &desk{client: c}
	d.facts.Store(&status.Facts{})
	d.reporter = &reporter{
		client: interceptor.NewClient(c, interceptor.Funcs{
			Apply: func(ctx context.Context, c client.WithWatch, ac runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
				d.writes.Add(1)
				if err := d.fail.Load(); err != nil {
					return *err
				}
				return c.Apply(ctx, ac, opts...)
			},
		}),
		live: c, namespace: "tcr-webhook", wake: make(chan struct{}, 1),
		gather: func(context.Context) *status.Facts { return d.facts.Load() },
		tell: func(about *corev1.ObjectReference, n status.Notice) {
			assert.Equal(t, status.ConfigMapName, about.Name)
			d.told = append(d.told, n.Reason)
		},
	}
	return d
}

func newAPI(t *testing.T) client.WithWatch {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, corev1.AddToScheme(scheme))
	return fake.NewClientBuilder().WithScheme(scheme).Build()
}

func (d *desk) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.Start(ctx) }()
	return func() { cancel(); assert.NoError(t, <-ended) }
}

func (d *desk) ref() metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "tcr-webhook", Name: status.ConfigMapName}
}

func (d *desk) stored(t *testing.T) *status.Document {
	t.Helper()
	var cm corev1.ConfigMap
	require.NoError(t, d.client.Get(t.Context(), client.ObjectKey{Namespace: "tcr-webhook", Name: status.ConfigMapName}, &cm))
	found, err := status.Decode(cm.Data)
	require.NoError(t, err)
	return found
}

// These tests run on fake time.

func TestStatusIsWrittenWhenItChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, newAPI(t))
		defer d.run(t)()
		synctest.Wait()
		for _, c := range d.stored(t).Conditions {
			if c.Type != status.ConfigAccepted {
				assert.Equal(t, "Unknown NotObserved", string(c.Status)+" "+c.Reason, c.Type)
			}
		}
		time.Sleep(writeAgain - time.Second)
		synctest.Wait()
		assert.EqualValues(t, 1, d.writes.Load(), "nothing has changed")

		d.facts.Store(&status.Facts{Config: status.Config{Error: "x"}})
		d.Changed()
		time.Sleep(reportAtMost)
		synctest.Wait()
		assert.EqualValues(t, 2, d.writes.Load())
		assert.Equal(t, []string{status.ConfigRejected}, d.told)
		assert.Equal(t, "x", d.stored(t).Config.Error)

		before := d.writes.Load()
		for i := range 1000 { // something is different all the time
			d.facts.Store(&status.Facts{Secrets: map[string]int{"current": i}})
			d.Changed()
			time.Sleep(20 * time.Millisecond)
		}
		assert.LessOrEqual(t, d.writes.Load()-before, int64(20*time.Second/reportAtMost)+1)
	})
}

func TestStatusIsWrittenAgainWhereItFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, newAPI(t))
		d.fail.Store(new(errors.New("no such right")))
		d.facts.Store(&status.Facts{Config: status.Config{Error: "x"}})
		defer d.run(t)()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.InDelta(t, int(time.Minute/reportEvery), int(d.writes.Load()), 2)
		assert.Empty(t, d.told, "of what is not stored")
		d.fail.Store(nil)
		time.Sleep(reportEvery)
		synctest.Wait()
		assert.Equal(t, []string{status.ConfigRejected}, d.told)

		require.NoError(t, d.client.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: d.ref()}))
		time.Sleep(writeAgain + reportEvery)
		synctest.Wait()
		assert.Equal(t, "x", d.stored(t).Config.Error, "somebody deleted it")
		assert.Len(t, d.told, 1)
	})
}

func TestStatusOutlivesAProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := newAPI(t)
		bad := &status.Facts{Config: status.Config{Error: "x"}}
		first := newDesk(t, api)
		first.facts.Store(bad)
		stop := first.run(t)
		synctest.Wait()
		stop()
		since := meta.FindStatusCondition(first.stored(t).Conditions, status.ConfigAccepted).LastTransitionTime

		time.Sleep(time.Hour)
		second := newDesk(t, api)
		second.facts.Store(bad)
		stop = second.run(t)
		synctest.Wait()
		stop()
		assert.Empty(t, second.told, "a restart is no news")
		assert.Equal(t, since.UTC(), meta.FindStatusCondition(second.stored(t).Conditions, status.ConfigAccepted).LastTransitionTime.UTC())
	})
}

func TestWhatIsNoStatusIsReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, newAPI(t))
		require.NoError(t, d.client.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: d.ref(), Data: map[string]string{status.Key: "nonsense"}}))
		defer d.run(t)()
		synctest.Wait()
		assert.NotEmpty(t, d.stored(t).Conditions)
	})
}
