package cluster

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAnOutageOfTheAPIServerLosesNothing(t *testing.T) {
	t.Parallel()
	c, err := Start(t.Context(), Options{Dir: t.TempDir(), Audit: true})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Stop()) })
	k := client(t, c.Config())
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "kept"}, StringData: map[string]string{"password": "marker-2b8e"}}
	_, err = k.CoreV1().Secrets("default").Create(t.Context(), secret, metav1.CreateOptions{})
	require.NoError(t, err)
	read := func(ctx context.Context) error {
		_, err := k.CoreV1().Secrets("default").Get(ctx, "kept", metav1.GetOptions{})
		return err
	}
	shortly := func() (context.Context, context.CancelFunc) { return context.WithTimeout(t.Context(), time.Second) }

	require.NoError(t, c.PauseAPIServer())
	ctx, cancel := shortly()
	defer cancel()
	require.ErrorIs(t, read(ctx), context.DeadlineExceeded)
	require.NoError(t, c.ResumeAPIServer())
	require.NoError(t, read(t.Context()))

	for name, end := range map[string]func() error{"stopped": c.StopAPIServer, "killed": c.KillAPIServer} {
		require.NoError(t, end(), name)
		require.Error(t, end(), "%s twice", name)
		ctx, cancel := shortly()
		require.Error(t, read(ctx), name)
		cancel()
		require.NoError(t, c.StartAPIServer(t.Context()), name)
		require.Error(t, c.StartAPIServer(t.Context()), "started twice")
		require.NoError(t, read(t.Context()), name)
	}
	_, err = k.CoreV1().Secrets("default").Get(t.Context(), "other", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err))

	log, err := c.AuditLog()
	require.NoError(t, err)
	assert.Contains(t, log, `"name":"kept"`)
	assert.NotContains(t, log, "marker-2b8e")
}
