// Package image makes the container images of tcr-webhook without a container
// engine: from the programs that the Go tool builds, for each platform, to the
// same bytes every time. The command build below it is what `make image` runs.
//
// It knows nothing of what the programs do.
package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// File is one of an image.
type File struct {
	Path    string // from the root, without a leading slash
	Mode    int64  // 0o755 for a program, for example
	Content []byte
}

// Image is an image of a layer for each list of files. Equal arguments make
// equal bytes, with one version of Go's compressor.
func Image(platform v1.Platform, created time.Time, config v1.Config, layers ...[]File) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, files := range layers {
		layer, err := newLayer(created, files)
		if err != nil {
			return nil, fmt.Errorf("make an image: %w", err)
		}
		image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: created}}})
		if err != nil {
			return nil, fmt.Errorf("make an image: %w", err)
		}
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Variant = platform.OS, platform.Architecture, platform.Variant
	file.Created, file.Config = v1.Time{Time: created}, config
	return mutate.ConfigFile(image, file)
}

// zstdLevel is the slowest. Zstandard makes the image a sixth smaller than gzip
// does; containerd takes it since 1.5, older than any cluster we run in.
const zstdLevel = 19

func newLayer(modified time.Time, files []File) (v1.Layer, error) {
	archive, err := pack(modified, files)
	if err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive)), nil
	}, tarball.WithMediaType(types.OCILayerZStd), tarball.WithCompression(compression.ZStd), tarball.WithCompressionLevel(zstdLevel), tarball.WithCompressedCaching)
}

// pack is an archive of the files and of the folders they lie in.
func pack(modified time.Time, files []File) ([]byte, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	made := map[string]bool{".": true}
	for _, f := range files {
		if err := packFolders(w, modified, path.Dir(f.Path), made); err != nil {
			return nil, err
		}
		head := &tar.Header{Typeflag: tar.TypeReg, Name: f.Path, Mode: f.Mode, Size: int64(len(f.Content)), ModTime: modified}
		if err := w.WriteHeader(head); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Content); err != nil {
			return nil, err
		}
	}
	err := w.Close() // which writes the end of the archive
	return archive.Bytes(), err
}

// packFolders writes dir and what is above it, unless it was made already.
func packFolders(w *tar.Writer, modified time.Time, dir string, made map[string]bool) error {
	if made[dir] {
		return nil
	}
	made[dir] = true
	if err := packFolders(w, modified, path.Dir(dir), made); err != nil {
		return err
	}
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: modified})
}
