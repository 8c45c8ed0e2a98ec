package explain

import (
	"encoding/json"
	"fmt"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/audit"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/manifest"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

// OwnNamespace: the registrations leave out the namespace of the installation.
const OwnNamespace registry.Reason = "OwnNamespace"

// Situation is what an object is explained in.
type Situation struct {
	State *webhook.State
	// OwnNamespace is that of the installation.
	OwnNamespace string
	// Namespace that the object goes to.
	Namespace string
	webhook.Surroundings
	// AccountSecrets are those of the pod's ServiceAccount. The API server gives
	// them to a pod that names none before it asks any webhook.
	AccountSecrets []corev1.LocalObjectReference
}

// Explanation is what becomes of one object.
type Explanation struct {
	manifest.Place
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
	// Made tells that it is about the pods that the object makes.
	Made bool `json:"made,omitempty"`
	// Skipped is why the pod is left alone as a whole.
	Skipped registry.Reason `json:"skipped,omitempty"`
	// Images are those of the pod, with what becomes of each.
	Images []Image `json:"images"`
	// PullSecret is what becomes of the pull secrets.
	PullSecret PullSecret `json:"pullSecret"`
	// Patch is what the webhook answers; none changes nothing.
	Patch json.RawMessage `json:"patch,omitempty"`
	// Warnings are what whoever creates the pod is told, of the allow-list too.
	Warnings []string `json:"warnings,omitempty"`
	// Policy is what the allow-list has against the pod.
	Policy []Objection `json:"policy,omitempty"`
	// Denied tells that the pod is not admitted.
	Denied bool `json:"denied"`

	// Result is the pod as it is admitted.
	Result []byte `json:"-"`
}

// Image is one image, and what becomes of it.
type Image struct {
	Site     string          `json:"site"`
	Path     string          `json:"path"` // in the pod
	Image    string          `json:"image"`
	Becomes  string          `json:"becomes"`
	Reason   registry.Reason `json:"reason"`
	Instance registry.ID     `json:"instance,omitempty"`
	// Text says the reason in words.
	Text string `json:"text"`
}

// PullSecret is what becomes of a pod's pull secrets.
type PullSecret struct {
	// Own are those that it names itself.
	Own []string `json:"own,omitempty"`
	// Copied are those that it has from its ServiceAccount, as it names none.
	Copied []string `json:"copied,omitempty"`
	// Added is the one that is added.
	Added string `json:"added,omitempty"`
	// Withheld is why it is not, although it is needed.
	Withheld registry.Reason `json:"withheld,omitempty"`
	// Instances are whose logins it has to hold.
	Instances []registry.ID `json:"instances,omitempty"`
}

// Objection is what a rule has against an image.
type Objection struct {
	Code   string        `json:"code"`
	Site   string        `json:"site"`
	Image  string        `json:"image"`
	Rule   string        `json:"rule"`
	Action policy.Action `json:"action"`
	Reason policy.Reason `json:"reason"`
	Text   string        `json:"text"`
}

// Explain tells what becomes of o, which Known knows. An error is about the
// manifest, and names its place.
func Explain(o *manifest.Object, in Situation) (*Explanation, error) {
	text, template, err := podOf(o)
	if err != nil {
		return nil, err
	}
	pod, err := decode(o, text, template)
	if err != nil {
		return nil, err
	}
	e := &Explanation{Place: o.Place, APIVersion: o.APIVersion, Kind: o.Kind, Namespace: in.Namespace, Name: o.Name, Made: template != nil}
	for _, s := range pod.Spec.ImagePullSecrets.Items {
		e.PullSecret.Own = append(e.PullSecret.Own, s.Name)
	}
	if len(e.PullSecret.Own) == 0 && len(in.AccountSecrets) > 0 && !pod.Metadata.Annotations.Mirror {
		if text, err = withSecrets(text, in.AccountSecrets); err != nil {
			return nil, o.At("", "this is no pod: "+err.Error())
		}
		if pod, err = decode(o, text, template); err != nil {
			return nil, err
		}
		for _, s := range in.AccountSecrets {
			e.PullSecret.Copied = append(e.PullSecret.Copied, s.Name)
		}
	}
	e.Result = text
	if in.Namespace == in.OwnNamespace {
		e.Skipped = OwnNamespace
		return e, nil
	}
	request := &podview.Request{Kind: podview.GroupKind{Kind: "Pod"}, Operation: podview.Create, Namespace: in.Namespace, Name: o.Name, Object: *pod}
	d := webhook.Decide(request, in.State, in.Surroundings)
	e.decided(&d, pod, in)
	if patch := d.Patch.JSON(); patch != nil {
		e.Patch = append([]byte{}, patch...)
		if e.Result, err = patched(text, patch); err != nil {
			return nil, o.At("", "the patch does not apply: "+err.Error())
		}
		if pod, err = decode(o, e.Result, template); err != nil {
			return nil, err
		}
	}
	e.judged(webhook.Objections(in.State.Policy, in.Namespace, pod.Sites()), in.State.Policy)
	return e, nil
}

// withSecrets is a pod with pull secrets, in place of none.
func withSecrets(text []byte, secrets []corev1.LocalObjectReference) ([]byte, error) {
	list, err := json.Marshal(secrets)
	if err != nil {
		return nil, err
	}
	return jsonpatch.MergePatch(text, fmt.Appendf(nil, `{"spec":{"imagePullSecrets":%s}}`, list))
}

func patched(text, patch []byte) ([]byte, error) {
	operations, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return nil, err
	}
	return operations.Apply(text)
}

func (e *Explanation) decided(d *webhook.Decision, pod *podview.Pod, in Situation) {
	e.Skipped = d.Skip
	for _, i := range d.Images {
		e.Images = append(e.Images, Image{
			Site: i.Site.String(), Path: i.Site.Pointer(), Image: i.Site.Image, Becomes: i.Image, Reason: i.Reason, Instance: i.Instance,
			Text: in.words(&i),
		})
	}
	e.PullSecret.Withheld, e.PullSecret.Instances = d.Withheld, d.Instances
	if len(d.Instances) > 0 && !pod.HasPullSecret(in.State.PullSecretName) {
		e.PullSecret.Added = in.State.PullSecretName
	}
	e.Warnings = d.Warnings
}

func (e *Explanation) judged(objections []webhook.Objection, p *policy.Policy) {
	for _, o := range objections {
		e.Policy = append(e.Policy, Objection{
			Code: audit.Codes()[o.Reason], Site: o.Site.String(), Image: o.Site.Image, Rule: o.Rule, Action: o.Action, Reason: o.Reason,
			Text: p.Text(o.Verdict, o.Site.Image),
		})
		e.Denied = e.Denied || o.Action == policy.Enforce && !o.Open()
	}
}

// Changes tells whether the pod is changed.
func (e *Explanation) Changes() bool { return e.Patch != nil }

// Concerns counts what somebody should look at, apart from a denial.
func (e *Explanation) Concerns() int {
	n := len(e.Warnings)
	for _, o := range e.Policy {
		if o.Action != policy.Audit {
			n++
		}
	}
	return n
}

// words say why an image is what it becomes.
func (in *Situation) words(i *webhook.Image) string {
	d := in.State.Directory
	if advice := d.Advice(i.Decision); advice != "" {
		return advice
	}
	switch i.Reason {
	case registry.Rewritten:
		return fmt.Sprintf("the private route of %s", i.Instance)
	case registry.Respelled:
		return fmt.Sprintf("the spelling that the login of %s is filed under", i.Instance)
	case registry.AsWritten:
		return fmt.Sprintf("the right host of %s already", i.Instance)
	case registry.NoPrivateHost:
		return fmt.Sprintf("the private name of %s is not known", i.Instance)
	case registry.NotManaged:
		return "not an instance of yours"
	case registry.OtherPort:
		return "a port that is not the instance's"
	case registry.UnknownHost:
		return "no registry that is configured"
	case registry.HostsNotKnown:
		return fmt.Sprintf("it may be of %s, whose hosts are not known", i.Instance)
	case registry.PublicMirror:
		return "Tencent serves it to everybody"
	case registry.NotSelected:
		return fmt.Sprintf("the configuration does not select namespace %s for it", in.Namespace)
	case registry.Unparsable:
		return "not an image reference"
	case webhook.OwnerComparesImages:
		return "its controller compares images (rewrite.skipOwners)"
	case webhook.NoLogin:
		return "the pod is refused the login of where it would move to"
	case registry.RouteNotKnown:
		return fmt.Sprintf("nobody has looked yet how %s is reached", i.Instance)
	}
	return string(i.Reason)
}

// SkipWords say why a pod is left alone as a whole.
func SkipWords(why registry.Reason) string {
	switch why {
	case OwnNamespace:
		return "the namespace of the installation is served by nobody"
	case webhook.OptedOut:
		return "label " + registry.InjectLabel + "=" + registry.InjectDisabled
	case webhook.NamespaceOptedOut:
		return "label " + registry.InjectLabel + "=" + registry.InjectDisabled + " of the namespace"
	case webhook.MirrorPod:
		return "the picture of a static pod, which the kubelet owns"
	case webhook.Deleting:
		return "it is being deleted"
	}
	return string(why)
}
