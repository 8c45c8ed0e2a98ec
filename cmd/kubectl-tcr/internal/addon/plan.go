package addon

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/credentials/delivery"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// State is how it stands with a step.
type State string

// The states of a step.
const (
	Done    State = "Done"
	Ready   State = "Ready"   // for us to do
	Manual  State = "Manual"  // for the reader to do
	Waiting State = "Waiting" // for a step before it
)

// Step is one step of the way.
type Step struct {
	State State `json:"state"`
	// Do says what is to be done, or was.
	Do string `json:"do"`
	// About are what it is about, or the text to use.
	About []string `json:"about,omitempty"`
	// Action is what Ready stands for.
	Action Action `json:"-"`
}

// Action is what we can do of a step. At most one of its fields is set.
type Action struct {
	// Deliver are namespaces that get the annotation which has their login
	// delivered at once, with its value.
	Deliver map[string]string
	// Forget are ServiceAccounts that no longer name the add-on's Secrets.
	Forget []Reference
	// Delete are the add-on's Secrets.
	Delete []Object
}

// Plan is the way from what was found. A step that needs others is Waiting
// until those are Done, so that at any time every pod has one login or the
// other.
func Plan(f *Found) []Step {
	if !f.Any() {
		return nil
	}
	configure := configureStep(f)
	deliver := deliverStep(f)
	change := changeStep(f)
	renew := renewStep(f)
	uninstall := uninstallStep(f)
	forget := forgetStep(f)
	remove := removeStep(f)
	deliver.after(configure)
	renew.after(deliver, change)
	uninstall.after(configure, deliver, change, renew)
	forget.after(uninstall)
	remove.after(change, renew, uninstall, forget)
	return []Step{configure, deliver, change, renew, uninstall, forget, remove, disableStep(f)}
}

// after has the step wait for others.
func (s *Step) after(others ...Step) {
	for _, o := range others {
		if s.State != Done && o.State != Done {
			s.State, s.Action = Waiting, Action{}
			return
		}
	}
}

// configureStep is about our configuration: whether it has each registry that
// the add-on has a login for.
func configureStep(f *Found) Step {
	step := Step{State: Done, Do: "name its registries in the configuration of tcr-webhook"}
	var hosts []registry.Host
	if f.Registries != nil {
		hosts = f.Registries.Hosts()
	}
	var missing []registry.ID
	for _, l := range f.Logins {
		id := l.Instance()
		switch known := f.Registries != nil && slices.Contains(f.Registries.IDs(), id); {
		case slices.Contains(hosts, registry.Host(strings.ToLower(l.Server))) || known:
		case id == "":
			step.State = Manual
			step.About = append(step.About, fmt.Sprintf("%s: find its instance id in the TCR console (of ImagePullSecret %s)", l.Server, l.Name))
		case !slices.Contains(missing, id):
			missing = append(missing, id)
		}
	}
	for _, id := range missing {
		step.State = Manual
		step.About = append(step.About, fmt.Sprintf("registries: [{instance: %s, namespaces: [\"*\"]}]", id))
	}
	return step
}

// deliverStep has the login delivered wherever the add-on has one, before any
// pod asks for it.
func deliverStep(f *Found) Step {
	held := map[string]bool{}
	for _, s := range f.Secrets {
		held[s.Namespace] = true
	}
	have, missing, unserved := 0, map[string]string{}, []string(nil)
	for _, ns := range f.Namespaces {
		switch {
		case !held[ns.Name] || ns.Name == f.Own:
		case f.Delivered[ns.Name]:
			have++
		default:
			ids := idsOf(f.Registries, ns)
			if len(ids) > 0 {
				missing[ns.Name] = strings.Join(ids, ",")
			} else if f.Registries != nil {
				unserved = append(unserved, ns.Name)
			}
		}
	}
	step := Step{State: Done, Do: fmt.Sprintf("give every namespace that has its Secret ours (%d of %d that are selected)", have, have+len(missing))}
	if f.Registries == nil && len(held) > 0 {
		step.State = Waiting
	}
	if len(missing) > 0 {
		step.State, step.Action.Deliver = Ready, missing
		for ns := range missing {
			step.About = append(step.About, ns)
		}
		slices.Sort(step.About)
	}
	for _, ns := range unserved {
		step.About = append(step.About, ns+" is selected by no registry of the configuration, and keeps no login")
	}
	return step
}

// idsOf are the instances whose login a namespace may ask for.
func idsOf(d *registry.Directory, ns registry.Namespace) (ids []string) {
	if d == nil {
		return nil
	}
	for _, e := range delivery.Entries(d, ns) {
		ids = append(ids, string(e.ID))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func changeStep(f *Found) Step {
	step := Step{State: Done, Do: "take its Secrets out of the manifests that name them"}
	for _, w := range f.Workloads {
		step.State = Manual
		step.About = append(step.About, w.String()+" names "+strings.Join(w.Secrets, ", "))
	}
	return step
}

// renewStep is about pods that are older than our installation: what they pull
// with is fixed, and a restart of their containers may pull.
func renewStep(f *Found) Step {
	step := Step{State: Done, Do: "create the pods anew that have its Secret alone, by kubectl rollout restart"}
	for _, w := range f.Older {
		step.State = Manual
		step.About = append(step.About, w.String())
	}
	return step
}

func uninstallStep(f *Found) Step {
	step := Step{State: Done, Do: "uninstall the add-on, in the TKE console or by tccli tke DeleteAddon --AddonName tcr"}
	if f.Running || f.Nodes > 0 || len(f.Logins) > 0 {
		step.State = Manual
	}
	if f.Nodes > 0 {
		step.About = append(step.About, fmt.Sprintf("its %s edits the hosts files of %d nodes; have the VPC resolve the names, or the node agent, before", HostsUpdater, f.Nodes))
	}
	return step
}

func forgetStep(f *Found) Step {
	step := Step{State: Done, Do: "take its Secrets out of ServiceAccounts"}
	if len(f.Accounts) > 0 {
		step.State, step.Action.Forget = Ready, f.Accounts
	}
	for _, a := range f.Accounts {
		step.About = append(step.About, a.Namespace+"/"+a.Name)
	}
	return step
}

func removeStep(f *Found) Step {
	step := Step{State: Done, Do: "delete its Secrets, for good (--delete-secrets)"}
	if len(f.Secrets) > 0 {
		step.State, step.Action.Delete = Ready, f.Secrets
	}
	for _, s := range f.Secrets {
		step.About = append(step.About, s.Namespace+"/"+s.Name)
	}
	return step
}

// disableStep is the last, and nobody can see whether it was done.
func disableStep(f *Found) Step {
	step := Step{State: Manual, Do: "disable its long-term token in the TCR console, under access credentials: it outlives the add-on"}
	said := map[string]bool{}
	for _, l := range f.Logins {
		line := "user " + cmp.Or(l.Username, "(none)")
		if !l.Ends.IsZero() {
			line += ", ends " + l.Ends.Format("2006-01-02")
		}
		if !said[line] {
			said[line] = true
			step.About = append(step.About, line)
		}
	}
	return step
}
