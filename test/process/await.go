package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// startLimit is when a process that runs but is not ready counts as stuck. An
// API server takes about four seconds, and ten times that on a busy machine.
const startLimit = time.Minute

// Await returns when ready returns nil. If the process ends first, or is not
// ready in time, or ctx ends, it stops the process and returns the reason.
func (p *Process) Await(ctx context.Context, ready func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	go func() {
		// Whoever took our port may accept a connection and say nothing.
		select {
		case <-p.Done:
			cancel()
		case <-limited.Done():
		}
	}()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		notReady := ready(limited)
		if notReady == nil {
			return nil
		}
		select {
		case <-poll.C:
		case <-limited.Done():
			return p.giveUp(ctx, notReady)
		}
	}
}

// giveUp stops a process that did not become ready and says why it did not.
func (p *Process) giveUp(ctx context.Context, notReady error) error {
	if p.Ended() {
		return p.ExitError()
	}
	err := fmt.Errorf("start %s: %w", p.Name, context.Cause(ctx))
	if ctx.Err() == nil {
		err = p.withLog(fmt.Errorf("start %s: not ready within %s: %w", p.Name, startLimit, notReady))
	}
	return errors.Join(err, p.Stop())
}

// Get is nil if url answers 200: the usual question to ask in Await.
func Get(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", req.URL.Path, resp.Status)
	}
	return nil
}
