package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/reviews"
	"github.com/tcr-webhook/tcr-webhook/test/load/openloop"
	endpoints "github.com/tcr-webhook/tcr-webhook/test/stack/service"
)

const (
	// behindOne is how many replicas a Service has.
	behindOne = 3
	// drains is how long a replica serves after it was told to end, and leaves
	// how long the Service still sends it connections.
	drains, leaves = 1500 * time.Millisecond, 500 * time.Millisecond
	// restartCallers call all the time, no more than connections are kept.
	restartCallers = 16
)

// restarted is what became of calls while replicas were restarted.
type restarted struct {
	restarts    int
	calls       int
	connections int64
	losses
}

// measureRestarts restarts replicas of ours one after the other, under callers
// that do not pause, until there were as many calls and restarts as asked for.
func measureRestarts(ctx context.Context, o options) (r *restarted, err error) {
	d := &fleet{r: &restarted{}}
	defer func() { err = errors.Join(err, d.stop()) }()
	for range behindOne {
		if err := d.start(ctx); err != nil {
			return nil, err
		}
	}
	body, err := reviews.Usual("2k")
	if err != nil {
		return nil, err
	}
	caller, err := newCaller(d.replicas[0].greeting, body, true)
	if err != nil {
		return nil, err
	}
	defer caller.close()
	caller.through(d.service.Dial)
	return d.r, d.run(ctx, caller, o)
}

// fleet is replicas behind a Service.
type fleet struct {
	service  endpoints.Service
	replicas []*process
	leaving  errgroup.Group
	r        *restarted
}

func (d *fleet) run(ctx context.Context, caller *caller, o options) error {
	calling, end := context.WithCancel(ctx)
	defer end()
	var mu sync.Mutex // of what is counted
	var callers sync.WaitGroup
	for range restartCallers {
		callers.Go(func() {
			for calling.Err() == nil {
				err := caller.call(ctx)
				mu.Lock()
				d.r.calls++
				d.r.add(err)
				mu.Unlock()
			}
		})
	}
	enough := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return d.r.restarts >= o.restarts && d.r.calls >= o.calls
	}
	var err error
	for !enough() && err == nil {
		err = d.restart(ctx)
	}
	err = errors.Join(err, d.leaving.Wait()) // the last to leave does so under load, too
	end()
	callers.Wait()
	d.r.connections = d.service.Dials()
	return err
}

// start starts a replica, which joins the Service.
func (d *fleet) start(ctx context.Context) error {
	p, err := startProcess(ctx, contender.Ours, drains.String())
	if err != nil {
		return err
	}
	d.replicas = append(d.replicas, p)
	d.service.Add(p.Address)
	return nil
}

// restart has another replica in the place of the oldest.
func (d *fleet) restart(ctx context.Context) error {
	if err := d.start(ctx); err != nil {
		return err
	}
	old := d.replicas[0]
	d.replicas = d.replicas[1:]
	d.r.restarts++
	d.leaving.Go(func() error {
		ended := make(chan error, 1)
		go func() { ended <- old.stop() }()
		err := openloop.Pause(ctx, leaves)
		d.service.Remove(old.Address)
		return errors.Join(err, <-ended)
	})
	return openloop.Pause(ctx, leaves)
}

func (d *fleet) stop() error {
	var err error
	for _, p := range d.replicas {
		err = errors.Join(err, p.stop())
	}
	if err != nil {
		return fmt.Errorf("stop replicas: %w", err)
	}
	return nil
}
