package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/route"
)

// The ConfigMap by which the TCR add-on sets names in the hosts files of nodes
// (cloud.tencent.com/document/product/457/43503).
const (
	addonNamespace = "tcr-assistant-system"
	addonName      = "updater-config"
)

const (
	// addonEvery is how often it is looked at: people install it, or do not.
	addonEvery = 2 * time.Minute
	// maxAddon bounds what is told of it.
	maxAddon = 20
)

// addon knows what the add-on sets of our names. It changes nothing.
type addon struct {
	live client.Reader
	at   time.Time // of the last look
	last []string
}

// entries are what it sets of hosts, each as a sentence. What cannot be read is
// taken for what was read last.
func (a *addon) entries(ctx context.Context, hosts []registry.Host) []string {
	if time.Since(a.at) < addonEvery || hosts == nil {
		return a.last
	}
	a.at = time.Now()
	var cm corev1.ConfigMap
	err := a.live.Get(ctx, types.NamespacedName{Namespace: addonNamespace, Name: addonName}, &cm)
	if err == nil || client.IgnoreNotFound(err) == nil {
		a.last = addonEntries(cm.Data[hostsKey], hosts)
	}
	return a.last
}

// addonEntries reads the add-on's list.
func addonEntries(text string, hosts []registry.Host) []string {
	var lines []route.Line
	if yaml.Unmarshal([]byte(text), &lines) != nil {
		return nil
	}
	var found []string
	for _, l := range lines {
		if !l.Disabled && slices.Contains(hosts, l.Domain) && len(found) < maxAddon {
			found = append(found, fmt.Sprintf("the TCR add-on sets %s in the hosts files of nodes, by ConfigMap %s/%s", l.Domain, addonNamespace, addonName))
		}
	}
	return found
}
