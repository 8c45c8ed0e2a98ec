package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/config"
	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/credentials"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// insight is what the parts let slip and status needs: the configuration as it
// came, errors of questions for hosts, and when tokens were issued. It holds no
// token. The zero value is ready.
type insight struct {
	mu     sync.Mutex // guards what is below
	config status.Config
	hosts  map[registry.ID]error
	tokens map[registry.Key]token.Token // without password
}

// configured notes what came of a configuration; c is nil for one that cannot
// be read.
func (i *insight) configured(c *config.Config, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.config.Error = ""
	if err != nil {
		i.config.Error = err.Error()
		return
	}
	i.config.Digest = digestOf(c)
}

// digestOf tells configurations apart. It has no secret in it to give away.
func digestOf(c *config.Config) string {
	text, err := yaml.Marshal(c)
	if err != nil {
		return "" // it was read from such
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// issued notes a new token of key.
func (i *insight) issued(key registry.Key, tok token.Token) {
	tok.Password = ""
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.tokens == nil {
		i.tokens = map[registry.Key]token.Token{}
	}
	i.tokens[key] = tok
}

// newest is the newest token of key there was, without its password; the zero
// value for none. It stays when it has expired.
func (i *insight) newest(key registry.Key) token.Token {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.tokens[key]
}

func (i *insight) configuration() status.Config {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.config
}

// hostError is why the hosts of id are not known, as far as was asked.
func (i *insight) hostError(id registry.ID) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hosts[id]
}

// describer is the cloud, and notes what comes of questions for hosts.
type describer struct {
	credentials.Describer
	insight *insight
}

// Hosts implements credentials.Describer.
func (d describer) Hosts(ctx context.Context, id registry.ID) (registry.Hosts, error) {
	hosts, err := d.Describer.Hosts(ctx, id)
	d.insight.mu.Lock()
	defer d.insight.mu.Unlock()
	if d.insight.hosts == nil {
		d.insight.hosts = map[registry.ID]error{}
	}
	d.insight.hosts[id] = err
	return hosts, err
}
