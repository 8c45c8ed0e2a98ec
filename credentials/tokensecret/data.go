// Package tokensecret is the bytes of the Secret in our own namespace through
// which the replicas share their tokens, so that a restart, a new leader or one
// more replica asks the cloud for nothing while a token works.
//
// It is pure. Package credentials reads and writes the Secret itself.
package tokensecret

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/route"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// Content is what the Secret holds.
type Content struct {
	Tokens map[registry.Key]token.Token
	// DigestKey keys the digests of the pull Secrets. Who can read those, but
	// not this Secret, cannot make up a digest that fits. Nil until there is one.
	DigestKey []byte
	// Owed are the namespaces, in order, whose pods were admitted while there
	// was no token for their pull Secret: whoever comes after a crash still
	// owes it to them.
	Owed []string
	// Instances are what the configured instances are called.
	Instances map[registry.ID]registry.Described
	// Routes are how they are reached.
	Routes map[registry.ID]route.State
}

// DigestKeyLength is that of the hash it is used with, in bytes.
const DigestKeyLength = 32

// Keys of the data that are none of a token, which begins with an instance id.
const (
	digestKey    = "digest-key"
	owedKey      = "owed"
	instancesKey = "instances"
	routesKey    = "routes"
)

// MaxOwed bounds the namespaces that are written down, well within what a Secret
// may hold. One beyond it is remembered by the replica that was asked.
const MaxOwed = 4096

// stored is a token as the Secret has it.
type stored struct {
	Username  string    `json:"username"`
	Password  string    `json:"password"`
	IssuedAt  time.Time `json:"issuedAt"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// described is what an instance is called, as the Secret has it.
type described struct {
	Public  registry.Host   `json:"public"`
	Private registry.Host   `json:"private,omitempty"`
	Custom  []registry.Host `json:"custom,omitempty"`
	AskedAt time.Time       `json:"askedAt"`
}

// Encode is the Secret's data for c.
func (c Content) Encode() (map[string][]byte, error) {
	data := map[string][]byte{}
	if len(c.DigestKey) > 0 {
		data[digestKey] = []byte(base64.StdEncoding.EncodeToString(c.DigestKey))
	}
	if len(c.Owed) > 0 {
		data[owedKey] = []byte(strings.Join(c.Owed, "\n"))
	}
	if len(c.Instances) > 0 {
		raw, err := json.Marshal(written(c.Instances))
		if err != nil {
			return nil, fmt.Errorf("write instances: %w", err)
		}
		data[instancesKey] = raw
	}
	if len(c.Routes) > 0 {
		raw, err := json.Marshal(c.Routes)
		if err != nil {
			return nil, fmt.Errorf("write routes: %w", err)
		}
		data[routesKey] = raw
	}
	for key, tok := range c.Tokens {
		raw, err := json.Marshal(stored{tok.Username, tok.Password.Reveal(), tok.IssuedAt.UTC(), tok.ExpiresAt.UTC()})
		if err != nil {
			return nil, fmt.Errorf("write token of %s: %w", key, err)
		}
		data[nameOf(key)] = raw
	}
	return data, nil
}

// Decode reads the data of the Secret. What cannot be read is left out and
// named in damaged, without its content: it is written anew when a token comes.
func Decode(data map[string][]byte) (c Content, damaged []string) {
	c.Tokens = map[registry.Key]token.Token{}
	for name, raw := range data {
		switch name {
		case owedKey:
			owed := strings.Split(string(raw), "\n")
			if slices.ContainsFunc(owed, isNoNamespace) || len(owed) > MaxOwed {
				damaged = append(damaged, name)
				continue
			}
			c.Owed = owed
			continue
		case instancesKey:
			var ok bool
			if c.Instances, ok = instances(raw); !ok {
				damaged = append(damaged, name)
			}
			continue
		case routesKey:
			var ok bool
			if c.Routes, ok = routes(raw); !ok {
				damaged = append(damaged, name)
			}
			continue
		case digestKey:
			key, err := base64.StdEncoding.DecodeString(string(raw))
			if err != nil || len(key) != DigestKeyLength {
				damaged = append(damaged, name)
				continue
			}
			c.DigestKey = key
			continue
		}
		key, named := keyOf(name)
		tok, ok := read(raw)
		if !named || !ok {
			damaged = append(damaged, name)
			continue
		}
		c.Tokens[key] = tok
	}
	return c, damaged
}

func written(instances map[registry.ID]registry.Described) map[registry.ID]described {
	all := make(map[registry.ID]described, len(instances))
	for id, d := range instances {
		all[id] = described{d.Hosts.Public, d.Hosts.Private, d.Hosts.Custom, d.At.UTC()}
	}
	return all
}

// instances reads what written wrote. Names that are none would end in a pull
// Secret that no kubelet reads.
func instances(raw []byte) (map[registry.ID]registry.Described, bool) {
	var all map[registry.ID]described
	if json.Unmarshal(raw, &all) != nil || len(all) == 0 {
		return nil, false
	}
	read := make(map[registry.ID]registry.Described, len(all))
	for id, d := range all {
		hosts := registry.Hosts{Public: d.Public, Private: d.Private, Custom: d.Custom}
		for _, h := range append(hosts.All(), d.Public) {
			if _, err := registry.ParseHost(string(h)); err != nil {
				return nil, false
			}
		}
		read[id] = registry.Described{Hosts: hosts, At: d.AskedAt}
	}
	return read, true
}

// routes reads what Encode wrote. A route that is none could move images to
// where nothing is.
func routes(raw []byte) (map[registry.ID]route.State, bool) {
	var all map[registry.ID]route.State
	if json.Unmarshal(raw, &all) != nil || len(all) == 0 {
		return nil, false
	}
	for id, s := range all {
		if _, err := registry.ParseID(string(id)); err != nil || !s.Valid() {
			return nil, false
		}
	}
	return all, true
}

func isNoNamespace(name string) bool { return len(validation.IsDNS1123Label(name)) > 0 }

func read(raw []byte) (token.Token, bool) {
	var s stored
	if json.Unmarshal(raw, &s) != nil || s.Username == "" || s.Password == "" {
		return token.Token{}, false
	}
	return token.Token{Username: s.Username, Password: token.Secret(s.Password), IssuedAt: s.IssuedAt, ExpiresAt: s.ExpiresAt}, true
}

// nameOf is the key of a token in the data: neither an instance id nor the
// fingerprint of an identity has a dot.
func nameOf(key registry.Key) string {
	if key.Account == "" {
		return string(key.ID)
	}
	return string(key.ID) + "." + string(key.Account)
}

func keyOf(name string) (registry.Key, bool) {
	id, account, dotted := strings.Cut(name, ".")
	parsed, err := registry.ParseID(id)
	return registry.Key{ID: parsed, Account: registry.Account(account)}, err == nil && dotted == (account != "")
}

// Known is what a replica knows by itself.
type Known struct {
	Tokens    map[registry.Key]token.Token
	Owed      []string // in order
	Instances map[registry.ID]registry.Described
	Routes    map[registry.ID]route.State
}

// routesAge is how old a route may be here that was seen again since: each look
// that sees what the last one saw is not worth a write.
const routesAge = 10 * time.Minute

// Plausible is c without what cannot be: tokens that claim to live for years,
// and whatever is known only by a later time than now, give or take how far
// clocks differ. As the newest there is it would stay for good.
func (c Content) Plausible(now time.Time) Content {
	future := func(at time.Time) bool { return at.After(now.Add(token.FromAhead)) }
	c.Tokens, c.Instances, c.Routes = maps.Clone(c.Tokens), maps.Clone(c.Instances), maps.Clone(c.Routes)
	maps.DeleteFunc(c.Tokens, func(_ registry.Key, t token.Token) bool { return !t.Plausible(now) })
	maps.DeleteFunc(c.Instances, func(_ registry.ID, d registry.Described) bool { return future(d.At) })
	maps.DeleteFunc(c.Routes, func(_ registry.ID, s route.State) bool { return future(s.At) })
	return c
}

// Merge adds to c what k has newer or alone, drops the tokens that have expired
// at now, and owes what k owes. It reports whether that changed anything worth
// a write: an expired token alone waits for the next one.
func (c Content) Merge(k Known, now time.Time) (Content, bool) {
	owed := k.Owed[:min(len(k.Owed), MaxOwed)]
	merged := Content{DigestKey: c.DigestKey, Tokens: maps.Clone(c.Tokens), Owed: owed, Instances: maps.Clone(c.Instances), Routes: maps.Clone(c.Routes)}
	if merged.Tokens == nil {
		merged.Tokens = map[registry.Key]token.Token{}
	}
	maps.DeleteFunc(merged.Tokens, func(_ registry.Key, t token.Token) bool { return !now.Before(t.ExpiresAt) })
	news := !slices.Equal(owed, c.Owed)
	for id, d := range k.Instances {
		if old, ok := merged.Instances[id]; !ok || d.At.After(old.At) {
			if merged.Instances == nil {
				merged.Instances = map[registry.ID]registry.Described{}
			}
			merged.Instances[id], news = d, true
		}
	}
	for id, s := range k.Routes {
		old, ok := merged.Routes[id]
		if ok && !s.At.After(old.At) {
			continue
		}
		if merged.Routes == nil {
			merged.Routes = map[registry.ID]route.State{}
		}
		merged.Routes[id] = s
		news = news || !ok || !s.SameAs(old) || s.At.Sub(old.At) >= routesAge
	}
	for key, tok := range k.Tokens {
		if old, ok := merged.Tokens[key]; !ok || tok.IssuedAt.After(old.IssuedAt) {
			merged.Tokens[key], news = tok, true
		}
	}
	return merged, news
}
