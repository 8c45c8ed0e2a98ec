package config

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
)

// schema is what we read of the chart's.
type schema struct {
	Properties map[string]*schema
	Items      *schema
}

// compareKeys holds the keys of a struct against the properties of a schema.
func compareKeys(t *testing.T, path string, of reflect.Type, s *schema) {
	t.Helper()
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of.Kind() == reflect.Slice {
		require.NotNil(t, s.Items, path)
		compareKeys(t, path+"[]", of.Elem(), s.Items)
		return
	}
	if of.Kind() != reflect.Struct || s == nil {
		return
	}
	fields := map[string]reflect.Type{}
	for i := range of.NumField() {
		key, _, _ := strings.Cut(of.Field(i).Tag.Get("yaml"), ",")
		if key != "" && key != "-" {
			fields[key] = of.Field(i).Type
		}
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(fields)), slices.Collect(maps.Keys(s.Properties)), "keys of %s", path)
	for key, field := range fields {
		if below := s.Properties[key]; below != nil {
			compareKeys(t, path+"."+key, field, below)
		}
	}
}

// The chart takes every key of the file, and no other.
func TestTheChartKnowsEveryKey(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(chart.Dir(), "values.schema.json"))
	require.NoError(t, err)
	var s schema
	require.NoError(t, json.Unmarshal(data, &s))
	compareKeys(t, "config", reflect.TypeFor[Config](), s.Properties["config"])
}

// What the chart takes for a configuration is one: its defaults, and each example.
func TestWhatTheChartRendersIsRead(t *testing.T) {
	t.Parallel()
	examples, err := filepath.Glob("../../../deploy/examples/configs/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, examples)
	configs := map[string]chart.Values{"the least": {
		"tencentCloud": chart.Values{"region": "ap-guangzhou"}, "registries": []any{chart.Values{"instance": "tcr-m3ut3qxx"}},
	}}
	for _, file := range examples {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var config chart.Values
		require.NoError(t, yaml.Unmarshal(text, &config))
		configs[filepath.Base(file)] = config
	}
	for name, config := range configs {
		agent, _, _ := unstructured.NestedBool(config, "nodeAgent", "enabled")
		objects, err := chart.Render(chart.Values{"config": config, "nodeAgent": chart.Values{"enabled": agent}})
		require.NoError(t, err, name)
		i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == "ConfigMap" })
		require.NotEqual(t, -1, i, name)
		text, _, err := unstructured.NestedString(objects[i].Object, "data", "config.yaml")
		require.NoError(t, err, name)
		_, err = Decode("config.yaml", []byte(text))
		assert.NoError(t, err, name)
	}
}
