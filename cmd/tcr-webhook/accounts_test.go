package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tcr-webhook/tcr-webhook/credentials"
)

func serviceAccount(namespace, name string, annotations map[string]string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Annotations: annotations}}
}

func TestAccountsRememberThoseThatMatter(t *testing.T) {
	t.Parallel()
	var news []types.NamespacedName
	a := &accounts{changed: func(n types.NamespacedName) { news = append(news, n) }, synced: make(chan struct{}), known: map[types.NamespacedName]map[string]string{}}
	asks := map[string]string{credentials.ServiceAccountAnnotation: "true", "note": "a"}
	builder, other := types.NamespacedName{Namespace: "shop", Name: "builder"}, types.NamespacedName{Namespace: "team-a", Name: "builder"}

	assert.False(t, isClosed(a.synced))
	require.NoError(t, a.Replace([]any{serviceAccount("shop", "default", nil), serviceAccount("shop", "builder", asks), serviceAccount("team-a", "builder", asks)}, "1"))
	assert.True(t, isClosed(a.synced))
	assert.ElementsMatch(t, []types.NamespacedName{builder, other}, news)
	assert.ElementsMatch(t, []types.NamespacedName{builder, other}, a.Annotated(""))
	assert.Equal(t, []types.NamespacedName{builder}, a.Annotated("shop"))
	got, found := a.Annotations("shop", "builder")
	assert.True(t, found)
	assert.Equal(t, map[string]string{credentials.ServiceAccountAnnotation: "true"}, got)
	_, found = a.Annotations("shop", "default")
	assert.False(t, found)

	news = nil
	require.NoError(t, a.Add(serviceAccount("shop", "plain", map[string]string{"note": "b"})))
	assert.Empty(t, news, "what never mattered is news")
	require.NoError(t, a.Update(serviceAccount("shop", "builder", map[string]string{"note": "b"})))
	assert.Equal(t, []types.NamespacedName{builder}, news, "who no longer asks is not looked at")
	assert.Empty(t, a.Annotated("shop"))
	require.NoError(t, a.Delete(serviceAccount("team-a", "builder", asks)))
	assert.Empty(t, a.Annotated(""))

	require.NoError(t, a.Add(serviceAccount("shop", "builder", asks)))
	news = nil
	require.NoError(t, a.Replace(nil, "2"))
	assert.Equal(t, []types.NamespacedName{builder}, news, "who went while nobody watched is not looked at")
	assert.Error(t, a.Add("no ServiceAccount"))

	stripped, err := a.Transformer()(serviceAccount("shop", "builder", asks))
	require.NoError(t, err)
	assert.Equal(t, serviceAccount("shop", "builder", map[string]string{credentials.ServiceAccountAnnotation: "true"}), stripped)
	plain := func(name string) any {
		nobody, err := a.Transformer()(serviceAccount("shop", name, map[string]string{"note": "b"}))
		require.NoError(t, err)
		return nobody
	}
	require.NoError(t, a.Replace([]any{plain("default"), stripped, plain("other")}, "3"))
	assert.Equal(t, []types.NamespacedName{builder}, a.Annotated(""), "what does not matter is remembered")
}
