package main

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/credentials"
)

func TestStripNamespace(t *testing.T) {
	t.Parallel()
	in := func(labels, annotations map[string]string) *metav1.PartialObjectMetadata {
		return &metav1.PartialObjectMetadata{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: "shop", ResourceVersion: "7", Labels: labels, Annotations: annotations},
		}
	}
	own := map[string]string{"kubernetes.io/metadata.name": "shop"}
	for name, tt := range map[string]struct{ labels, annotations, cached, kept map[string]string }{
		"its own name alone": {own, nil, nil, nil},
		"another label":      {map[string]string{"kubernetes.io/metadata.name": "shop", "a": "b"}, nil, map[string]string{"a": "b"}, nil},
		"annotations":        {own, map[string]string{"tcr-webhook.io/deliver": "x", "note": "y"}, nil, map[string]string{"tcr-webhook.io/deliver": "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := new(labelSets).strip(in(tt.labels, tt.annotations))
			require.NoError(t, err)
			assert.Equal(t, in(tt.cached, tt.kept), got)
			assert.Equal(t, tt.labels, credentials.LabelsOf(got.(*metav1.PartialObjectMetadata)), "what a selector sees")
		})
	}
}

func TestNamespacesShareTheLabelsTheyHaveInCommon(t *testing.T) {
	t.Parallel()
	var sets labelSets
	labels := func(name, team string) map[string]string {
		return sets.shared(map[string]string{"kubernetes.io/metadata.name": name, "team": team, "env": "prod"})
	}
	shop, cart, bank := labels("shop", "a"), labels("cart", "a"), labels("bank", "b")
	assert.Equal(t, map[string]string{"team": "a", "env": "prod"}, shop)
	assert.Equal(t, reflect.ValueOf(shop).Pointer(), reflect.ValueOf(cart).Pointer(), "two maps for one set")
	assert.Equal(t, map[string]string{"team": "b", "env": "prod"}, bank)
	for i := range 3 * rememberedSets {
		labels("x", fmt.Sprint(i))
	}
	assert.LessOrEqual(t, len(sets.seen), rememberedSets)
}
