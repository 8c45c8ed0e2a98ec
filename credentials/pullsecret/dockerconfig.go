// Package pullsecret is the bytes of a pull Secret: registry logins in the
// form that the kubelet reads. It is pure, and the only place where a password
// takes the shape in which it leaves us.
package pullsecret

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// Login opens a registry under each of its hosts.
type Login struct {
	Hosts    []registry.Host
	Username string
	Password string
}

// String leaves the password out, so that a printed login opens nothing.
func (l Login) String() string { return fmt.Sprintf("login of %s at %v", l.Username, l.Hosts) }

// GoString is String, for %#v.
func (l Login) GoString() string { return l.String() }

type dockerConfig struct {
	Auths map[registry.Host]auth `json:"auths"`
}

type auth struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Auth     string `json:"auth"` // base64 of username:password
}

// ErrNoLogin is returned instead of an empty Secret: the kubelet prefers
// matching credentials over an anonymous pull, so an empty one only harms.
var ErrNoLogin = errors.New("no login to write")

// Encode is the value of ".dockerconfigjson" for logins. The same logins give
// the same bytes, whatever their order.
func Encode(logins []Login) ([]byte, error) {
	config := dockerConfig{Auths: map[registry.Host]auth{}}
	for _, l := range logins {
		for _, h := range l.Hosts {
			config.Auths[h] = auth{l.Username, l.Password, base64.StdEncoding.EncodeToString([]byte(l.Username + ":" + l.Password))}
		}
	}
	if len(config.Auths) == 0 {
		return nil, ErrNoLogin
	}
	return json.Marshal(config) // a map's keys are written in order
}

// Decode reads the logins of a Secret, one for each host. The error never
// quotes the data.
func Decode(data []byte) (map[registry.Host]Login, error) {
	var config dockerConfig
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, errors.New("not a docker config") // err may quote a password
	}
	logins := make(map[registry.Host]Login, len(config.Auths))
	for h, a := range config.Auths {
		if raw, err := base64.StdEncoding.DecodeString(a.Auth); err == nil && a.Username == "" {
			a.Username, a.Password, _ = strings.Cut(string(raw), ":") // all that docker login writes
		}
		logins[h] = Login{Hosts: []registry.Host{h}, Username: a.Username, Password: a.Password}
	}
	return logins, nil
}

// Digest identifies the bytes of a Secret without holding them.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Hosts lists the hosts that data holds logins for, in order; none if data is
// no docker config.
func Hosts(data []byte) []registry.Host {
	logins, err := Decode(data)
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(logins))
}
