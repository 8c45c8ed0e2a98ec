package addon

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// Where the add-on keeps its things, and how its Secrets are called
// (cloud.tencent.com/document/product/457/49225).
const (
	Namespace    = "tcr-assistant-system"
	Controller   = "tcr-assistant-controller-manager" // a Deployment
	HostsUpdater = "hosts-updater"                    // a DaemonSet
	SecretPrefix = "tcr.ips"                          // and the name of an ImagePullSecret
)

// Found is what there is of the add-on in a cluster, and of what replaces it.
type Found struct {
	// Running tells whether its controller is there.
	Running bool `json:"running"`
	// Nodes is how many its hosts-updater edits hosts files on.
	Nodes int `json:"nodes"`
	// Logins are its ImagePullSecrets.
	Logins []Login `json:"logins"`
	// Secrets are those that it made.
	Secrets []Object `json:"secrets"`
	// Accounts are the ServiceAccounts that name one of its Secrets.
	Accounts []Reference `json:"serviceAccounts"`
	// Workloads are those whose manifests name one, which nobody but their
	// authors can change.
	Workloads []Reference `json:"workloads"`
	// Older are those with pods that name one, and not our own: they were
	// created before.
	Older []Reference `json:"older"`
	// Own is the namespace of our installation, which gets no login.
	Own string `json:"-"`
	// Namespaces are all of the cluster.
	Namespaces []registry.Namespace `json:"-"`
	// Registries are those of our configuration in force; nil without one.
	Registries *registry.Directory `json:"-"`
	// Delivered are the namespaces that have our pull Secret.
	Delivered map[string]bool `json:"-"`
}

// Any tells whether there is anything of the add-on.
func (f *Found) Any() bool {
	return f.Running || f.Nodes > 0 || len(f.Logins)+len(f.Secrets)+len(f.Accounts)+len(f.Workloads)+len(f.Older) > 0
}

// Object is one object of a namespace.
type Object struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"-"`
}

// Reference is an object that names Secrets of the add-on.
type Reference struct {
	Kind string `json:"kind"`
	Object
	Secrets []string `json:"secrets"`
}

// String is the object as kubectl names it.
func (r Reference) String() string {
	return r.Namespace + "/" + strings.ToLower(r.Kind) + "/" + r.Name
}

// Login is what one ImagePullSecret gives out.
type Login struct {
	Name     string `json:"name"`
	Server   string `json:"server"`
	Username string `json:"username"`
	// Ends is when its token does; zero if it does not say.
	Ends time.Time `json:"ends,omitzero"`
}

// Instance is the instance that the add-on's own installation has named the
// login after; empty where somebody chose the name.
func (l Login) Instance() registry.ID {
	name := strings.TrimSuffix(strings.TrimSuffix(l.Name, "-vpc"), "-public")
	id, err := registry.ParseID(name)
	if err != nil {
		return ""
	}
	return id
}

// Ends is when a token says that it ends; zero if it is none that does.
func Ends(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Exp int64 `json:"exp"` // in seconds, RFC 7519
	}
	if json.Unmarshal(text, &claims) != nil || claims.Exp <= 0 {
		return time.Time{}
	}
	return time.Unix(claims.Exp, 0).UTC()
}

// NamesOf are the Secrets of the add-on among names.
func NamesOf(names []string) (its []string) {
	for _, n := range names {
		if strings.HasPrefix(n, SecretPrefix) {
			its = append(its, n)
		}
	}
	return its
}
