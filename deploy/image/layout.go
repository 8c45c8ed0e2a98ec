package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// WriteLayout writes the release into dir as an OCI image layout, whatever was
// there before, with a file of each part's list beside it. Tools know it as
// oci:DIR, and packed into an archive as what `docker load` takes; title is the
// name that the image has then.
func (r Release) WriteLayout(dir, title string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	out, err := layout.Write(filepath.Join(dir, "layout"), empty.Index)
	if err != nil {
		return fmt.Errorf("write an image layout: %w", err)
	}
	named := layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": title, "io.containerd.image.name": title,
	})
	if err := out.AppendIndex(r.Index, named); err != nil {
		return fmt.Errorf("write an image layout: %w", err)
	}
	for _, p := range r.Parts {
		err := errors.Join(out.AppendImage(p.Referrer), os.WriteFile(filepath.Join(dir, p.fileName()), p.SBOM, 0o644))
		if err != nil {
			return fmt.Errorf("write an image layout: %w", err)
		}
	}
	return nil
}

// ReadLayout returns the index of a release that WriteLayout has written.
func ReadLayout(dir string) (v1.ImageIndex, error) {
	all, err := layout.ImageIndexFromPath(filepath.Join(dir, "layout"))
	if err != nil {
		return nil, fmt.Errorf("read an image layout: %w", err)
	}
	manifest, err := all.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read an image layout: %w", err)
	}
	for _, m := range manifest.Manifests {
		if m.MediaType.IsIndex() {
			return all.ImageIndex(m.Digest)
		}
	}
	return nil, fmt.Errorf("read an image layout: %s holds no index", dir)
}

// Push pushes the release, its parts and their lists, with the login that
// Docker's configuration has for the registry, and returns the release's digest.
func (r Release) Push(ctx context.Context, reference string) (digest string, err error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return "", fmt.Errorf("push an image: %w", err)
	}
	options := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
	if err := remote.WriteIndex(ref, r.Index, options...); err != nil {
		return "", fmt.Errorf("push %s: %w", reference, err)
	}
	for _, p := range r.Parts {
		of, err := p.Referrer.Digest()
		if err != nil {
			return "", err
		}
		if err := remote.Write(ref.Context().Digest(of.String()), p.Referrer, options...); err != nil {
			return "", fmt.Errorf("push what %s is made of: %w", reference, err)
		}
	}
	hash, err := r.Index.Digest()
	return hash.String(), err
}
