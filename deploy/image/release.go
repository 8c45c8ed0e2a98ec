package image

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// user is the one that the programs run as, by number, so that runAsNonRoot can
// be checked without the image's passwd.
const user = "65532:65532"

// accounts are those that distroless images have.
const (
	passwd = "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"
	groups = "root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n"
)

// Platforms are those that a release is for.
func Platforms() []v1.Platform {
	return []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}
}

// Release is the image for some platforms, each with a list of what it is made
// of. Two releases of the same sources are the same, to the byte.
type Release struct {
	// Index names the images.
	Index v1.ImageIndex
	// Parts are the images, in the order of the platforms.
	Parts []Part
}

// Part is the image for one platform.
type Part struct {
	Platform v1.Platform
	Image    v1.Image
	// SBOM is a CycloneDX document, and Referrer the artifact that attaches
	// it to Image.
	SBOM     []byte
	Referrer v1.Image
}

// Build makes the image of a checkout for platforms. It compiles with the Go
// tool, which takes minutes for a platform it has not compiled for before.
func Build(ctx context.Context, checkout string, platforms []v1.Platform) (Release, error) {
	revision, err := RevisionOf(ctx, checkout)
	if err != nil {
		return Release{}, err
	}
	dir, err := os.MkdirTemp("", "tcr-webhook-image-")
	if err != nil {
		return Release{}, err
	}
	r, err := build(ctx, checkout, dir, platforms, revision)
	return r, errors.Join(err, os.RemoveAll(dir))
}

func build(ctx context.Context, checkout, dir string, platforms []v1.Platform, revision Revision) (Release, error) {
	var parts []Part
	for _, platform := range platforms {
		out := filepath.Join(dir, platform.Architecture)
		if err := compile(ctx, checkout, out, platform); err != nil {
			return Release{}, err
		}
		part, err := newPart(out, platform, revision)
		if err != nil {
			return Release{}, fmt.Errorf("make the image for %s: %w", platform, err)
		}
		parts = append(parts, part)
	}
	return newRelease(parts, revision), nil
}

// newPart makes an image of the programs in dir.
func newPart(dir string, platform v1.Platform, revision Revision) (Part, error) {
	layers := [][]File{{
		{Path: "etc/passwd", Mode: 0o644, Content: []byte(passwd)},
		{Path: "etc/group", Mode: 0o644, Content: []byte(groups)},
		{Path: rootsPath, Mode: 0o644, Content: roots()},
	}}
	for _, p := range programs() {
		content, err := os.ReadFile(filepath.Join(dir, p))
		if err != nil {
			return Part{}, err
		}
		layers = append(layers, []File{{Path: p, Mode: 0o755, Content: content}})
	}
	config := v1.Config{
		Entrypoint: []string{"/" + entrypoint}, User: user, WorkingDir: "/", Labels: labels(revision),
		Env: []string{"PATH=/", "SSL_CERT_FILE=/" + rootsPath},
	}
	image, err := Image(platform, revision.Time, config, layers...)
	if err != nil {
		return Part{}, err
	}
	list, err := sbom(dir, revision)
	if err != nil {
		return Part{}, err
	}
	referrer, err := attach(image, list, revision)
	return Part{Platform: platform, Image: image, SBOM: list, Referrer: referrer}, err
}

// labels are those that registries and scanners show.
func labels(revision Revision) map[string]string {
	l := map[string]string{
		"org.opencontainers.image.title":       "tcr-webhook",
		"org.opencontainers.image.description": "Pods pull from Tencent Container Registry with nothing in their manifests",
		"org.opencontainers.image.source":      "https://github.com/tcr-webhook/tcr-webhook",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.created":     revision.Time.Format(time.RFC3339),
	}
	if revision.Commit != "" {
		l["org.opencontainers.image.revision"] = revision.Commit
	}
	return l
}

// attach makes the artifact by which a registry finds a list for an image.
func attach(image v1.Image, list []byte, revision Revision) (v1.Image, error) {
	subject, err := partial.Descriptor(image)
	if err != nil {
		return nil, err
	}
	artifact := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), sbomMediaType)
	artifact, err = mutate.AppendLayers(artifact, static.NewLayer(list, sbomMediaType))
	if err != nil {
		return nil, err
	}
	annotated := mutate.Annotations(artifact, map[string]string{"org.opencontainers.image.created": revision.Time.Format(time.RFC3339)})
	attached, ok := mutate.Subject(annotated, *subject).(v1.Image)
	if !ok {
		return nil, errors.New("attach a list of modules: an image is no image any more")
	}
	return attached, nil
}

func newRelease(parts []Part, revision Revision) Release {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range parts {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: p.Image, Descriptor: v1.Descriptor{Platform: &p.Platform, MediaType: types.OCIManifestSchema1},
		})
	}
	annotations := maps.Clone(labels(revision))
	annotated, ok := mutate.Annotations(index, annotations).(v1.ImageIndex)
	if !ok {
		annotated = index
	}
	return Release{Index: annotated, Parts: parts}
}

// Size is that of a part as a registry holds it and a node pulls it, in bytes.
func (p Part) Size() (int64, error) {
	manifest, err := p.Image.Manifest()
	if err != nil {
		return 0, err
	}
	total := manifest.Config.Size
	for _, l := range manifest.Layers {
		total += l.Size
	}
	return total, nil
}

// fileName is what a part's list is written as, beside the layout.
func (p Part) fileName() string {
	return "sbom-" + strings.ReplaceAll(p.Platform.String(), "/", "-") + ".cdx.json"
}
