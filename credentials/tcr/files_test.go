package tcr

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// folder is a folder with the given files; nil content means no such file.
func folder(t *testing.T, id, key *string) Files {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]*string{secretIDFile: id, secretKeyFile: key} {
		if content != nil {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(*content), 0o600))
		}
	}
	return Files(dir)
}

func TestFilesAreReadAndTrimmed(t *testing.T) {
	t.Parallel()
	files := folder(t, str("  AKIDexample\n"), str("\tkey\r\n"))
	require.NoError(t, files.check())
	creds, err := files.Credentials(t.Context())
	require.NoError(t, err)
	assert.Equal(t, Credentials{SecretID: "AKIDexample", SecretKey: "key"}, creds)
}

func TestFilesSayInOneLineWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		id, key *string
		want    string
	}{
		"no files":            {nil, nil, "/secretId does not exist; mount a Secret with the keys secretId and secretKey there"},
		"no key":              {str("id"), nil, "/secretKey does not exist; mount a Secret"},
		"empty id":            {str(" \n"), str("key"), "/secretId is empty; put the secretId of the CAM user there"},
		"empty key":           {str("id"), str(""), "/secretKey is empty; put the secretKey of the CAM user there"},
		"two lines":           {str("id\n" + marker), str("key"), "/secretId holds more than a secretId"},
		"no text":             {str("id"), str("k\x00" + marker), "/secretKey holds more than a secretKey"},
		"a file of something": {str(strings.Repeat("x", 5000)), str("key"), "/secretId holds more than a secretId"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := folder(t, tc.id, tc.key).check()
			require.ErrorContains(t, err, "no credentials for Tencent Cloud: file ")
			assert.ErrorContains(t, err, tc.want)
			assert.NotContains(t, err.Error(), "\n")
			assert.NotContains(t, err.Error(), "MARKER")
		})
	}
}

func TestAFileThatCannotBeReadIsNamedAsTheUserKnowsIt(t *testing.T) {
	t.Parallel()
	dir := mounted(t, "one", "id", "key")
	require.NoError(t, os.Remove(filepath.Join(string(dir), "one", secretKeyFile)))
	require.NoError(t, os.Mkdir(filepath.Join(string(dir), "one", secretKeyFile), 0o700))
	err := dir.check()
	require.ErrorContains(t, err, filepath.Join(string(dir), secretKeyFile)+" cannot be read (is a directory)")
	assert.NotContains(t, err.Error(), "one")
}

// mounted is a folder as the kubelet makes it: the files are links through
// "..data" to the folder of a version.
func mounted(t *testing.T, version, id, key string) Files {
	t.Helper()
	dir := t.TempDir()
	publish(t, dir, version, id, key)
	for _, name := range []string{secretIDFile, secretKeyFile} {
		require.NoError(t, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
	}
	return Files(dir)
}

// publish makes a version the current one, as the kubelet does.
func publish(t *testing.T, dir, version, id, key string) {
	t.Helper()
	require.NoError(t, os.Mkdir(filepath.Join(dir, version), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, version, secretIDFile), []byte(id), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, version, secretKeyFile), []byte(key), 0o600))
	link := filepath.Join(dir, "..data_tmp")
	require.NoError(t, os.Symlink(version, link))
	require.NoError(t, os.Rename(link, filepath.Join(dir, "..data")))
}

func TestFilesOfAMountedSecretAreNeverMixed(t *testing.T) {
	t.Parallel()
	files := mounted(t, "v-first", "id-first", "key-first")
	stop, done := make(chan struct{}), make(chan struct{})
	var seen atomic.Int32
	go func() { defer close(done); readUntil(t, files, stop, &seen) }()

	last := "v-first"
	for i := 0; i < 200 || seen.Load() < 2; i++ { // on a busy machine the reader may get its turn late
		name := strings.Repeat("x", 1+i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/7)
		publish(t, string(files), "v-"+name, "id-"+name, "key-"+name)
		require.NoError(t, os.RemoveAll(filepath.Join(string(files), last)))
		last = "v-" + name
	}
	close(stop)
	<-done
}

// readUntil reads files until stop, checks that each id comes with its own
// key, and counts the ids it sees one after another.
func readUntil(t *testing.T, files Files, stop <-chan struct{}, seen *atomic.Int32) {
	t.Helper()
	last := ""
	for {
		select {
		case <-stop:
			return
		default:
		}
		creds, err := files.Credentials(t.Context())
		if err != nil { // the version went away between two reads
			assert.ErrorContains(t, err, "does not exist")
			continue
		}
		assert.Equal(t, strings.TrimPrefix(creds.SecretID.Reveal(), "id-"), strings.TrimPrefix(creds.SecretKey.Reveal(), "key-"))
		if id := creds.SecretID.Reveal(); id != last {
			last = id
			seen.Add(1)
		}
	}
}

// One mount may have the keys of several identities, each in a folder, which
// the kubelet makes a link through "..data" too.
func TestFilesOfAFolderInAMountAreNeverMixed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	nested := func(version string) {
		folder := filepath.Join(dir, version, "team-a")
		require.NoError(t, os.MkdirAll(folder, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, secretIDFile), []byte("id-"+version), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(folder, secretKeyFile), []byte("key-"+version), 0o600))
		require.NoError(t, os.Symlink(version, filepath.Join(dir, "..data_tmp")))
		require.NoError(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	nested("v0")
	require.NoError(t, os.Symlink(filepath.Join("..data", "team-a"), filepath.Join(dir, "team-a")))
	files := Files(filepath.Join(dir, "team-a"))
	stop, done := make(chan struct{}), make(chan struct{})
	var seen atomic.Int32
	go func() { defer close(done); readUntil(t, files, stop, &seen) }()
	last := "v0"
	for i := 1; i < 200 || seen.Load() < 2; i++ {
		version := "v" + strconv.Itoa(i)
		nested(version)
		require.NoError(t, os.RemoveAll(filepath.Join(dir, last)))
		last = version
	}
	close(stop)
	<-done
}
