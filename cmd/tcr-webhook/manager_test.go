package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/webhook"
)

func TestStripServiceAccount(t *testing.T) {
	t.Parallel()
	full := metav1.ObjectMeta{
		Namespace: "shop", Name: "builder", ResourceVersion: "7", UID: "u", Labels: map[string]string{"a": "b"},
		Annotations: map[string]string{webhook.EnforceMountableSecretsAnnotation: "true", "c": "d"},
	}
	want := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "builder", ResourceVersion: "7",
		Annotations: map[string]string{webhook.EnforceMountableSecretsAnnotation: "true"},
	}}
	got, err := stripServiceAccount(&metav1.PartialObjectMetadata{ObjectMeta: full})
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(want, got))
	again, err := stripServiceAccount(got)
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(want, again), "a resync strips what was stripped")
}
