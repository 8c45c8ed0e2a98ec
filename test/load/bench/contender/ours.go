package contender

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// ready is a PullSecrets whose Secrets are all there.
type ready struct{}

func (ready) Ensure(context.Context, webhook.Need) webhook.Delivery {
	return webhook.Delivery{Ready: true}
}

// newOurs is the handler as cmd/tcr-webhook makes it, metrics included, with
// everything it asks for in memory.
func newOurs() (http.Handler, error) {
	everywhere, err := registry.SelectNamespaces(nil, nil)
	if err != nil {
		return nil, err
	}
	directory, _ := registry.NewDirectory([]registry.Entry{{
		ID:         "tcr-m3ut3qxx",
		Hosts:      registry.Hosts{Public: PublicHost, Private: PrivateHost},
		Route:      registry.RoutePrivateName,
		Namespaces: everywhere,
	}})
	metrics, err := webhook.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	state := &webhook.State{Directory: directory, PullSecretName: PullSecret}
	labels := map[string]string{"kubernetes.io/metadata.name": "team-a"}
	return webhook.NewPods(webhook.PodsOptions{
		Snapshot:    func() *webhook.State { return state },
		Namespaces:  func(string) (map[string]string, bool) { return labels, true },
		PullSecrets: ready{},
		Metrics:     metrics,
	})
}
