package credentials

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

const personal = registry.Host("ccr.ccs.tencentyun.com")

func sourceSecret(kind corev1.SecretType, data map[string]string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "tcr-webhook", Name: "ccr-login"}, Type: kind, Data: map[string][]byte{}}
	for k, v := range data {
		s.Data[k] = []byte(v)
	}
	return s
}

func TestLoginIn(t *testing.T) {
	t.Parallel()
	const marker = "marker-51ab"
	docker := func(config string) *corev1.Secret {
		return sourceSecret(corev1.SecretTypeDockerConfigJson, map[string]string{dataKey: config})
	}
	basic := func(user, password string) *corev1.Secret {
		return sourceSecret(corev1.SecretTypeBasicAuth, map[string]string{"username": user, "password": password})
	}
	tests := []struct {
		name   string
		secret *corev1.Secret
		user   string
		err    string
	}{
		{"kubectl create secret docker-registry", docker(`{"auths":{"ccr.ccs.tencentyun.com":{"username":"1000","password":"` + marker + `","auth":"x"}}}`), "1000", ""},
		{"docker login", docker(`{"auths":{"ccr.ccs.tencentyun.com":{"auth":"MTAwMDptYXJrZXItNTFhYg=="}}}`), "1000", ""},
		{"a URL", docker(`{"auths":{"https://CCR.ccs.tencentyun.com:443/v2/":{"username":"1000","password":"` + marker + `"}}}`), "1000", ""},
		{"one of several", docker(`{"auths":{"a.io":{"username":"a","password":"b"},"ccr.ccs.tencentyun.com":{"username":"1000","password":"` + marker + `"}}}`), "1000", ""},
		{"a service-level account", basic("tcr$robot", marker), "tcr$robot", ""},
		{"another host's alone", docker(`{"auths":{"ccr.ccs.tencentyun.com.evil.io":{"username":"1000","password":"` + marker + `"}}}`), "", "no login for ccr.ccs.tencentyun.com"},
		{"no auths", docker(`{}`), "", "no login for"},
		{"not JSON", docker(marker), "", "not a docker config"},
		{"no password", basic("tcr$robot", ""), "", "lacks a username or a password"},
		{"a colon", basic("tcr:robot", marker), "", "has a colon"},
		{"another type", sourceSecret(corev1.SecretTypeOpaque, map[string]string{"username": marker, "password": marker}), "", "it is of type Opaque"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := loginIn(tt.secret, []registry.Host{personal})
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				assert.NotContains(t, err.Error(), marker)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, token.Token{Username: tt.user, Password: marker}, got)
		})
	}
}

func TestFixedLoginsFollowTheirSecrets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := fake.NewClientBuilder().Build()
		entry := registry.Entry{ID: "personal", Account: registry.SecretAccount("ccr-login"), Hosts: registry.Hosts{Public: personal}}
		var news atomic.Int64
		issued := &vault{}
		issued.put(demoID, tokenFrom(noon, time.Hour))
		f := NewFixed(issued, c, "tcr-webhook", func() { news.Add(1) })
		f.Want([]registry.Entry{entry, {ID: demoID}})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { assert.NoError(t, f.Start(ctx)) })
		defer running.Wait()
		defer cancel()

		synctest.Wait()
		_, ok := f.Peek(entry.Key())
		assert.False(t, ok)
		require.ErrorIs(t, f.Err(entry.Key()), ErrSource)
		require.ErrorContains(t, f.Err(entry.Key()), "create it in namespace tcr-webhook")
		_, ok = f.Peek(registry.Key{ID: demoID})
		assert.True(t, ok, "other logins are hidden")

		s := sourceSecret(corev1.SecretTypeBasicAuth, map[string]string{"username": "1000", "password": "one"})
		require.NoError(t, c.Create(ctx, s))
		time.Sleep(fixedEvery)
		synctest.Wait()
		got, _ := f.Peek(entry.Key())
		assert.Equal(t, token.Token{Username: "1000", Password: "one"}, got)
		require.NoError(t, f.Err(entry.Key()))
		assert.EqualValues(t, 1, news.Load())

		s.Data["password"] = []byte("two")
		require.NoError(t, c.Update(ctx, s))
		time.Sleep(3 * fixedEvery)
		synctest.Wait()
		got, _ = f.Peek(entry.Key())
		assert.EqualValues(t, "two", got.Password)
		assert.EqualValues(t, 2, news.Load(), "no news was told as news")

		require.NoError(t, c.Delete(ctx, &corev1.Secret{ObjectMeta: s.ObjectMeta}))
		time.Sleep(fixedEvery)
		synctest.Wait()
		got, ok = f.Peek(entry.Key())
		assert.True(t, ok && got.Password == "two", "what works was dropped with its source")
		require.Error(t, f.Err(entry.Key()))

		f.Want(nil)
		_, ok = f.Peek(entry.Key())
		assert.False(t, ok, "a login that nobody wants is served")
		require.NoError(t, f.Err(entry.Key()))
	})
}
