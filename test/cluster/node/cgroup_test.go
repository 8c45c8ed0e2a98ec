//go:build linux

package node

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseMounts(t *testing.T) {
	t.Parallel()
	const one = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
	tests := map[string]struct {
		table string
		want  cgroups
	}{
		"version 1 alone": {one, cgroups{mounts: []string{"/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/memory"}}},
		"version 2 alone": {"cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n", cgroups{mounts: []string{"/sys/fs/cgroup"}, unified: true}},
		"version 2 beside version 1": {
			one + "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n",
			cgroups{mounts: []string{"/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/memory"}, empty: []string{"/sys/fs/cgroup/unified"}},
		},
		"of a chroot's": {"cgroup2 /chroot/sys/fs/cgroup cgroup2 rw 0 0\n", cgroups{}},
		"none":          {"proc /proc proc rw 0 0\n\n", cgroups{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, parseMounts(tt.table))
		})
	}
}

func TestAMachineWithoutAControllerIsTold(t *testing.T) {
	t.Parallel()
	require.NoError(t, complete([]string{"io", "cpu", "cpuset", "memory", "pids"}))
	require.ErrorContains(t, complete([]string{"cpu", "cpuset", "pids"}), "memory is not mounted below /sys/fs/cgroup")
}

func TestACgroupOfVersion1HasTheProcessorsOfItsParent(t *testing.T) {
	t.Parallel()
	groups := cgroups{mounts: []string{filepath.Join(t.TempDir(), "cpuset"), filepath.Join(t.TempDir(), "memory")}}
	for _, mount := range groups.mounts {
		require.NoError(t, os.Mkdir(mount, 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(groups.mounts[0], "cpuset.cpus"), []byte("0-1\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(groups.mounts[0], "cpuset.mems"), []byte("0\n"), 0o600))

	require.NoError(t, groups.add("ours"))

	cpus, err := os.ReadFile(filepath.Join(groups.mounts[0], "ours", "cpuset.cpus"))
	require.NoError(t, err)
	assert.Equal(t, "0-1", string(cpus))
	assert.DirExists(t, filepath.Join(groups.mounts[1], "ours"))
	require.Error(t, groups.add("ours"), "another's is taken for ours")
}

func TestControllersAreGivenToTheChildren(t *testing.T) {
	t.Parallel()
	mount := t.TempDir()
	require.NoError(t, cgroups{mounts: []string{mount}, unified: true}.add("ours"))
	for _, dir := range []string{mount, filepath.Join(mount, "ours")} {
		last, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
		require.NoError(t, err)
		assert.Equal(t, "+io", string(last), "the kernel takes one after the other")
	}
}

func TestCgroupsAreRemovedFromBelow(t *testing.T) {
	t.Parallel()
	one, two := t.TempDir(), t.TempDir()
	groups := cgroups{mounts: []string{one}, empty: []string{two}}
	require.NoError(t, os.MkdirAll(filepath.Join(one, "ours", "kubepods", "pod-1"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(two, "ours", "kubepods"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(one, "theirs"), 0o755))

	require.NoError(t, groups.remove("ours"))

	assert.NoDirExists(t, filepath.Join(one, "ours"))
	assert.NoDirExists(t, filepath.Join(two, "ours"))
	assert.DirExists(t, filepath.Join(one, "theirs"))
	require.NoError(t, groups.remove("ours"), "there are none, which is no error")
}

func TestWhatIsMissingIsNamedByPackage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "runc"), nil, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ip"), nil, 0o600))
	assert.Equal(t, []string{"iproute2", "plugins"}, missing([]need{
		{"runc", []string{"/nowhere", dir}, "runc"},
		{"ip", []string{dir}, "iproute2"}, // not executable
		{"bridge", []string{dir}, "plugins"},
		{"portmap", []string{dir}, "plugins"},
	}))
}
