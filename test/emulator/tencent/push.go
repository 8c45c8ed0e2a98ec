package tencent

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Push pushes a small image, e.g. to "demo.tencentcloudcr.com/team/hello:1",
// and returns its digest. It has the shape of an image that runs: a platform,
// an entrypoint and a file at its path, a text. It can be pulled from every
// host of the instance.
func (c *Cloud) Push(ctx context.Context, ref string) (digest string, err error) {
	image, err := helloImage(ref)
	if err != nil {
		return "", fmt.Errorf("push %s: make image: %w", ref, err)
	}
	return c.PushImage(ctx, ref, image)
}

// PushImage pushes an image of the caller's own. Unlike a push by a client, it
// needs no rights and makes the repository's namespace exist.
func (c *Cloud) PushImage(ctx context.Context, ref string, image v1.Image) (digest string, err error) {
	parsed, err := name.ParseReference(ref, name.StrictValidation)
	if err != nil {
		return "", fmt.Errorf("push %s: %w", ref, err)
	}
	repository := parsed.Context()
	host, _, _ := strings.Cut(repository.RegistryStr(), ":")
	i, ok := c.instances.ByHost(host)
	if !ok {
		return "", fmt.Errorf("push %s: no instance has the host %s; add it first", ref, host)
	}
	namespace, rest, ok := strings.Cut(repository.RepositoryStr(), "/")
	if !ok || rest == "" {
		return "", fmt.Errorf("push %s: want a namespace and a name, as in team/hello:1", ref)
	}
	if err := c.registry.CreateNamespace(i.ID, namespace); err != nil {
		return "", fmt.Errorf("push %s: %w", ref, err)
	}
	bearer, err := c.registry.Bearer(repository.RepositoryStr())
	if err != nil {
		return "", fmt.Errorf("push %s: %w", ref, err)
	}
	err = remote.Write(parsed, image, remote.WithContext(ctx), remote.WithTransport(c.transport),
		remote.WithAuth(authn.FromConfig(authn.AuthConfig{RegistryToken: bearer})))
	if err != nil {
		return "", fmt.Errorf("push %s: %w", ref, err)
	}
	hash, err := image.Digest()
	if err != nil {
		return "", fmt.Errorf("push %s: %w", ref, err)
	}
	return hash.String(), nil
}

// helloImage is an OCI image of one file, which names ref: two references
// never share a digest.
func helloImage(ref string) (v1.Image, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	text := "hello from " + ref + "\n"
	if err := w.WriteHeader(&tar.Header{Name: "hello", Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.Append(image, mutate.Addendum{Layer: layer}); err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", "amd64"
	file.Config.Entrypoint = []string{"/hello"}
	return mutate.ConfigFile(image, file)
}
