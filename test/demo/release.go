package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// release makes what runs a release of Helm, so that it is operated as any other:
// by helm upgrade.
func (d *demo) release(ctx context.Context, helm string) error {
	values, err := d.values()
	if err != nil {
		return err
	}
	if err := d.disown(ctx, values); err != nil {
		return err
	}
	text, err := yaml.Marshal(values)
	if err != nil {
		return err
	}
	file := filepath.Join(d.dir, "values.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, helm, "upgrade", "--install", chart.Release, chart.Dir(), "--namespace", stack.Namespace, "--take-ownership", "--values", file)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(d.dir, kubeconfigFile))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("install the chart: %w\n%s", err, out)
	}
	return nil
}

// values are those of the chart, as its README asks for them: the configuration
// that is in force.
func (d *demo) values() (chart.Values, error) {
	var config map[string]any
	text := strings.ReplaceAll(stack.DefaultConfig, "ENDPOINT", d.stack.Cloud.Endpoint())
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		return nil, err
	}
	return chart.Values{"config": config}, nil
}

// disown has the API server forget who set what, but for a label that stays what
// it is: somebody must have. What the chart has is then Helm's alone to change, and
// what it has not is left as it is: how the API server finds the replicas on this
// machine.
func (d *demo) disown(ctx context.Context, values chart.Values) error {
	objects, err := chart.Render(values)
	if err != nil {
		return err
	}
	for _, o := range objects {
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"managedFields": []metav1.ManagedFieldsEntry{{
			Manager: "demo", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: o.GetAPIVersion(), FieldsType: "FieldsV1",
			FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:app.kubernetes.io/name":{}}}}`),
		}}}})
		if err != nil {
			return err
		}
		if err := d.stack.Client.Patch(ctx, o, client.RawPatch(types.MergePatchType, patch)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("disown %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}
