package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
)

const (
	replicas = 3
	// pullSecret is the name of every pull Secret.
	pullSecret = "tcr-pull"
	// marker is planted in what a broken API answers.
	marker = "marker-71c0de"

	vpc      = "vpc-storm1"
	linkIP   = "10.0.0.2"
	provider = "cls-abcd1234"
	podsRole = "tcr-webhook"
)

// served is an instance of the storm, and which namespaces it serves.
type served struct {
	id, name string
	private  bool     // its images always move
	auto     bool     // its route is observed
	sts      bool     // its tokens are asked for by a role
	every    bool     // its logins are delivered before the first pod
	drops    bool     // may be out of the configuration
	classes  []string // of namespaces; none are all
}

// instances are those of every storm: a namespace has five of them.
func instances() []served {
	return []served{
		{id: stack.InstanceID, name: stack.InstanceName, private: true},
		{id: "tcr-stormway1", name: "ways", auto: true},
		{id: "tcr-stormway2", name: "other-ways", auto: true, classes: []string{"a", "b"}},
		{id: "tcr-stormrole", name: "roles", sts: true},
		{id: "tcr-stormdrop", name: "drops", drops: true, classes: []string{"a", "c"}},
		{id: "tcr-stormmore1", name: "more-b", classes: []string{"b"}},
		{id: "tcr-stormmore2", name: "more-c", classes: []string{"c"}, every: true},
	}
}

func (s served) host() string  { return s.name + ".tencentcloudcr.com" }
func (s served) moved() string { return s.name + "-vpc.tencentcloudcr.com" }

// serves tells whether namespaces of a class get its login.
func (s served) serves(class string) bool {
	return len(s.classes) == 0 || strings.Contains(strings.Join(s.classes, " "), class)
}

// config is the configuration, without the instance left out.
func config(leftOut string) string {
	var text strings.Builder
	text.WriteString(`apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud: {region: ap-guangzhou, vpc: ` + vpc + `, identity: SecretKey, endpoint: ENDPOINT, stsEndpoint: STSURL}
privateNetwork: {observeEvery: 1s}
registries:
`)
	for _, s := range instances() {
		if s.id == leftOut {
			continue
		}
		route, identity, delivery := "Public", "SecretKey", "OnDemand"
		switch {
		case s.private:
			route = "Private"
		case s.auto:
			route = "Auto"
		}
		if s.sts {
			identity = "PodIdentity"
		}
		if s.every {
			delivery = "EveryNamespace"
		}
		globs := `"*"`
		for i, c := range s.classes {
			if i == 0 {
				globs = ""
			} else {
				globs += ", "
			}
			globs += `"` + c + `-*"`
		}
		fmt.Fprintf(&text, "- {instance: %s, route: %s, identity: %s, delivery: %s, namespaces: [%s]}\n", s.id, route, identity, delivery, globs)
	}
	return text.String()
}

// inCloud is an instance as the cloud has it, with a link and names that
// resolve to it.
func (s served) inCloud(link, private, public bool) tencent.Instance {
	i := tencent.Instance{ID: s.id, Name: s.name}
	if !s.auto {
		return i
	}
	if link {
		i.Links = []tencent.Link{{VPC: vpc, Subnet: "subnet-1", IP: linkIP}}
	}
	if private {
		i.DNS = append(i.DNS, tencent.DNSRecord{VPC: vpc, IP: linkIP})
	}
	if public {
		i.DNS = append(i.DNS, tencent.DNSRecord{VPC: vpc, IP: linkIP, Public: true})
	}
	return i
}

// bed is the running system and what is seen of it.
type bed struct {
	*stack.Stack

	clock  *clock
	life   time.Duration
	ledger *ledger.Ledger
	record *record
	crowd  *crowd
	// spared, if set, is a replica that nobody kills, freezes or restarts.
	spared *stack.Server
	dir    string
	group  *errgroup.Group // of what runs beside
	end    context.CancelFunc
}

func startBed(ctx context.Context, binary string, life time.Duration) (_ *bed, err error) {
	b := &bed{clock: newClock(), life: life, record: newRecord()}
	if b.dir, err = os.MkdirTemp(inMemory(), "tcr-webhook-storm-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(b.dir))
		}
	}()
	proof := filepath.Join(b.dir, "oidc-token")
	b.Stack, err = stack.Start(ctx, stack.Options{
		Dir: b.dir, Binary: binary, Replicas: replicas, Config: config(""), Now: b.clock.now,
		Env: []string{
			"TKE_REGION=ap-guangzhou", "TKE_PROVIDER_ID=" + provider, "TKE_WEB_IDENTITY_TOKEN_FILE=" + proof,
			"TKE_ROLE_ARN=qcs::cam::uin/100000000001:roleName/" + podsRole,
		},
		Prepare: func(c *tencent.Cloud) { err = prepare(c, life, proof) },
	})
	if err != nil {
		return nil, err
	}
	b.ledger = ledger.New(b.Client, pullSecret, nil)
	b.crowd = newCrowd(b)
	ctx, b.end = context.WithCancel(context.WithoutCancel(ctx))
	b.group, ctx = errgroup.WithContext(ctx)
	b.group.Go(func() error { return b.ledger.Start(ctx) })
	b.group.Go(func() error { return b.Supervise(ctx) })
	b.group.Go(func() error { return b.record.stalls(ctx) })
	<-b.ledger.Open()
	return b, nil
}

// prepare puts the instances into the cloud, and the role with the proof that a
// pod may take it.
func prepare(c *tencent.Cloud, life time.Duration, proof string) error {
	c.SetTokenLifetime(life)
	c.SetSessionLifetime(life / 2)
	for _, s := range instances() {
		c.AddInstance(s.inCloud(true, true, false))
	}
	c.AddRole(tencent.Role{Name: podsRole, Providers: []string{provider}})
	token, err := c.WebIdentity(24 * time.Hour)
	if err != nil {
		return err
	}
	return os.WriteFile(proof, []byte(token+"\n"), 0o600)
}

// inMemory is a folder in memory, where there is one: etcd waits for its disk
// with every write.
func inMemory() string {
	const folder = "/dev/shm"
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return "" // the usual one
	}
	return folder
}

// stop ends everything; what was written down stays until clean.
func (b *bed) stop() error {
	b.end()
	return errors.Join(b.group.Wait(), b.Stop())
}

func (b *bed) clean() error { return os.RemoveAll(b.dir) }
