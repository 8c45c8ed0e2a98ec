package credentials

import (
	"fmt"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestNamespacesAreStripped(t *testing.T) {
	t.Parallel()
	gone := metav1.NewTime(time.Unix(1e9, 0))
	in := func(labels, annotations map[string]string) *metav1.PartialObjectMetadata {
		return &metav1.PartialObjectMetadata{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{
				Name: "shop", UID: "u", ResourceVersion: "7", DeletionTimestamp: &gone, Labels: labels, Annotations: annotations,
				ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}, Finalizers: []string{"kubernetes"},
			},
		}
	}
	own := map[string]string{"kubernetes.io/metadata.name": "shop"}
	for name, tt := range map[string]struct {
		labels, annotations map[string]string
		packed              string
		kept                map[string]string
	}{
		"its own name alone":   {own, nil, "labels\n", nil},
		"other labels":         {map[string]string{"kubernetes.io/metadata.name": "shop", "example.com/b": "c", "a": ""}, nil, "labels\na=\nexample.com/b=c\n", nil},
		"annotations":          {own, map[string]string{"tcr-webhook.io/deliver": "x", "note": "y"}, "labels\n", map[string]string{"tcr-webhook.io/deliver": "x"}},
		"a delivery to nobody": {own, map[string]string{"tcr-webhook.io/deliver": ""}, "labels\n", map[string]string{"tcr-webhook.io/deliver": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c NamespaceCache
			got, err := c.Strip(in(tt.labels, tt.annotations))
			require.NoError(t, err)
			want := in(nil, tt.kept)
			want.GenerateName, want.ManagedFields, want.Finalizers = tt.packed, nil, nil
			assert.Equal(t, want, got)
			assert.Equal(t, tt.labels, LabelsOf(got.(*metav1.PartialObjectMetadata)), "what a selector sees")
			assert.Equal(t, tt.labels, LabelsOf(in(tt.labels, nil)), "of what was not stripped")

			again, err := c.Strip(got)
			require.NoError(t, err)
			assert.Same(t, got, again)
		})
	}
	other, err := new(NamespaceCache).Strip("no namespace")
	require.NoError(t, err)
	assert.Equal(t, "no namespace", other)
}

func TestNamespacesShareTheLabelsTheyHaveInCommon(t *testing.T) {
	t.Parallel()
	var c NamespaceCache
	packed := func(name, team string) string {
		got, err := c.Strip(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name, "team": team, "env": "prod"},
		}})
		require.NoError(t, err)
		return got.(*metav1.PartialObjectMetadata).GenerateName
	}
	shop, cart, bank := packed("shop", "a"), packed("cart", "a"), packed("bank", "b")
	assert.Equal(t, shop, cart)
	assert.Same(t, unsafe.StringData(shop), unsafe.StringData(cart), "two strings for one set")
	assert.NotEqual(t, shop, bank)
	for i := range 3 * rememberedSets {
		packed("x", fmt.Sprint(i))
	}
	assert.LessOrEqual(t, len(c.seen), rememberedSets)
}
