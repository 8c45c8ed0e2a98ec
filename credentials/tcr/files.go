package tcr

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// Files is an identity whose SecretId and SecretKey are the files secretId
// and secretKey of a folder, usually a mounted Secret. They are read for
// each call, which is twice an hour and instance.
type Files string

const (
	secretIDFile  = "secretId"
	secretKeyFile = "secretKey"

	// maxCredential is far above any of Tencent's: a SecretId has 36
	// characters and a SecretKey 32; temporary ones have a few hundred.
	maxCredential = 4096
)

// Credentials implements Identity.
func (f Files) Credentials(context.Context) (Credentials, error) { return f.load() }

// Refused implements Identity: there is nothing to forget.
func (Files) Refused(Credentials) {}

// String says who calls, in words: never by the SecretId, which is in the
// files as well.
func (f Files) String() string { return "SecretKey in " + string(f) }

// check reports in one line what is wrong with the files, if anything is.
func (f Files) check() error {
	_, err := f.load()
	return err
}

func (Files) retry() {}

// exist tells whether either file is there, whatever is in it.
func (f Files) exist() bool {
	for _, name := range []string{secretIDFile, secretKeyFile} {
		if _, err := os.Stat(filepath.Join(string(f), name)); !errors.Is(err, os.ErrNotExist) {
			return true
		}
	}
	return false
}

// load reads both files so that they belong together.
//
// The kubelet changes a mounted Secret by pointing the link "..data" of the
// folder to a new folder. Both files are read through one look at that link,
// so that an old id never meets a new key. If the old folder goes away in
// between, that is an error, and the next call succeeds. Where the folder is
// one of several in a mount, it is itself reached by that link. A folder
// without one has no such moment of change: a mixed pair read from it is
// refused by the API, and likewise corrected by a later call.
func (f Files) load() (Credentials, error) {
	creds, err := f.read()
	if err != nil {
		return Credentials{}, fmt.Errorf("no credentials for Tencent Cloud: %w", err)
	}
	return creds, nil
}

func (f Files) read() (Credentials, error) {
	folder, err := filepath.EvalSymlinks(string(f))
	if err != nil {
		return Credentials{}, unreadable(filepath.Join(string(f), secretIDFile), err)
	}
	if version, err := os.Readlink(filepath.Join(folder, "..data")); err == nil {
		folder = filepath.Join(folder, version) // beside the link, always
	}
	id, err := f.field(folder, secretIDFile)
	if err != nil {
		return Credentials{}, err
	}
	key, err := f.field(folder, secretKeyFile)
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{SecretID: token.Secret(id), SecretKey: token.Secret(key)}, nil
}

// field reads one file of folder. Its errors name the file as the user knows
// it, and never what is in it.
func (f Files) field(folder, name string) (string, error) {
	path := filepath.Join(string(f), name)
	raw, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return "", unreadable(path, err)
	}
	value := strings.TrimSpace(string(raw))
	switch {
	case value == "":
		return "", fmt.Errorf("file %s is empty; put the %s of the CAM user there", path, name)
	case len(value) > maxCredential || strings.ContainsFunc(value, unprintable):
		return "", fmt.Errorf("file %s holds more than a %s; put that alone there, in plain text", path, name)
	}
	return value, nil
}

func unreadable(path string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("file %s does not exist; mount a Secret with the keys %s and %s there", path, secretIDFile, secretKeyFile)
	}
	return fmt.Errorf("file %s cannot be read (%w); let our user read it", path, reason(err))
}

// reason is err without the path, which is not the one that the user knows.
func reason(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// unprintable tells what no credential contains, and no HTTP header may.
func unprintable(r rune) bool { return r <= ' ' || r > '~' }
