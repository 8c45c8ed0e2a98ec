package tencent_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

// BenchmarkStart is what every test that needs a Cloud pays for it.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		cloud, err := tencent.Start(b.Context(), tencent.Options{})
		require.NoError(b, err)
		cloud.AddInstance(tencent.Instance{ID: demoID, Name: "demo"})
		_, err = cloud.Push(b.Context(), demoRef)
		require.NoError(b, err)
		require.NoError(b, cloud.Close())
	}
}
