package main

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/release"
)

// versionLabel is what the chart writes its appVersion into.
const versionLabel = "app.kubernetes.io/version"

// compareVersions warns of a server that is too far from the plugin, once. Where
// it cannot be told, nothing is said: there is no other way to know.
func (c *command) compareVersions(ctx context.Context, client kubernetes.Interface, deployment string) {
	if c.compared {
		return
	}
	c.compared = true
	d, err := client.AppsV1().Deployments(c.install.namespace).Get(ctx, deployment, metav1.GetOptions{})
	if err != nil {
		return
	}
	if skew := release.Skew(release.Version, d.Labels[versionLabel]); skew != "" {
		c.say("%s %s", c.symbols.warning, skew)
	}
}
