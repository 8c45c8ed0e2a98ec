package manifest

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// seen is an object as its place and name.
func seen(objects []Object) (all []string) {
	for _, o := range objects {
		all = append(all, o.Place.String()+": "+o.APIVersion+" "+o.String()+" "+o.Namespace)
	}
	return all
}

func TestRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"one":                          {"apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\n", []string{"f: document 1, line 1: v1 pod/a b"}},
		"one, behind comments":         {"# what it is\n\n---\n# more\nkind: Pod\napiVersion: v1\n", []string{"f: document 1, line 5: v1 pod/ "}},
		"several":                      {"apiVersion: v1\nkind: A\n---\n# nothing\n---\napiVersion: v1\nkind: B\n--- # again\n\nkind: C\napiVersion: v1\n", []string{"f: document 1, line 1: v1 a/ ", "f: document 2, line 6: v1 b/ ", "f: document 3, line 10: v1 c/ "}},
		"a made-up name":               {"apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}", []string{"f: document 1, line 1: v1 pod/a- "}},
		"a list":                       {"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: A\n- apiVersion: v1\n  kind: B\n", []string{"f: document 1, line 4: v1 a/ ", "f: document 1, line 6: v1 b/ "}},
		"a list of pods within a list": {"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: PodList\n  items:\n  - {apiVersion: v1, kind: Pod}\n", []string{"f: document 1, line 7: v1 pod/ "}},
		"an empty list":                {"apiVersion: v1\nkind: List\nitems: []\n", nil},
		"nothing":                      {"", nil},
		"JSON":                         {"{\"apiVersion\": \"v1\",\n\"kind\": \"A\"}\n{\"apiVersion\": \"v1\",\n\"kind\": \"B\"}", []string{"f: document 1, line 1: v1 a/ ", "f: document 2, line 3: v1 b/ "}},
		"JSON, tabs, and a list":       {"{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"List\",\n\t\"items\": [\n\t\t{\"apiVersion\": \"v1\", \"kind\": \"A\"}\n\t]\n}", []string{"f: document 1, line 5: v1 a/ "}},
		"YAML that begins as JSON":     {"{apiVersion: v1, kind: A}\n---\n{apiVersion: v1, kind: B}", []string{"f: document 1, line 1: v1 a/ ", "f: document 2, line 3: v1 b/ "}},
		"another system's lines":       {"\ufeffapiVersion: v1\r\nkind: A\r\n---\r\napiVersion: v1\r\nkind: B\r\n", []string{"f: document 1, line 1: v1 a/ ", "f: document 2, line 4: v1 b/ "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Read("f", []byte(tt.text))
			require.NoError(t, err)
			assert.Empty(t, cmp.Diff(tt.want, seen(got)))
		})
	}
}

func TestReadOfWhatIsBroken(t *testing.T) {
	t.Parallel()
	const good = "apiVersion: v1\nkind: A\n---\n"
	for name, tt := range map[string]struct{ text, want string }{
		"a tab":                        {good + "apiVersion: v1\nkind: B\nmetadata:\n\tname: x\n", "f: document 2, line 7: this is no YAML: found character that cannot start any token"},
		"an indentation":               {good + "apiVersion: v1\nkind: B\n  metadata: {}\n", "f: document 2, line 6: this is no YAML: mapping values are not allowed in this context"},
		"a quote that is never closed": {good + good + "a: \"b\n", "f: document 3, line 8: this is no YAML: found unexpected end of stream"},
		"no kind":                      {"# x\napiVersion: v1\n", "f: document 1, line 2: the object has no kind, such as Pod"},
		"no apiVersion":                {good + "\nkind: Pod\n", "f: document 2, line 5: the object has no apiVersion, such as v1"},
		"a kind that is a number":      {"apiVersion: v1\nkind: 3\n", "f: document 1, line 2: the object has no kind, such as Pod"},
		"a text":                       {good + "hello\n", "f: document 2, line 4: this is no object: want apiVersion, kind and metadata"},
		"a sequence":                   {"- apiVersion: v1\n", "f: document 1, line 1: this is no object: want apiVersion, kind and metadata"},
		"metadata that is a text":      {"apiVersion: v1\nkind: A\nmetadata: x\n", "f: document 1, line 3: metadata is no object"},
		"a name that is a number":      {"apiVersion: v1\nkind: A\nmetadata:\n  labels: {}\n  name: 3\n", "f: document 1, line 5: name is no string"},
		"items that are none":          {"apiVersion: v1\nkind: List\nitems: x\n", "f: document 1, line 3: the items of a list are no list"},
		"an item without a kind":       {"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: A\n- apiVersion: v1\n", "f: document 1, line 6: the object has no kind, such as Pod"},
		"JSON that ends":               {"{\"apiVersion\": \"v1\", \"kind\": \"A\"}\n\n{\"apiVersion\":\n \"v1\",, }", "f: document 2, line 4: this is no JSON: invalid character ',' looking for beginning of object key string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Read("f", []byte(tt.text))
			assert.EqualError(t, err, tt.want)
		})
	}
}

func TestAtFindsTheLine(t *testing.T) {
	t.Parallel()
	objects, err := Read("f", []byte("---\n# c\napiVersion: v1\nkind: A\nspec:\n  list:\n  - a/b: x\n  - y\n"))
	require.NoError(t, err)
	o := &objects[0]
	for pointer, line := range map[string]string{
		"": "line 3", "/spec": "line 6", "/spec/list/0/a~1b": "line 7", "/spec/list/1": "line 8", "/spec/list/7/x": "line 7", "/status": "line 3",
	} {
		assert.Contains(t, o.At(pointer, "x").Error(), line, pointer)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n---\n# x\n"))
	f.Add([]byte(`{"apiVersion":"v1","kind":"A"}{"kind":`))
	f.Add([]byte("--- x\na: &a [*a]\n"))
	f.Add([]byte("apiVersion: v1\nkind: A\nx: &x {y: *x}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		objects, err := Read("f", data)
		lines := 1
		for _, end := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} { // as YAML has it
			lines += bytes.Count(data, []byte(end))
		}
		var wrong *Error
		if err != nil {
			require.ErrorAs(t, err, &wrong)
			assert.LessOrEqual(t, wrong.Line, lines+1)
			assert.Positive(t, wrong.Line)
			assert.True(t, strings.HasPrefix(err.Error(), "f: document "))
		}
		for _, o := range objects {
			assert.True(t, json.Valid(o.JSON))
			assert.NotEmpty(t, o.Kind)
			assert.LessOrEqual(t, o.Line, lines+1)
			_ = o.At("/metadata/name/0", "x")
		}
	})
}
