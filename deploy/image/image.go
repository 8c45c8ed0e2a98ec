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

// Image is an image of one layer, in the order of the files. Equal arguments
// make equal bytes.
func Image(platform v1.Platform, created time.Time, config v1.Config, files []File) (v1.Image, error) {
	archive, err := pack(created, files)
	if err != nil {
		return nil, fmt.Errorf("make an image: %w", err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive)), nil
	}, tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(9))
	if err != nil {
		return nil, fmt.Errorf("make an image: %w", err)
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.Append(base, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: created}}})
	if err != nil {
		return nil, fmt.Errorf("make an image: %w", err)
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
