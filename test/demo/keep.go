package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// keep leaves everything up until ctx ends, for other terminals that read the file
// env.
func (d *demo) keep(ctx context.Context, env string) (err error) {
	helm, err := cluster.Helm(ctx, progress{d})
	if err != nil {
		return err
	}
	d.print("")
	d.say("building kubectl-tcr")
	if err := d.publish(ctx, helm); err != nil {
		return err
	}
	d.say("installing the chart with Helm")
	if err := d.release(ctx, helm); err != nil {
		return err
	}
	if err := d.reportReplicas(ctx); err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	var node sync.WaitGroup
	defer node.Wait()
	defer end()
	node.Go(func() {
		if err := d.mount(ctx); err != nil {
			d.say("%s", err)
		}
	})
	env, err = d.claim(env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(env)) }()
	d.invite(env)
	<-ctx.Done()
	d.print("")
	d.say("stopping")
	return nil
}

// invite says what can be done from another terminal.
func (d *demo) invite(env string) {
	d.title("Everything stays up until Ctrl-C; from another terminal, in this folder")
	d.print(". %s", env)
	d.print("kubectl -n %s get pods,secrets", namespace)
	d.print("kubectl -n %s run mine --image=%s", namespace, image)
	d.print("demo pull -n %s mine", namespace)
	d.print("kubectl tcr status")
	d.print("")
	d.print("in a browser:       %s", d.stack.Server.URL("/status"))
	d.print("log of tcr-webhook: %s", d.stack.Server.LogFile)
	d.print("Helm's release:     tcr-webhook in namespace %s, from %s", stack.Namespace, filepath.Join("deploy", "chart", "tcr-webhook"))
}
