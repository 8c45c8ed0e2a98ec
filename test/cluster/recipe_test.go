package cluster

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/process"
)

func TestVersionOf(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		gomod string
		want  string
	}{
		"in a block":                      {"require (\n\tk8s.io/a v1.2.3 // indirect\n)\n", "v1.2.3"},
		"on a line of its own":            {"require k8s.io/a v1.2.3\n", "v1.2.3"},
		"of a longer path does not count": {"require k8s.io/a/b v1.2.3\n", ""},
		"of a replacement does not count": {"replace (\n\tk8s.io/a => k8s.io/a v1.2.3\n)\n", ""},
		"of an empty file":                {"", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := versionOf([]byte(tt.gomod), "k8s.io/a")
			assert.Equal(t, tt.want, got)
			assert.Equal(t, tt.want == "", err != nil, "error: %v", err)
		})
	}
}

func TestVersionFlags(t *testing.T) {
	t.Parallel()
	const want = "-s -w" +
		" -X k8s.io/client-go/pkg/version.gitVersion=v1.37.2 -X k8s.io/client-go/pkg/version.gitMajor=1" +
		" -X k8s.io/client-go/pkg/version.gitMinor=37 -X k8s.io/client-go/pkg/version.gitTreeState=clean" +
		" -X k8s.io/component-base/version.gitVersion=v1.37.2 -X k8s.io/component-base/version.gitMajor=1" +
		" -X k8s.io/component-base/version.gitMinor=37 -X k8s.io/component-base/version.gitTreeState=clean"
	assert.Equal(t, want, versionFlags("v1.37.2"))
}

func TestCheckoutIsFoundFromBelowAndPastNestedModules(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	nested := filepath.Join(root, "test", "nested")
	require.NoError(t, os.MkdirAll(nested, 0o755))
	write(t, filepath.Join(root, "go.mod"), "module "+mainModule+"\n")
	write(t, filepath.Join(nested, "go.mod"), "module "+mainModule+"/test/nested\n")

	got, err := checkoutAbove(nested)
	require.NoError(t, err)
	assert.Equal(t, root, got)

	_, err = checkoutAbove(filepath.Dir(root))
	require.ErrorContains(t, err, "KUBEBUILDER_ASSETS", "the way out is not named")
}

func TestFolderChangesWithEverythingThatChangesTheBinaries(t *testing.T) {
	t.Parallel()
	base := func() recipe {
		return recipe{name: "kubernetes", version: "v1.2.3", sum: []byte("sum"), programs: []program{{name: "a", pkg: "b", ldflags: "c"}}}
	}
	same := base().folder()
	assert.Regexp(t, `^kubernetes-v1\.2\.3-[0-9a-f]{8}$`, same)
	assert.Equal(t, same, base().folder(), "it changes with nothing, too")
	for name, change := range map[string]func(*recipe){
		"sum":     func(r *recipe) { r.sum = []byte("other") },
		"flags":   func(r *recipe) { r.programs[0].ldflags = "d" },
		"package": func(r *recipe) { r.programs[0].pkg = "d" },
		"tags":    func(r *recipe) { r.programs[0].tags = "d" },
		"project": func(r *recipe) { r.name = "d" },
	} {
		changed := base()
		change(&changed)
		assert.NotEqual(t, same, changed.folder(), name)
	}
}

func TestWhatANodeRunsIsBuiltForThoseAloneWhoAsk(t *testing.T) {
	t.Parallel()
	r, err := kubernetesRecipe("kubernetes")
	require.NoError(t, err)

	node := r.withNode()

	assert.Len(t, r.programs, 3)
	assert.Equal(t, r.programs, node.programs[:3])
	assert.Len(t, node.programs, 7)
	assert.Equal(t, node.programs[:5], r.withControllers().programs)
	runtime, err := containerdRecipe("containerd")
	require.NoError(t, err)
	assert.Regexp(t, `^containerd-v2\.[0-9]+\.[0-9]+-[0-9a-f]{8}$`, runtime.folder())
	fake, err := kwokRecipe("kwok")
	require.NoError(t, err)
	assert.Regexp(t, `^kwok-v0\.[0-9]+\.[0-9]+-[0-9a-f]{8}$`, fake.folder())
}

func TestOwnBinariesMustBeComplete(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(assetsVariable, dir)
	for _, name := range []string{apiServerBinary, etcdBinary} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o755))
	}

	_, err := Binaries(t.Context(), nil)
	require.ErrorContains(t, err, "KUBEBUILDER_ASSETS="+dir+": kubectl is missing")

	write(t, filepath.Join(dir, kubectlBinary), "")
	_, err = Binaries(t.Context(), nil)
	require.ErrorContains(t, err, "kubectl is not an executable file")

	require.NoError(t, os.Chmod(filepath.Join(dir, kubectlBinary), 0o755))
	got, err := Binaries(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, dir, got)
}

func TestBinariesAreBuiltOnceHoweverManyAsk(t *testing.T) {
	t.Setenv("GOFLAGS", "-mod=mod -ldflags=-nonsense") // what a user may have set
	r := smallRecipe(t, "package main\nvar v string\nfunc main() { println(v) }\n")
	dir := filepath.Join(t.TempDir(), r.folder())
	var progress safeBuilder
	var askers sync.WaitGroup
	for range 3 {
		askers.Go(func() { assert.NoError(t, r.build(t.Context(), dir, &progress)) })
	}
	askers.Wait()

	assert.Equal(t, 1, strings.Count(progress.String(), "built hello v0.0.1"), "progress was:\n%s", progress.String())
	assert.ElementsMatch(t, []string{".lock", "hello"}, names(t, dir))
}

func TestBuildThatFailsSaysWhyAndLeavesNoBinary(t *testing.T) {
	t.Parallel()
	r := smallRecipe(t, "package main\nfunc main() { undefinedName() }\n")
	dir := t.TempDir()

	err := r.build(t.Context(), dir, new(safeBuilder))

	require.ErrorContains(t, err, "undefinedName")
	require.ErrorContains(t, err, filepath.Join(dir, "hello.build.log"))
	assert.ElementsMatch(t, []string{".lock", "hello.build.log"}, names(t, dir))
}

func TestBuildIsCutShortByItsContext(t *testing.T) {
	t.Parallel()
	r := smallRecipe(t, "package main\nfunc main() {}\n")
	dir := t.TempDir()
	unlock, err := lock(t.Context(), filepath.Join(dir, ".lock"), new(safeBuilder))
	require.NoError(t, err)
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var progress safeBuilder

	err = r.build(ctx, dir, &progress)

	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Contains(t, progress.String(), "waiting for another process")
}

func TestCompilerIsStoppedWithItsContext(t *testing.T) {
	r := smallRecipe(t, "package main\nfunc main() {}\n")
	dir, path := t.TempDir(), t.TempDir()
	pidFile := filepath.Join(path, "pid")
	script := "#!/bin/sh\necho $$ > " + pidFile + "\necho half a binary > " + dir + "/.hello.unfinished\nexec sleep 60\n"
	require.NoError(t, os.WriteFile(filepath.Join(path, "go"), []byte(script), 0o755))
	t.Setenv("PATH", path+":"+os.Getenv("PATH"))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		await(t, pidFile)
	}()

	err := r.build(ctx, dir, new(safeBuilder))

	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "build hello")
	assert.False(t, process.Alive(pidIn(t, pidFile)))
	assert.NoFileExists(t, filepath.Join(dir, "hello"))
	assert.NoFileExists(t, filepath.Join(dir, ".hello.unfinished"))
}

// smallRecipe builds one program named hello of one source file.
func smallRecipe(t *testing.T, source string) recipe {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module example.com/hello\n\ngo 1.26.0\n")
	write(t, filepath.Join(dir, "main.go"), source)
	return recipe{name: "hello", module: dir, version: "v0.0.1", programs: []program{
		{name: "hello", pkg: "example.com/hello", version: "v0.0.1", ldflags: "-X main.v=1", cost: "a second"},
	}}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// safeBuilder is a strings.Builder for several writers.
type safeBuilder struct {
	mu   sync.Mutex
	text strings.Builder // under mu
}

func (b *safeBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuilder) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
