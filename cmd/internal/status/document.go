package status

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The ConfigMap that holds the document, and where in it.
const (
	ConfigMapName = "tcr-webhook-status"
	Key           = "status.yaml"
)

// APIVersion and Kind head every document.
const (
	APIVersion = "tcr-webhook.io/v1alpha1"
	Kind       = "Status"
)

// Document is how matters stand.
type Document struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Version and Replica are of the process that wrote the document.
	Version string `json:"version"`
	Replica string `json:"replica"`
	// Config is the configuration in force.
	Config Config `json:"config"`
	// Conditions has each of ConditionTypes, in that order.
	Conditions []metav1.Condition `json:"conditions"`
	// Secrets counts pull Secrets by state; absent while they are not counted.
	Secrets map[string]int `json:"secrets,omitempty"`
	// Certificates are those that the API server goes by, as the process has
	// them that wrote the document.
	Certificates []Certificate `json:"certificates,omitempty"`
	// Instances has one entry for each instance and identity.
	Instances []Instance `json:"instances,omitempty"`
	// Registrations says what is wrong with how the API server calls us.
	Registrations []string `json:"registrations,omitempty"`
	// Addon says which names of ours the TCR add-on sets on nodes.
	Addon []string `json:"addon,omitempty"`
}

// Config is the configuration in force, and why a newer one is not.
type Config struct {
	// Digest tells configurations apart.
	Digest string `json:"digest"`
	// Error says what is wrong with a newer one, and where.
	Error string `json:"error,omitempty"`
}

// Instance is how matters stand with one instance, for one identity.
type Instance struct {
	ID string `json:"instance"`
	// Identity says who asks for its tokens.
	Identity string `json:"identity,omitempty"`
	// Rights are what the identity was allowed and refused when it was last asked,
	// by names such as tcr:CreateInstanceToken; what nobody asked for is absent.
	Rights map[string]bool `json:"rights,omitempty"`
	// Route is how its images are reached; absent before anybody has looked.
	Route string `json:"route,omitempty"`
	// RouteReason is why there is no private route, in a word, and RouteMessage
	// what the route rests on, or what to do.
	RouteReason  string `json:"routeReason,omitempty"`
	RouteMessage string `json:"routeMessage,omitempty"`
	// Hosts are its names; none while they are not known.
	Hosts []string `json:"hosts,omitempty"`
	// Token is the newest; absent if there never was one.
	Token *Token `json:"token,omitempty"`
	// Namespaces is how many the configuration gives its login to.
	Namespaces int `json:"namespaces"`
	// Secrets counts its logins in them by state.
	Secrets map[string]int `json:"secrets,omitempty"`
	// LastError is why it has no token, no newer one, or no hosts. It goes
	// when that is over.
	LastError *Problem `json:"lastError,omitempty"`
}

// Token is when a token was issued and when it expires; a fixed login has
// neither. The token itself is never here.
type Token struct {
	IssuedAt  metav1.Time `json:"issuedAt,omitzero"`
	ExpiresAt metav1.Time `json:"expiresAt,omitzero"`
}

// Certificate is when a certificate begins and ends to hold.
type Certificate struct {
	// Kind is "serving", or "ca" for the one of our own that signs it.
	Kind      string      `json:"kind"`
	NotBefore metav1.Time `json:"notBefore"`
	NotAfter  metav1.Time `json:"notAfter"`
}

// Problem is an error of the cloud API, and what it takes to end it.
type Problem struct {
	// Reason is the class of the error: one of the words in problem.go.
	Reason  string `json:"reason"`
	Message string `json:"message"`
	// MissingRight is what the identity lacks, as a CAM policy writes it.
	MissingRight string `json:"missingRight,omitempty"`
	// Since is when it was first seen.
	Since metav1.Time `json:"since"`
}
