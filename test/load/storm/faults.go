package main

import (
	"context"
	"errors"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/load/storm/schedule"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

const (
	issue  = "CreateInstanceToken"
	assume = "AssumeRoleWithWebIdentity"
	links  = "DescribeInternalEndpoints"
)

// hit is a fault in force: what it is about, and how it ends.
type hit struct {
	instance, namespace string
	end                 func(context.Context) error
}

// none is a fault that is over as soon as it has begun.
func none(context.Context) error { return nil }

// fault begins a fault.
type fault func(context.Context, *bed, schedule.Event) (hit, error)

// faults are how each kind is done.
func faults() map[schedule.Kind]fault {
	return map[schedule.Kind]fault{
		schedule.CloudHangs:     broken(issue, tencent.Fault{Hang: true}),
		schedule.CloudThrottles: broken(issue, tencent.Fault{Code: "RequestLimitExceeded", Message: marker}),
		schedule.CloudFails:     broken(issue, tencent.Fault{Status: 500, Body: marker}),
		schedule.CloudHTML:      broken(issue, tencent.Fault{Status: 502, Body: "<html>" + marker + "</html>"}),
		schedule.CloudMalformed: broken(issue, tencent.Fault{Body: `{"Response":{"Token":"` + marker, ContentType: "application/json"}),
		schedule.CloudDrops:     broken(issue, tencent.Fault{Drop: true}),
		schedule.STSDown:        broken(assume, tencent.Fault{Drop: true}),
		schedule.ObserveHangs:   broken(links, tencent.Fault{Hang: true}),
		schedule.RightDenied:    denied,
		schedule.ClockOff:       clockOff(func(b *bed) time.Duration { return b.life / 30 }),
		schedule.ClockAhead:     clockOff(func(*bed) time.Duration { return time.Minute }),
		schedule.ClockBehind:    clockOff(func(*bed) time.Duration { return -time.Minute }),
		schedule.ClockFar:       clockOff(func(*bed) time.Duration { return 10 * time.Minute }),
		schedule.LinkDown:       way(false, true, false),
		schedule.DNSGone:        way(true, false, false),
		schedule.DNSPublic:      way(true, true, true),
		schedule.ReplicaKilled:  killed(follower),
		schedule.LeaderKilled:   killed(leader),
		schedule.ReplicaFrozen:  frozen(follower),
		schedule.LeaderFrozen:   frozen(leader),
		schedule.Restarted:      restarted,
		schedule.APIRestarted:   apiRestarted,
		schedule.APIFrozen:      apiFrozen,
		schedule.EtcdFrozen:     etcdFrozen,
		schedule.BundleReplaced: bundleReplaced,
		schedule.CADeleted:      deleted("tcr-webhook-ca"),
		schedule.TokensDeleted:  deleted("tcr-webhook-tokens"),
		schedule.ConfigBroken:   configBroken,
		schedule.InstanceOut:    instanceOut,
		schedule.SecretDeleted:  secretDeleted,
		schedule.SecretTampered: secretTampered,
		schedule.SecretRetyped:  secretRetyped,
		schedule.SecretFixed:    secretFixed,
		schedule.SecretRelabel:  secretRelabelled,
		schedule.Foreign:        foreign,
		schedule.BriefNamespace: briefNamespace,
		schedule.OptedOut:       optedOut,
	}
}

// broken breaks an action of the cloud.
func broken(action string, f tencent.Fault) fault {
	return func(_ context.Context, b *bed, _ schedule.Event) (hit, error) {
		b.Cloud.SetFault(action, f)
		return hit{end: func(context.Context) error { b.Cloud.ClearFault(action); return nil }}, nil
	}
}

// denied takes away the right to ask for tokens of one instance; what was issued
// still pulls.
func denied(_ context.Context, b *bed, e schedule.Event) (hit, error) {
	var own []served
	for _, s := range instances() {
		if !s.sts && !s.drops {
			own = append(own, s)
		}
	}
	s := own[e.Target%len(own)]
	granted := b.Cloud.DefaultIdentity()
	cut := granted
	cut.Policy = &tencent.Policy{Version: "2.0", Statement: []tencent.Statement{
		{Effect: "allow", Action: []string{"*"}, Resource: []string{"*"}},
		{Effect: "deny", Action: []string{"tcr:" + issue}, Resource: []string{"qcs::tcr:::instance/" + s.id}},
	}}
	b.Cloud.AddIdentity(cut)
	return hit{instance: s.id, end: func(context.Context) error { b.Cloud.AddIdentity(granted); return nil }}, nil
}

// clockOff sets the cloud's clock off.
func clockOff(by func(*bed) time.Duration) fault {
	return func(_ context.Context, b *bed, e schedule.Event) (hit, error) {
		off := by(b)
		if e.Kind == schedule.ClockOff && e.Target%2 == 0 {
			off = -off
		}
		b.clock.set(off)
		return hit{end: func(context.Context) error { b.clock.set(0); return nil }}, nil
	}
}

// way has one of the observed instances reached in another way.
func way(link, private, public bool) fault {
	return func(_ context.Context, b *bed, e schedule.Event) (hit, error) {
		var observed []served
		for _, s := range instances() {
			if s.auto {
				observed = append(observed, s)
			}
		}
		s := observed[e.Target%len(observed)]
		works := link && private
		b.Cloud.AddInstance(s.inCloud(link, private, public))
		b.record.way(s.moved(), works)
		return hit{instance: s.id, end: func(context.Context) error {
			b.Cloud.AddInstance(s.inCloud(true, true, false))
			b.record.way(s.moved(), true)
			return nil
		}}, nil
	}
}

// chosen chooses a replica that runs.
type chosen func(context.Context, *bed, schedule.Event) *stack.Server

// leader is the one that leads, or any while none does, or it is spared.
func leader(ctx context.Context, b *bed, e schedule.Event) *stack.Server {
	if s, err := b.Leader(ctx); err == nil && s != b.spared {
		return s
	}
	return anyone(ctx, b, e)
}

// follower is one that does not lead.
func follower(ctx context.Context, b *bed, e schedule.Event) *stack.Server {
	leads, _ := b.Leader(ctx) // none is nobody's
	return b.anyBut(e, leads)
}

// anyone is any.
func anyone(_ context.Context, b *bed, e schedule.Event) *stack.Server { return b.anyBut(e, nil) }

// anyBut is one that runs and is neither spared nor this one, if there is another.
func (b *bed) anyBut(e schedule.Event, one *stack.Server) *stack.Server {
	var hittable, others []*stack.Server
	for _, s := range b.Servers {
		if s == b.spared {
			continue
		}
		hittable = append(hittable, s)
		if s != one && s.Running() {
			others = append(others, s)
		}
	}
	if len(others) > 0 {
		return others[e.Target%len(others)]
	}
	return hittable[e.Target%len(hittable)]
}

// killed kills a replica, which is started again a second later.
func killed(which chosen) fault {
	return func(ctx context.Context, b *bed, e schedule.Event) (hit, error) {
		which(ctx, b, e).Kill()
		return hit{end: none}, nil
	}
}

func frozen(which chosen) fault {
	return func(ctx context.Context, b *bed, e schedule.Event) (hit, error) {
		s := which(ctx, b, e)
		s.Pause()
		return hit{end: func(context.Context) error { s.Resume(); return nil }}, nil
	}
}

// restarted restarts a replica as a roll-out does: it drains first.
func restarted(ctx context.Context, b *bed, e schedule.Event) (hit, error) {
	s := anyone(ctx, b, e)
	if err := s.Stop(); err != nil {
		b.record.note("a replica that was asked to end: %v", err)
	}
	return hit{end: none}, s.Restart(ctx)
}

func apiRestarted(_ context.Context, b *bed, _ schedule.Event) (hit, error) {
	return hit{end: b.Cluster.StartAPIServer}, b.Cluster.StopAPIServer()
}

func apiFrozen(_ context.Context, b *bed, _ schedule.Event) (hit, error) {
	return hit{end: func(context.Context) error { return b.Cluster.ResumeAPIServer() }}, b.Cluster.PauseAPIServer()
}

func etcdFrozen(_ context.Context, b *bed, _ schedule.Event) (hit, error) {
	b.Cluster.PauseEtcd()
	return hit{end: func(context.Context) error { b.Cluster.ResumeEtcd(); return nil }}, nil
}

// configBroken writes a configuration that cannot be read.
func configBroken(_ context.Context, b *bed, e schedule.Event) (hit, error) {
	texts := []string{"registries: [", config("") + "unknown: key\n", "", config("") + "- {instance: not an instance}\n"}
	good := func(context.Context) error { return b.WriteConfig(config("")) }
	return hit{end: good}, b.WriteConfig(texts[e.Target%len(texts)])
}

// instanceOut takes an instance out of the configuration.
func instanceOut(_ context.Context, b *bed, _ schedule.Event) (hit, error) {
	for _, s := range instances() {
		if s.drops {
			back := func(context.Context) error { return b.WriteConfig(config("")) }
			return hit{instance: s.id, end: back}, b.WriteConfig(config(s.id))
		}
	}
	return hit{}, errors.New("no instance may be taken out")
}
