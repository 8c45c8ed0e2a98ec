package image

import (
	"archive/tar"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheSameFilesMakeTheSameImage(t *testing.T) {
	t.Parallel()
	made := func(content string) string {
		image, err := Image(v1.Platform{OS: "linux", Architecture: "arm64"}, time.Unix(1, 0), v1.Config{User: user},
			[]File{{Path: "etc/x", Mode: 0o644, Content: []byte(content)}}, []File{{Path: "program", Mode: 0o755}})
		require.NoError(t, err)
		digest, err := image.Digest()
		require.NoError(t, err)
		return digest.String()
	}
	first := made("a")
	assert.Equal(t, first, made("a"))
	assert.NotEqual(t, first, made("b"))
}

func TestFilesLieInFoldersThatOthersMayEnter(t *testing.T) {
	t.Parallel()
	image, err := Image(v1.Platform{}, time.Unix(1, 0), v1.Config{},
		[]File{{Path: "a/b/c", Mode: 0o644, Content: []byte("text")}, {Path: "a/d", Mode: 0o755}})
	require.NoError(t, err)
	assert.Equal(t, []string{"a 755 ", "a/b 755 ", "a/b/c 644 text", "a/d 755 "}, entries(t, image))
}

// entries are what an image holds, as name, mode and content.
func entries(t *testing.T, image v1.Image) (list []string) {
	t.Helper()
	archive := mutate.Extract(image)
	defer func() { assert.NoError(t, archive.Close()) }()
	reader := tar.NewReader(archive)
	for {
		head, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		require.NoError(t, err)
		var content strings.Builder
		_, err = io.Copy(&content, reader) //nolint:gosec // it is ours
		require.NoError(t, err)
		list = append(list, strings.Join([]string{head.Name, octal(head.Mode), content.String()}, " "))
	}
}

func octal(mode int64) string {
	const digits = "01234567"
	return string([]byte{digits[mode>>6&7], digits[mode>>3&7], digits[mode&7]})
}
