package image

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// revision is of sources that no test has.
func revision() Revision { return Revision{Commit: "4f1c2ad", Time: time.Unix(1_800_000_000, 0).UTC()} }

// small is a release of programs that are quick to compile, in a checkout of
// its own.
func small(t *testing.T, platforms ...v1.Platform) Release {
	t.Helper()
	checkout := t.TempDir()
	write(t, filepath.Join(checkout, "go.mod"), "module example.com/small\n\ngo 1.26.0\n")
	for _, p := range programs() {
		write(t, filepath.Join(checkout, "cmd", p, "main.go"), "package main\n\nfunc main() { println(\""+p+"\") }\n")
	}
	if len(platforms) == 0 {
		platforms = Platforms()
	}
	r, err := build(t.Context(), checkout, t.TempDir(), platforms, revision())
	require.NoError(t, err)
	return r
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func digestOf(t *testing.T, r Release) string {
	t.Helper()
	hash, err := r.Index.Digest()
	require.NoError(t, err)
	return hash.String()
}

func TestTheSameSourcesMakeTheSameRelease(t *testing.T) {
	// What the caller's environment says does not count.
	first := digestOf(t, small(t))
	t.Setenv("GOFLAGS", "-ldflags=-X=main.x=y -tags=other")
	t.Setenv("GOAMD64", "v3")
	assert.Equal(t, first, digestOf(t, small(t)))
}

func TestAReleaseIsForTwoPlatforms(t *testing.T) {
	t.Parallel()
	r := small(t)
	manifest, err := r.Index.IndexManifest()
	require.NoError(t, err)
	var platforms []string
	for _, m := range manifest.Manifests {
		platforms = append(platforms, m.Platform.String())
	}
	assert.Equal(t, []string{"linux/amd64", "linux/arm64"}, platforms)
	assert.Equal(t, "4f1c2ad", manifest.Annotations["org.opencontainers.image.revision"])
}

func TestAnImageHasWhatAProgramNeeds(t *testing.T) {
	t.Parallel()
	r := small(t, Platforms()[0])
	config, err := r.Parts[0].Image.ConfigFile()
	require.NoError(t, err)
	assert.Equal(t, "65532:65532", config.Config.User)
	assert.Equal(t, []string{"/tcr-webhook"}, config.Config.Entrypoint)
	assert.Equal(t, "2027-01-15T08:00:00Z", config.Config.Labels["org.opencontainers.image.created"])
	assert.Equal(t, "4f1c2ad", config.Config.Labels["org.opencontainers.image.revision"])
	var names []string
	for _, e := range entries(t, r.Parts[0].Image) {
		path, _, _ := strings.Cut(e, " ")
		names = append(names, path)
	}
	assert.ElementsMatch(t, []string{
		"etc", "etc/passwd", "etc/group", "etc/ssl", "etc/ssl/certs", "etc/ssl/certs/ca-certificates.crt", "tcr-hosts", "tcr-webhook",
	}, names)
}

func TestTheRootsAreCertificates(t *testing.T) {
	t.Parallel()
	pool, count := x509.NewCertPool(), 0
	for rest := roots(); ; count++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		assert.True(t, cert.IsCA, cert.Subject)
		pool.AddCert(cert)
	}
	assert.Greater(t, count, 100)
}

func TestTheListOfModulesIsOfThePrograms(t *testing.T) {
	t.Parallel()
	r := small(t, Platforms()[0])
	var bom cyclonedx.BOM
	require.NoError(t, cyclonedx.NewBOMDecoder(strings.NewReader(string(r.Parts[0].SBOM)), cyclonedx.BOMFileFormatJSON).Decode(&bom))
	var refs []string
	for _, c := range *bom.Components {
		refs = append(refs, c.BOMRef)
	}
	require.Len(t, refs, 3)
	assert.Regexp(t, `^pkg:golang/std@1\.[0-9]+`, refs[0])
	assert.Equal(t, []string{"tcr-hosts", "tcr-webhook"}, refs[1:])
	assert.Equal(t, "2027-01-15T08:00:00Z", bom.Metadata.Timestamp)
}

func TestALayoutIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	r := small(t)
	dir := filepath.Join(t.TempDir(), "image")
	write(t, filepath.Join(dir, "layout", "of-an-earlier-build"), "")
	require.NoError(t, r.WriteLayout(dir, "example.com/small:1"))

	index, err := ReadLayout(dir)
	require.NoError(t, err)
	hash, err := index.Digest()
	require.NoError(t, err)
	assert.Equal(t, digestOf(t, r), hash.String())
	assert.FileExists(t, filepath.Join(dir, "sbom-linux-arm64.cdx.json"))
	assert.NoFileExists(t, filepath.Join(dir, "layout", "of-an-earlier-build"))
}

func TestARegistryFindsTheListForAnImage(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	r := small(t)
	reference := strings.TrimPrefix(server.URL, "http://") + "/team/small:1"

	digest, err := r.Push(t.Context(), reference)

	require.NoError(t, err)
	assert.Equal(t, digestOf(t, r), digest)
	ref, err := name.ParseReference(reference)
	require.NoError(t, err)
	pushed, err := remote.Index(ref, remote.WithContext(t.Context()))
	require.NoError(t, err)
	require.NoError(t, validate.Index(pushed, validate.Fast)) // else it takes every layer for gzip
	for _, p := range r.Parts {
		hash, err := p.Image.Digest()
		require.NoError(t, err)
		index, err := remote.Referrers(ref.Context().Digest(hash.String()), remote.WithContext(t.Context()))
		require.NoError(t, err)
		manifest, err := index.IndexManifest()
		require.NoError(t, err)
		require.Len(t, manifest.Manifests, 1)
		assert.Equal(t, sbomMediaType, manifest.Manifests[0].ArtifactType)
	}
}

func TestTheRevisionIsGits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	none, err := RevisionOf(t.Context(), dir)
	require.NoError(t, err)
	assert.Equal(t, Revision{Time: time.Unix(0, 0).UTC()}, none)

	write(t, filepath.Join(dir, "file"), "a")
	gitIn(t, dir, "init", "-q")
	gitIn(t, dir, "add", ".")
	gitIn(t, dir, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "first")
	clean, err := RevisionOf(t.Context(), dir)
	require.NoError(t, err)
	assert.Regexp(t, `^[0-9a-f]{40}$`, clean.Commit)
	assert.WithinDuration(t, time.Now(), clean.Time, time.Minute)

	write(t, filepath.Join(dir, "file"), "b")
	dirty, err := RevisionOf(t.Context(), dir)
	require.NoError(t, err)
	assert.Equal(t, clean.Commit+"-dirty", dirty.Commit)
}

func gitIn(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// Whoever has an engine gets the same programs, run the same way.
func TestTheDockerfileMakesTheSameImage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../Dockerfile")
	require.NoError(t, err)
	assert.Contains(t, string(text), "\nUSER "+user+"\n")
	assert.Contains(t, string(text), "\nENTRYPOINT [\"/"+entrypoint+"\"]\n")
	for _, p := range programs() {
		assert.Contains(t, string(text), "./cmd/"+p)
	}
	assert.Contains(t, string(text), "-trimpath -buildvcs=false -ldflags='-s -w'")
}
