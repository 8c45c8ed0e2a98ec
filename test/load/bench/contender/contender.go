package contender

import (
	"fmt"
	"net/http"
	"slices"
)

// The one instance there is, and the Secret with its login.
const (
	PublicHost  = "demo.tencentcloudcr.com"
	PrivateHost = "demo-vpc.tencentcloudcr.com"
	PullSecret  = "tcr-pull"
)

// Path is where every contender is served.
const Path = "/mutate/pods"

// The contenders' names.
const (
	Ours  = "ours"
	Typed = "typed"
	NoOp  = "no-op"
	Echo  = "echo"
)

// Contender is a webhook to be measured.
type Contender struct {
	Name string
	What string // in a few words
	// Mutates: it does the whole job. The others only answer.
	Mutates bool
	// New makes the handler.
	New func() (http.Handler, error)
}

// All are the contenders, in the order in which their turns come.
func All() []Contender {
	return []Contender{
		{Ours, "the handler of this project, its state in memory", true, newOurs},
		{Typed, "controller-runtime: decode, mutate, PatchResponseFromRaw", true, newTyped},
		{NoOp, "controller-runtime: admission.Allowed", false, newNoOp},
		{Echo, "finds the uid, parses nothing", false, newEcho},
	}
}

// Named finds a contender.
func Named(name string) (Contender, error) {
	all := All()
	i := slices.IndexFunc(all, func(c Contender) bool { return c.Name == name })
	if i < 0 {
		return Contender{}, fmt.Errorf("no contender is named %q", name)
	}
	return all[i], nil
}
