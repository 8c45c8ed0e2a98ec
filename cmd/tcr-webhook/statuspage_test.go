package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/cmd/internal/statuspage"
)

// apiOfPage answers what the page asks for.
type apiOfPage struct {
	client.Reader
	asked  atomic.Int64
	err    error
	data   map[string]string
	holder string
	at     time.Time
}

func (a *apiOfPage) Get(ctx context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	a.asked.Add(1)
	time.Sleep(time.Millisecond)
	if err := ctx.Err(); err != nil {
		return err
	}
	switch o := into.(type) {
	case *corev1.ConfigMap:
		o.Data = a.data
		o.ManagedFields = []metav1.ManagedFieldsEntry{{}, {Time: &metav1.Time{Time: a.at}}}
	case *coordinationv1.Lease:
		if a.holder == "" {
			return apierrors.NewNotFound(schema.GroupResource{Resource: "leases"}, key.Name)
		}
		o.Spec.HolderIdentity, o.Spec.RenewTime = &a.holder, &metav1.MicroTime{Time: a.at}
	}
	return a.err
}

func TestThePageReadsTheDocument(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		data, err := status.Encode(status.Next(&status.Facts{Replica: "one"}, nil, time.Now()))
		assert.NoError(t, err)
		api := &apiOfPage{data: data, at: time.Now()}
		p := &page{live: api, namespace: "x", self: func() statuspage.Replica { return statuspage.Replica{Name: "two"} }}

		v := p.view(t.Context())
		assert.Equal(t, "one", v.Document.Replica)
		assert.Equal(t, "two", v.Self.Name)
		assert.Equal(t, api.at, v.Changed)
		assert.Empty(t, v.Leader, "nobody leads")
		assert.Empty(t, v.Problem)

		asked := api.asked.Load()
		for range 100 {
			p.view(t.Context())
		}
		assert.Equal(t, asked, api.asked.Load(), "many who look at once cost the API server nothing")

		time.Sleep(pageEvery + time.Second)
		api.holder = "one_2c5a"
		v = p.view(t.Context())
		assert.Equal(t, "one", v.Leader)

		time.Sleep(pageEvery + time.Second)
		api.err = errors.New("no answer with marker-88c1")
		v = p.view(t.Context())
		assert.Equal(t, "one", v.Document.Replica, "what was read stands")
		assert.Contains(t, v.Problem, "does not answer")
		assert.NotContains(t, v.Problem, "marker-88c1")

		api.err, api.data = nil, map[string]string{status.Key: "of another version"}
		v = p.view(t.Context())
		assert.Nil(t, v.Document)
		assert.Empty(t, v.Problem)
	})
}

func TestThePageWithoutAnAPIServer(t *testing.T) {
	t.Parallel()
	p := &page{live: &apiOfPage{err: errors.New("x")}, self: func() statuspage.Replica { return statuspage.Replica{} }}
	v := p.view(t.Context())
	assert.Nil(t, v.Document)
	assert.Contains(t, v.Problem, "does not say")

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	p.live = &apiOfPage{holder: "a"}
	assert.Empty(t, p.view(gone).Problem, "a reader who leaves takes nothing from the others")
}
