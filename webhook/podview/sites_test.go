package podview

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// sitesInAPI are the strings of a PodSpec that name something to be pulled.
var sitesInAPI = []string{
	"containers[].image",
	"ephemeralContainers[].image",
	"initContainers[].image",
	"volumes[].image.reference",
}

// notSites look like images by name and are none.
var notSites = []string{
	"containers[].imagePullPolicy",
	"ephemeralContainers[].imagePullPolicy",
	"initContainers[].imagePullPolicy",
	"imagePullSecrets[].name",
	"volumes[].image.pullPolicy",
	"volumes[].rbd.image", // a block device in a Ceph cluster
}

// TestEveryImageOfTheAPIIsASite fails when a newer k8s.io/api gives a PodSpec
// a place for an image that the iterator does not go through.
func TestEveryImageOfTheAPIIsASite(t *testing.T) {
	t.Parallel()
	suspect := regexp.MustCompile(`(?i)image|artifact|oci|\.reference$`)
	var found []string
	stringsOf(reflect.TypeFor[corev1.PodSpec](), "", func(path string) {
		if suspect.MatchString(path) {
			found = append(found, path)
		}
	})
	want := slices.Concat(sitesInAPI, notSites)
	slices.Sort(want)
	slices.Sort(found)
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("k8s.io/api changed: give each new path a List in sites.go, or put it under notSites (-want +got):\n%s", diff)
	}
}

// TestEverySiteIsVisited fills in what the test above lists, and nothing else.
func TestEverySiteIsVisited(t *testing.T) {
	t.Parallel()
	pod := decodePod(t, `{"spec":{
		"containers":[{"image":"a"},{"image":""},{},{"image":null},{"name":"b","image":"b"}],
		"initContainers":[{"name":"c","image":"c"}],
		"ephemeralContainers":[{"name":"d","image":"d"}],
		"volumes":[{"name":"x","emptyDir":{}},{"name":"e","image":{"reference":"e"}},{"image":null},{"rbd":{"image":"no"}}]
	}}`)
	want := []Site{
		{InitContainers, 0, "c", "c"},
		{Containers, 0, "", "a"},
		{Containers, 4, "b", "b"},
		{EphemeralContainers, 0, "d", "d"},
		{Volumes, 1, "e", "e"},
	}
	got := slices.Collect(pod.Sites())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sites (-want +got):\n%s", diff)
	}

	lists := map[string]struct{}{}
	var names, pointers []string
	for _, s := range got {
		lists[s.List.String()] = struct{}{}
		names, pointers = append(names, s.String()), append(pointers, s.Pointer())
	}
	assert.Len(t, lists, len(sitesInAPI))
	assert.Equal(t, []string{"initContainers/c", "containers/0", "containers/b", "ephemeralContainers/d", "volumes/e"}, names)
	assert.Equal(t, []string{
		"/spec/initContainers/0/image", "/spec/containers/0/image", "/spec/containers/4/image",
		"/spec/ephemeralContainers/0/image", "/spec/volumes/1/image/reference",
	}, pointers)

	for want := range 6 { // an iterator must stop when it is told to
		n := 0
		for range pod.Sites() {
			if n == want {
				break
			}
			n++
		}
		assert.Equal(t, min(want, len(got)), n)
	}
}

func TestSitesChangedFrom(t *testing.T) {
	t.Parallel()
	old := decodePod(t, `{"spec":{
		"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"}],
		"ephemeralContainers":[{"name":"d","image":"4"}],
		"volumes":[{"name":"a","image":{"reference":"5"}}]}}`)
	tests := []struct {
		name, pod string
		want      []string
	}{
		{"nothing changes", `{"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"}]}`, nil},
		{"a list is reordered", `{"containers":[{"name":"b","image":"2"},{"name":"a","image":"1"}]}`, nil},
		{"an image changes", `{"containers":[{"name":"a","image":"1"},{"name":"b","image":"3"}]}`, []string{"containers/b"}},
		{"two images change places", `{"containers":[{"name":"a","image":"2"},{"name":"b","image":"1"}]}`,
			[]string{"containers/a", "containers/b"}},
		{"a container is put in front", `{"ephemeralContainers":[{"name":"e","image":"4"},{"name":"d","image":"4"}]}`,
			[]string{"ephemeralContainers/e"}},
		{"the same name and image in another list", `{"initContainers":[{"name":"a","image":"1"}]}`, []string{"initContainers/a"}},
		{"a volume's image changes", `{"volumes":[{"name":"a","image":{"reference":"6"}}]}`, []string{"volumes/a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pod := decodePod(t, `{"spec":`+tt.pod+`}`)
			var got []string
			for s := range pod.SitesChangedFrom(old) {
				got = append(got, s.String())
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

// stringsOf visits the JSON path of every string that a value of t can hold.
func stringsOf(t reflect.Type, path string, visit func(path string)) {
	switch t.Kind() {
	case reflect.Pointer:
		stringsOf(t.Elem(), path, visit)
	case reflect.Slice, reflect.Map:
		stringsOf(t.Elem(), path+"[]", visit)
	case reflect.String:
		visit(strings.TrimPrefix(path, "."))
	case reflect.Struct:
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name != "" {
				name = "." + name
			}
			stringsOf(f.Type, path+name, visit)
		}
	}
}

func decodePod(t testing.TB, object string) *Pod {
	t.Helper()
	var r Review
	require.NoError(t, r.Decode(fmt.Appendf(nil, `{"request":{"object":%s}}`, object)))
	return &r.Request.Object
}
