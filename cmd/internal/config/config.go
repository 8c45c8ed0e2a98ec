package config

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// APIVersion and Kind head every configuration file.
const (
	APIVersion = "tcr-webhook.io/v1alpha1"
	Kind       = "Config"
)

// Config is the configuration file.
type Config struct {
	// APIVersion is tcr-webhook.io/v1alpha1.
	APIVersion string `yaml:"apiVersion"`
	// Kind is Config.
	Kind         string       `yaml:"kind"`
	TencentCloud TencentCloud `yaml:"tencentCloud"`
	// Registries in order of precedence: of the entries for one instance, the
	// first that selects a namespace decides for it.
	Registries []Registry `yaml:"registries"`
	PullSecret PullSecret `yaml:"pullSecret"`

	PrivateNetwork PrivateNetwork `yaml:"privateNetwork"`
	NodeAgent      NodeAgent      `yaml:"nodeAgent"`
	Rewrite        Rewrite        `yaml:"rewrite"`
	// Policy is the registry allow-list; left out, there is none.
	Policy *Policy `yaml:"policy"`
	// FirstPodGrace is how long the first pod of a namespace may wait for its
	// pull secret to be written. Default 1s, at most 2s, 0s not to wait.
	FirstPodGrace *Duration `yaml:"firstPodGrace"`

	// Where it was read from, for Lint.
	name string
	tree *yaml.Node
}

// TencentCloud says where the TCR API is and who calls it.
type TencentCloud struct {
	// Region of the cluster and its instances, such as ap-guangzhou.
	Region string `yaml:"region"`
	// VPC of the cluster, such as vpc-abc123. Without it route: Auto leaves
	// images as written.
	VPC string `yaml:"vpc"`
	// Identity that calls the API: SecretKey, the mounted key of a CAM user;
	// PodIdentity, the role that TKE lets our ServiceAccount assume; NodeRole,
	// the role of the CVM instance. Auto, the default, takes the first of
	// these that is there.
	Identity Identity `yaml:"identity"`
	// AssumeRole is the ARN of a CAM role that the identity assumes for all
	// calls but this one.
	AssumeRole string `yaml:"assumeRole"`
	// RootDomain replaces tencentcloudapi.com, for example by
	// internal.tencentcloudapi.com inside a VPC.
	RootDomain string `yaml:"rootDomain"`
	// Endpoint is the URL of the TCR API itself, for a gateway or an emulator.
	// Plain http is taken for loopback addresses only.
	Endpoint string `yaml:"endpoint"`
	// STSEndpoint is likewise the URL of STS, which gives out the credentials
	// of roles.
	STSEndpoint string `yaml:"stsEndpoint"`
}

// Registry is one TCR instance, or one fixed login, and the namespaces it
// serves.
type Registry struct {
	// Instance id, such as tcr-m3ut3qxx.
	Instance string `yaml:"instance"`
	// Name of a fixed login, in place of an instance: for the Personal
	// Edition, a service-level account, or any other registry.
	Name string `yaml:"name"`
	// Hosts of the instance, where its Describe rights are missing; left out,
	// they are asked of the API. For a fixed login, the list of the hosts that
	// it is good for.
	Hosts *Hosts `yaml:"hosts"`
	// CredentialSecret is the Secret of our own namespace with the fixed
	// login: of type kubernetes.io/dockerconfigjson or kubernetes.io/basic-auth.
	CredentialSecret string `yaml:"credentialSecret"`
	// Identity that the tokens of this entry are asked for with. Left out, it
	// is that of tencentCloud; so are the two below.
	Identity Identity `yaml:"identity"`
	// AssumeRole as in tencentCloud; "" for none.
	AssumeRole *string `yaml:"assumeRole"`
	// Credentials is the name of the folder, within that of the credentials,
	// which has the SecretKey.
	Credentials string `yaml:"credentials"`
	// Namespaces are ordered globs, of which the last match decides; "!"
	// before a glob excludes. Default ["*"].
	Namespaces []string `yaml:"namespaces"`
	// NamespaceSelector must match as well, where it is given.
	NamespaceSelector *LabelSelector `yaml:"namespaceSelector"`
	// Route to the instance: Private moves images to its -vpc host, Public
	// leaves the host as written. Auto, the default, looks how
	// tencentCloud.vpc reaches the instance, and moves images to the -vpc host
	// where that name resolves to the private link and the public one does not.
	Route RouteMode `yaml:"route"`
	// Delivery of the login: OnDemand, the default, with the first pod that
	// needs it, or EveryNamespace as soon as a namespace exists.
	Delivery Delivery `yaml:"delivery"`
}

// PullSecret says how the Secret is called in every namespace, and what
// becomes of a pod that goes without.
type PullSecret struct {
	// Name of the Secret. Default tcr-pull. It is bound by the RBAC rules of
	// the installation and so read once, at start.
	Name string `yaml:"name"`
	// Missing says what becomes of a new pod that needs the Secret and, when
	// all webhooks have changed it, does not name it: Warn, the default, or
	// Deny.
	Missing Missing `yaml:"missing"`
	// ServiceAccounts says whether the name is added to the imagePullSecrets of
	// ServiceAccounts: Never, the default, or OnRequest, to those with the
	// annotation tcr-webhook.io/add-pull-secret: "true". It takes rights of its
	// own, which the chart gives with this value.
	ServiceAccounts ServiceAccounts `yaml:"serviceAccounts"`
}

// Rewrite says which images are never rewritten.
type Rewrite struct {
	// SkipOwners are controllers that compare the images of their pods with
	// what they wrote, and would recreate a rewritten pod for ever, each as
	// group/Kind, such as postgresql.cnpg.io/Cluster. Their pods get the pull
	// secret all the same.
	SkipOwners []string `yaml:"skipOwners"`
}

// LabelSelector selects objects as in the Kubernetes API.
type LabelSelector struct {
	MatchLabels      map[string]string          `yaml:"matchLabels"`
	MatchExpressions []LabelSelectorRequirement `yaml:"matchExpressions"`
}

// LabelSelectorRequirement is one expression of a LabelSelector.
type LabelSelectorRequirement struct {
	Key      string   `yaml:"key"`
	Operator string   `yaml:"operator"`
	Values   []string `yaml:"values"`
}

func (s *LabelSelector) kubernetes() *metav1.LabelSelector {
	sel := &metav1.LabelSelector{MatchLabels: s.MatchLabels}
	for _, e := range s.MatchExpressions {
		sel.MatchExpressions = append(sel.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: e.Key, Operator: metav1.LabelSelectorOperator(e.Operator), Values: e.Values,
		})
	}
	return sel
}

// Identity is a way to authenticate with the API.
type Identity string

// RouteMode is how an instance's route is chosen.
type RouteMode string

// Delivery is when a namespace gets its login.
type Delivery string

// Missing is what becomes of a pod that slipped past without its pull secret.
type Missing string

// ServiceAccounts is which ServiceAccounts get the name of the pull secret.
type ServiceAccounts string

// The words that each of these fields takes.
const (
	IdentityAuto        Identity = "Auto"
	IdentitySecretKey   Identity = "SecretKey"
	IdentityPodIdentity Identity = "PodIdentity"
	IdentityNodeRole    Identity = "NodeRole"

	RouteAuto    RouteMode = "Auto"
	RoutePrivate RouteMode = "Private"
	RoutePublic  RouteMode = "Public"

	DeliverOnDemand       Delivery = "OnDemand"
	DeliverEveryNamespace Delivery = "EveryNamespace"

	MissingWarn Missing = "Warn"
	MissingDeny Missing = "Deny"

	ServiceAccountsNever     ServiceAccounts = "Never"
	ServiceAccountsOnRequest ServiceAccounts = "OnRequest"
)

// Duration is a time.Duration written as in "500ms".
type Duration time.Duration

// UnmarshalYAML reads the form of time.ParseDuration.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	parsed, err := time.ParseDuration(n.Value)
	if err != nil || n.Kind != yaml.ScalarNode {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %q is not a duration such as 500ms or 2s", n.Line, n.Value)}}
	}
	*d = Duration(parsed)
	return nil
}

// setDefaults fills what the file leaves out.
func (c *Config) setDefaults() {
	if c.TencentCloud.Identity == "" {
		c.TencentCloud.Identity = IdentityAuto
	}
	if c.PullSecret.Name == "" {
		c.PullSecret.Name = "tcr-pull"
	}
	if c.PullSecret.Missing == "" {
		c.PullSecret.Missing = MissingWarn
	}
	if c.PullSecret.ServiceAccounts == "" {
		c.PullSecret.ServiceAccounts = ServiceAccountsNever
	}
	if c.FirstPodGrace == nil {
		grace := Duration(time.Second)
		c.FirstPodGrace = &grace
	}
	c.Policy.setDefaults()
	c.PrivateNetwork.setDefaults()
	for i := range c.Registries {
		r := &c.Registries[i]
		if r.Route == "" && !r.fixed() {
			r.Route = RouteAuto
		}
		if r.Delivery == "" {
			r.Delivery = DeliverOnDemand
		}
	}
}
