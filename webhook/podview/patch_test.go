package podview

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

func TestPatch(t *testing.T) {
	t.Parallel()
	const odd = "a~b/c\"\n<é"
	tests := []struct {
		name, pod string
		build     func(p *Patch, pod *Pod)
		want      string
	}{
		{"nothing", `{}`, func(*Patch, *Pod) {}, ``},
		{"an image", `{"spec":{"containers":[{"image":"a"}]}}`,
			func(p *Patch, pod *Pod) { p.ReplaceImage(Site{List: Containers}, odd) },
			`[{"op":"replace","path":"/spec/containers/0/image","value":"a~b/c\"\n<é"}]`},
		{"a volume's image and more", `{"spec":{"volumes":[{},{"image":{"reference":"a"}}],"imagePullSecrets":[]}}`,
			func(p *Patch, pod *Pod) {
				p.ReplaceImage(Site{List: Volumes, Index: 1}, "b")
				p.AppendPullSecret(pod, odd)
			},
			`[{"op":"replace","path":"/spec/volumes/1/image/reference","value":"b"},` +
				`{"op":"add","path":"/spec/imagePullSecrets/-","value":{"name":"a~b/c\"\n<é"}}]`},
		{"the first pull secret", `{"spec":{"imagePullSecrets":null}}`,
			func(p *Patch, pod *Pod) { p.AppendPullSecret(pod, "s") },
			`[{"op":"add","path":"/spec/imagePullSecrets","value":[{"name":"s"}]}]`},
		{"the first annotation", `{"metadata":{}}`,
			func(p *Patch, pod *Pod) { p.Annotate(pod, odd, []byte(odd)) },
			`[{"op":"add","path":"/metadata/annotations","value":{"a~b/c\"\n<é":"a~b/c\"\n<é"}}]`},
		{"one more annotation", `{"metadata":{"annotations":{}}}`,
			func(p *Patch, pod *Pod) { p.Annotate(pod, odd, []byte(odd)) },
			`[{"op":"add","path":"/metadata/annotations/a~0b~1c\"\n<é","value":"a~b/c\"\n<é"}]`},
		{"text that is none", `{"metadata":{}}`,
			func(p *Patch, pod *Pod) { p.Annotate(pod, "a", []byte("\xff")) },
			`[{"op":"add","path":"/metadata/annotations","value":{"a":"` + "\uFFFD" + `"}}]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var p Patch
			tt.build(&p, decodePod(t, tt.pod))
			assert.Equal(t, tt.want, string(p.JSON()))
			assert.Equal(t, tt.want == "", p.Empty())
			if tt.want != "" {
				apply(t, p.JSON(), []byte(tt.pod))
			}
		})
	}
}

// FuzzPatch applies what a Patch can do to any pod with the API server's own
// library, and compares with the same change made by hand.
func FuzzPatch(f *testing.F) {
	var review struct {
		Request struct{ Object json.RawMessage }
	}
	require.NoError(f, json.Unmarshal(readReview(f, "2k"), &review))
	f.Add([]byte(review.Request.Object), "demo-vpc.tencentcloudcr.com/a/b", "tcr-pull", OriginalImagesAnnotation)
	f.Add([]byte(`{"metadata":null,"spec":{"imagePullSecrets":null,"containers":[null,{"image":"a"}]}}`), "é", "~", "/")
	f.Add([]byte(`{"metadata":{"annotations":{"a~1b":""}},"spec":{"volumes":[{"image":{"reference":"x"}}],"imagePullSecrets":[{}]}}`), "", "", "a~1b")
	f.Add([]byte(`{"metadata":{"annotations":{"a":null},"x":1e999,"y":0.10},"spec":{"ephemeralContainers":[{"image":"\ud83d\ude00"}]}}`), "<", "\u2028", "")
	f.Fuzz(func(t *testing.T, object []byte, image, secret, annotation string) {
		var r Review
		if !jsontext.Value(object).IsValid() || r.Decode(wrap(object)) != nil {
			return
		}
		pod := &r.Request.Object
		want := anything(t, object)
		root, isObject := want.(map[string]any)
		if !isObject {
			return
		}
		image, secret, annotation = strings.ToValidUTF8(image, ""), strings.ToValidUTF8(secret, ""), strings.ToValidUTF8(annotation, "")

		var p Patch
		for s := range pod.Sites() {
			p.ReplaceImage(s, image)
			setImage(root, s, image)
		}
		if spec, ok := root["spec"].(map[string]any); ok {
			p.AppendPullSecret(pod, secret)
			list, _ := spec["imagePullSecrets"].([]any)
			spec["imagePullSecrets"] = append(list, map[string]any{"name": secret})
		}
		if metadata, ok := root["metadata"].(map[string]any); ok {
			p.Annotate(pod, annotation, []byte(image))
			if metadata["annotations"] == nil {
				metadata["annotations"] = map[string]any{}
			}
			metadata["annotations"].(map[string]any)[annotation] = image
		}
		if p.Empty() {
			return
		}
		got := anything(t, apply(t, p.JSON(), object))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("patch %s (-want +got):\n%s", p.JSON(), diff)
		}
	})
}

func setImage(root map[string]any, s Site, image string) {
	item := root["spec"].(map[string]any)[s.List.String()].([]any)[s.Index].(map[string]any)
	if s.List == Volumes {
		item["image"].(map[string]any)["reference"] = image
		return
	}
	item["image"] = image
}

// apply does what kube-apiserver does with the patch of an answer.
func apply(t testing.TB, patch, object []byte) []byte {
	t.Helper()
	p, err := jsonpatch.DecodePatch(patch)
	require.NoError(t, err, "patch %s", patch)
	for _, op := range p {
		require.NotEqual(t, "remove", op.Kind())
	}
	after, err := p.Apply(object)
	require.NoError(t, err, "patch %s of %s", patch, object)
	return after
}

// anything decodes text and keeps numbers as they are written.
func anything(t testing.TB, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	require.NoError(t, d.Decode(&v))
	return v
}

func wrap(object []byte) []byte {
	return append(append([]byte(`{"request":{"object":`), object...), "}}"...)
}
