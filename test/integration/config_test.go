package integration

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

func TestTheConfigurationIsReloaded(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	imageOfNext := func() string {
		pod := newPod("shop", "", publicImage)
		pod.GenerateName = "hello-"
		require.NoError(t, a.Create(t.Context(), pod))
		return images(pod)[0]
	}
	require.Equal(t, privateImage, imageOfNext())

	require.NoError(t, s.WriteConfig(strings.Replace(stack.DefaultConfig, "route: Private", "route: Public", 1)))
	eventually(t, "the public route to be taken", func() bool { return imageOfNext() == publicImage })

	require.NoError(t, s.WriteConfig(strings.Replace(stack.DefaultConfig, "route: Private", "rout: Private", 1)))
	eventually(t, "the mistake to be reported", func() bool {
		log, err := s.Server.Log()
		require.NoError(t, err)
		return strings.Contains(log, `unknown key \"rout\"`)
	})
	assert.Equal(t, publicImage, imageOfNext(), "the last good configuration is no longer in force")

	require.NoError(t, s.WriteConfig(stack.DefaultConfig))
	eventually(t, "the private route to be taken again", func() bool { return imageOfNext() == privateImage })
}

func TestEveryNamespaceGetsItsSecretWithoutAPod(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Config: stack.DefaultConfig + "  delivery: EveryNamespace\n"})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	a.namespace(t, "no-tcr")
	eventually(t, "a new namespace's Secret", func() bool { return a.secret(t, "shop") != nil })
	eventually(t, "an old namespace's Secret", func() bool { return a.secret(t, "default") != nil })
	assert.Nil(t, a.secret(t, stack.Namespace), "the installation's own namespace")
	assert.Nil(t, a.secret(t, "no-tcr"), "a namespace that is excluded")
}
