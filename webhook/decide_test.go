package webhook

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

var update = flag.Bool("update", false, "write the golden files anew")

// question is a golden input: the parts of a request that decide.
type question struct {
	Namespace       string            `json:"namespace,omitempty"`
	NamespaceLabels map[string]string `json:"namespaceLabels,omitempty"`
	Operation       string            `json:"operation,omitempty"`
	SubResource     string            `json:"subResource,omitempty"`
	Object          json.RawMessage   `json:"object"`
	OldObject       json.RawMessage   `json:"oldObject,omitempty"`

	ServiceAccountAnnotations map[string]string `json:"serviceAccountAnnotations,omitempty"`
	EveryPod                  bool              `json:"everyPod,omitempty"` // asked by EveryPodPath
}

// outcome is a golden output: all that the API server gets to see, the pod
// with the patch applied, and whose logins are asked for.
type outcome struct {
	Warnings  []string          `json:"warnings,omitempty"`
	Audit     map[string]string `json:"audit,omitempty"`
	Instances []registry.ID     `json:"instances,omitempty"`
	Patch     []operation       `json:"patch,omitempty"`
	Object    any               `json:"object"`
}

type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// TestDecideGolden decides the pods of testdata. Each case also shows that the
// patch touches nothing but what it may, and that a second round is empty.
func TestDecideGolden(t *testing.T) {
	t.Parallel()
	inputs, err := filepath.Glob("testdata/*/*.in.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, inputs)
	for _, in := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(in), ".in.yaml"), func(t *testing.T) {
			t.Parallel()
			q := readQuestion(t, in)
			got := decideQuestion(t, q)
			checkGolden(t, strings.Replace(in, ".in.", ".want.", 1), got)

			after, err := json.Marshal(got.Object)
			require.NoError(t, err)
			q.Object = after
			again := decideQuestion(t, q)
			assert.Empty(t, again.Patch, "the second round changes something")
			if q.Operation == "CREATE" {
				assert.Equal(t, got.Instances, again.Instances, "the second round asks for other logins")
			}
		})
	}
}

func readQuestion(t *testing.T, path string) question {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	q := question{Namespace: "team-a", Operation: "CREATE"}
	require.NoError(t, yaml.UnmarshalStrict(text, &q))
	return q
}

func checkGolden(t *testing.T, path string, got outcome) {
	t.Helper()
	text, err := yaml.Marshal(got)
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(path, text, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run with -update, and read what it writes")
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// decideQuestion goes the way of a call, from its bytes to the patched pod.
func decideQuestion(t testing.TB, q question) outcome {
	t.Helper()
	var review podview.Review
	require.NoError(t, review.Decode(reviewOf(t, q)))
	d := Decide(&review.Request, testState(t), Surroundings{
		NamespaceLabels: q.NamespaceLabels, ServiceAccountAnnotations: q.ServiceAccountAnnotations, EveryPod: q.EveryPod,
	})
	response := readResponse(t, appendReview(nil, review.Request.UID, &d, false))
	got := outcome{Warnings: response.Warnings, Audit: response.AuditAnnotations, Instances: d.Instances}
	require.NoError(t, json.Unmarshal(applyPatch(t, response.Patch, q.Object), &got.Object))
	if response.Patch != nil {
		require.NoError(t, json.Unmarshal(response.Patch, &got.Patch))
	}
	return got
}

func reviewOf(t testing.TB, q question) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
		"request": map[string]any{
			"uid": "705ab4f5", "kind": map[string]string{"group": "", "version": "v1", "kind": "Pod"},
			"namespace": q.Namespace, "operation": q.Operation, "subResource": q.SubResource,
			"object": q.Object, "oldObject": q.OldObject,
		},
	})
	require.NoError(t, err)
	return text
}

// readResponse reads an answer with Kubernetes' types and checks it as
// k8s.io/apiserver does (VerifyAdmissionResponse).
func readResponse(t testing.TB, body []byte) *admissionv1.AdmissionResponse {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	var review admissionv1.AdmissionReview
	require.NoError(t, decoder.Decode(&review), "%s", body)
	require.Equal(t, "admission.k8s.io/v1", review.APIVersion)
	require.Equal(t, "AdmissionReview", review.Kind)
	require.NotNil(t, review.Response)
	require.Equal(t, "705ab4f5", string(review.Response.UID))
	require.True(t, review.Response.Allowed)
	require.Nil(t, review.Response.Result)
	if len(review.Response.Patch) > 0 {
		require.NotNil(t, review.Response.PatchType)
		require.Equal(t, admissionv1.PatchTypeJSONPatch, *review.Response.PatchType)
	} else {
		require.Nil(t, review.Response.PatchType)
	}
	for _, w := range review.Response.Warnings {
		require.LessOrEqual(t, len([]rune(w)), 256)
	}
	return review.Response
}

// mayChange are the only paths that a patch touches.
var mayChange = regexp.MustCompile(`^(/spec/((initContainers|containers|ephemeralContainers)/\d+/image|volumes/\d+/image/reference|imagePullSecrets(/-)?)` +
	`|/metadata/annotations(/tcr-webhook\.io~1original-images)?)$`)

func applyPatch(t testing.TB, patch, object []byte) []byte {
	t.Helper()
	if patch == nil {
		return object
	}
	operations, err := jsonpatch.DecodePatch(patch)
	require.NoError(t, err)
	for _, o := range operations {
		path, err := o.Path()
		require.NoError(t, err)
		require.Regexp(t, mayChange, path)
		require.Contains(t, []string{"add", "replace"}, o.Kind())
	}
	after, err := operations.Apply(object)
	require.NoError(t, err, "the patch does not apply: %s", patch)
	return after
}

// testState knows an instance with a private route and a domain of its own,
// one with a public route, one that is named like a private host, one whose
// private host is another's, two that only some namespaces may use, and two in
// a namespace of their own without a private route.
func testState(t testing.TB) *State {
	t.Helper()
	all, err := registry.SelectNamespaces(nil, nil)
	require.NoError(t, err)
	teams, err := registry.SelectNamespaces([]string{"team-*"}, nil)
	require.NoError(t, err)
	remote, err := registry.SelectNamespaces([]string{"remote"}, nil)
	require.NoError(t, err)
	nobody, err := registry.SelectNamespaces([]string{"nobody"}, nil)
	require.NoError(t, err)
	gold, err := registry.SelectNamespaces(nil, labels.SelectorFromSet(labels.Set{"tier": "gold"}))
	require.NoError(t, err)
	directory, conflicts := registry.NewDirectory([]registry.Entry{
		{ID: "tcr-demo0001", Route: registry.RoutePrivateName, Namespaces: all, Hosts: registry.Hosts{
			Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com", Custom: []registry.Host{"r.example.com"}}},
		{ID: "tcr-open0002", Route: registry.RoutePublicName, Namespaces: all, Hosts: registry.Hosts{
			Public: "open.tencentcloudcr.com", Private: "open-vpc.tencentcloudcr.com"}},
		{ID: "tcr-xvpc0003", Route: registry.RoutePrivateName, Namespaces: all, Hosts: registry.Hosts{
			Public: "x-vpc.tencentcloudcr.com", Private: "x-vpc-vpc.tencentcloudcr.com"}},
		{ID: "tcr-team0004", Route: registry.RoutePrivateName, Namespaces: teams, Hosts: registry.Hosts{
			Public: "team.tencentcloudcr.com", Private: "team-vpc.tencentcloudcr.com"}},
		{ID: "tcr-nopv0005", Route: registry.RoutePrivateName, Namespaces: all, Hosts: registry.Hosts{
			Public: "nopv.tencentcloudcr.com", Private: "nopv-vpc.tencentcloudcr.com"}},
		// It has the private name of the one before as its public one.
		{ID: "tcr-nvpc0007", Route: registry.RoutePublicName, Namespaces: nobody, Hosts: registry.Hosts{Public: "nopv-vpc.tencentcloudcr.com"}},
		{ID: "tcr-gold0006", Route: registry.RoutePrivateName, Namespaces: gold, Hosts: registry.Hosts{
			Public: "gold.tencentcloudcr.com", Private: "gold-vpc.tencentcloudcr.com"}},
		{ID: "tcr-none0007", Route: registry.RouteNone, Namespaces: remote, Hosts: registry.Hosts{Public: "none.tencentcloudcr.com", Private: "none-vpc.tencentcloudcr.com"},
			Reach: registry.Reach{Reason: registry.NoLink, Advice: "no private link from vpc-abc123 to tcr-none0007"}},
		{ID: "tcr-wait0008", Route: registry.RouteNone, Namespaces: remote, Hosts: registry.Hosts{Public: "wait.tencentcloudcr.com"},
			Reach: registry.Reach{Reason: registry.RouteNotKnown}},
	})
	require.Equal(t, []registry.Conflict{{Host: "nopv-vpc.tencentcloudcr.com", Kept: "tcr-nvpc0007", Taken: "tcr-nopv0005"}}, conflicts)
	return &State{
		Directory:      directory,
		PullSecretName: "tcr-pull",
		SkipOwners:     []podview.GroupKind{{Group: "postgresql.cnpg.io", Kind: "Cluster"}},
	}
}
