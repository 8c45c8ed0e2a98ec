// Package chart renders the chart in deploy/chart for tests, as `helm template`
// does, so that what they try is what is installed. It never talks to a cluster.
// Only tests, the demo and what writes deploy/install.yaml may import it.
package chart

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// Release is the name, and the namespace, that the chart is rendered for.
const Release = "tcr-webhook"

// KubeVersion is the version of Kubernetes that it is rendered for, unless
// Options say otherwise: that of test/cluster.
const KubeVersion = "v1.37.2"

// Values are those of the chart that differ from their defaults.
type Values = map[string]any

// Options say what to render.
type Options struct {
	Values Values
	// Release and Namespace are Release by default.
	Release, Namespace string
	// KubeVersion is the API server's version, the constant by default.
	KubeVersion string
	// APIVersions are what the API server has beside the built-in ones, such as
	// cert-manager.io/v1.
	APIVersions []string
}

// Rendered is what the chart makes of values.
type Rendered struct {
	// Manifests are the objects that Helm applies, as text, in its order.
	Manifests []string
	// Hooks are those that it makes at some point, as text.
	Hooks []string
	// Notes are what it tells.
	Notes string
}

// Dir is the folder of the chart.
func Dir() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "deploy", "chart", "tcr-webhook")
}

// Load reads the chart.
func Load() (*chartv2.Chart, error) { return loader.LoadDir(Dir()) }

// Render renders the objects that Helm applies for values.
func Render(values Values) ([]*unstructured.Unstructured, error) {
	r, err := RenderWith(Options{Values: values})
	if err != nil {
		return nil, err
	}
	return Objects(r.Manifests...)
}

// RenderWith renders the chart.
func RenderWith(o Options) (*Rendered, error) {
	c, err := Load()
	if err != nil {
		return nil, fmt.Errorf("load chart: %w", err)
	}
	files, err := o.files(c, false)
	if err != nil {
		return nil, err
	}
	return sorted(files)
}

// files are the templates of c, each as it is rendered.
func (o Options) files(c *chartv2.Chart, skipSchema bool) (map[string]string, error) {
	capabilities := common.DefaultCapabilities.Copy()
	version, err := common.ParseKubeVersion(or(o.KubeVersion, KubeVersion))
	if err != nil {
		return nil, err
	}
	capabilities.KubeVersion = *version
	capabilities.APIVersions = append(common.VersionSet(o.APIVersions), capabilities.APIVersions...)
	release := common.ReleaseOptions{Name: or(o.Release, Release), Namespace: or(o.Namespace, Release), Revision: 1, IsInstall: true}
	values, err := util.ToRenderValuesWithSchemaValidation(c, o.Values, release, capabilities, skipSchema)
	if err != nil {
		return nil, err
	}
	return engine.Render(c, values)
}

func or(given, otherwise string) string {
	if given == "" {
		return otherwise
	}
	return given
}

// sorted takes the files apart.
func sorted(files map[string]string) (*Rendered, error) {
	var r Rendered
	for name, text := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			r.Notes = text
			delete(files, name)
		}
	}
	hooks, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, err
	}
	for _, m := range manifests {
		r.Manifests = append(r.Manifests, strings.TrimSpace(m.Content)+"\n")
	}
	for _, h := range hooks {
		r.Hooks = append(r.Hooks, strings.TrimSpace(h.Manifest)+"\n")
	}
	return &r, nil
}

// Objects reads manifests.
func Objects(manifests ...string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(strings.Join(manifests, "\n---\n")), 4096)
	for {
		var u unstructured.Unstructured
		switch err := decoder.Decode(&u); {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, fmt.Errorf("read manifest: %w", err)
		}
		if len(u.Object) > 0 {
			objects = append(objects, &u)
		}
	}
}
