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

// Credentials sign the calls of one identity.
type Credentials struct {
	SecretID  string
	SecretKey token.Secret
}

// Identity gives the credentials to sign a call with, anew for each call, so
// that they may change while we run.
type Identity interface {
	Credentials(context.Context) (Credentials, error)
}

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

// Check reports in one line what is wrong with the files, if anything is.
func (f Files) Check() error {
	_, err := f.load()
	return err
}

// Credentials implements Identity.
func (f Files) Credentials(context.Context) (Credentials, error) { return f.load() }

// load reads both files so that they belong together.
//
// The kubelet changes a mounted Secret by pointing the link "..data" of the
// folder to a new folder. Both files are read through one look at that link,
// so that an old id never meets a new key. If the old folder goes away in
// between, that is an error, and the next call succeeds. A folder without the
// link has no such moment of change: a mixed pair read from it is refused by
// the API, and likewise corrected by a later call.
func (f Files) load() (Credentials, error) {
	creds, err := f.read()
	if err != nil {
		return Credentials{}, fmt.Errorf("no credentials for Tencent Cloud: %w", err)
	}
	return creds, nil
}

func (f Files) read() (Credentials, error) {
	folder := string(f)
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
	return Credentials{SecretID: id, SecretKey: token.Secret(key)}, nil
}

// field reads one file of folder. Its errors name the file as the user knows
// it, and never what is in it.
func (f Files) field(folder, name string) (string, error) {
	path := filepath.Join(string(f), name)
	raw, err := os.ReadFile(filepath.Join(folder, name))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("file %s does not exist; mount a Secret with the keys %s and %s there", path, secretIDFile, secretKeyFile)
	case err != nil:
		return "", fmt.Errorf("file %s cannot be read (%w); let our user read it", path, reason(err))
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
