package cluster

import (
	"context"
	"errors"
	"os"

	"github.com/tcr-webhook/tcr-webhook/test/process"
)

// The API server is the last of procs, after etcd, while it runs.
const withAPIServer = 2

// StopAPIServer ends the API server and leaves etcd with all that is stored. It
// is asked to end, and killed if its clients keep it for longer than a few
// seconds: theirs are connections that it would wait a minute for. None of the methods of this file may be called while another of them, or
// Stop, is under way.
func (c *Cluster) StopAPIServer() error {
	p, err := c.apiServer()
	if err != nil {
		return err
	}
	c.procs = c.procs[:withAPIServer-1]
	if err := p.Stop(); err != nil && !errors.Is(err, process.ErrKilled) {
		return err
	}
	return nil
}

// KillAPIServer ends it as a crash does.
func (c *Cluster) KillAPIServer() error {
	p, err := c.apiServer()
	if err != nil {
		return err
	}
	c.procs = c.procs[:withAPIServer-1]
	p.Kill()
	return nil
}

// StartAPIServer starts the API server again, where it was and with what was
// stored, and returns when it is ready.
func (c *Cluster) StartAPIServer(ctx context.Context) error {
	if len(c.procs) == withAPIServer {
		return errors.New("start the API server: it runs")
	}
	p, err := c.api.start(ctx, c.store, []int{c.port})
	if err == nil {
		c.procs = append(c.procs, p)
	}
	return err
}

// PauseAPIServer has the API server stand still: connections stay open and
// nothing answers, until ResumeAPIServer.
func (c *Cluster) PauseAPIServer() error {
	p, err := c.apiServer()
	if err == nil {
		p.Pause()
	}
	return err
}

// ResumeAPIServer ends PauseAPIServer.
func (c *Cluster) ResumeAPIServer() error {
	p, err := c.apiServer()
	if err == nil {
		p.Resume()
	}
	return err
}

// PauseEtcd has etcd stand still, as one whose disk hangs: the API server runs,
// and can neither read what is not in its caches nor write.
func (c *Cluster) PauseEtcd() { c.procs[0].Pause() }

// ResumeEtcd ends PauseEtcd.
func (c *Cluster) ResumeEtcd() { c.procs[0].Resume() }

func (c *Cluster) apiServer() (*process.Process, error) {
	if len(c.procs) < withAPIServer {
		return nil, errors.New("the API server does not run")
	}
	return c.procs[withAPIServer-1], nil
}

// AuditLog is what the API server has written down, with Options.Audit: a line
// of JSON each.
func (c *Cluster) AuditLog() (string, error) {
	text, err := os.ReadFile(c.api.auditLog())
	return string(text), err
}
