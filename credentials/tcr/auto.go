package tcr

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// auto is the first identity that is there: the files of a SecretKey, the
// environment of a pod identity, the role of the node. It looks for each call,
// so a SecretKey may be mounted later, and one that is there but wrong is an
// error: nobody is to run with other rights than were meant.
type auto struct {
	files    Files
	pod      *session
	podThere bool
	nodeRole *session
	logged   atomic.Pointer[string] // the choice that was logged last
}

// choice is who calls, and why no other does.
type choice struct {
	node
	others string
}

func (a *auto) choose() choice {
	noFiles := fmt.Sprintf("SecretKey: %s has neither %s nor %s", string(a.files), secretIDFile, secretKeyFile)
	const noPod = "PodIdentity: the environment has no " + envRole
	switch {
	case a.files.exist():
		return choice{a.files, "the first of SecretKey, PodIdentity and NodeRole"}
	case a.podThere:
		return choice{a.pod, noFiles}
	default:
		return choice{a.nodeRole, noFiles + "; " + noPod}
	}
}

// String implements node: "NodeRole as role x, chosen by Auto (SecretKey: …)".
func (a *auto) String() string {
	c := a.choose()
	return fmt.Sprintf("%s, chosen by Auto (%s)", c.node, c.others)
}

func (a *auto) check() error { return a.choose().check() }

// Credentials implements Identity.
func (a *auto) Credentials(ctx context.Context) (Credentials, error) {
	c := a.choose()
	creds, err := c.Credentials(ctx)
	var absent absentError
	if errors.As(err, &absent) {
		return Credentials{}, fmt.Errorf("no identity for Tencent Cloud: %s; NodeRole: %w", c.others, absent)
	}
	if err == nil {
		a.log(ctx, c)
	}
	return creds, err
}

// log tells of a choice once.
func (a *auto) log(ctx context.Context, c choice) {
	name := c.String()
	if last := a.logged.Swap(&name); last == nil || *last != name {
		logf.FromContext(ctx).Info("Identity chosen", "identity", name, "because", c.others)
	}
}

// Refused implements Identity.
func (a *auto) Refused(creds Credentials) {
	if creds.SessionToken == token.Secret("") {
		return
	}
	a.pod.Refused(creds)
	a.nodeRole.Refused(creds)
}

func (a *auto) retry() {
	a.pod.retry()
	a.nodeRole.retry()
}
