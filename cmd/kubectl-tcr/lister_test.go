package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/audit"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

// answers are what an API server says to a path and a continue token.
type answers struct {
	mu    sync.Mutex
	asked []string
	by    map[string]string
}

// ServeHTTP implements http.Handler.
func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.URL.Path + " " + r.URL.Query().Get("continue")
	a.mu.Lock()
	a.asked = append(a.asked, key)
	a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	text, known := a.by[key]
	switch {
	case !known:
		text = `{"items":null,"metadata":{}}`
	case strings.Contains(text, `"Status"`):
		w.WriteHeader(http.StatusGone)
	}
	fmt.Fprint(w, text)
}

func tellAll(t *testing.T, a *answers, namespace string) (*audit.Report, error) {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	require.NoError(t, err)
	rules, mistakes := policy.Parse([]policy.Rule{{Name: "a", Allow: []string{"quay.io"}, Action: policy.Enforce}})
	require.Empty(t, mistakes)
	tally := audit.NewTally(rules.Compile(&registry.Directory{}, ""), "")
	err = (&lister{client: client.CoreV1().RESTClient(), namespace: namespace}).tell(t.Context(), tally)
	return tally.Report(), err
}

func podText(name, image string, more ...string) string {
	return fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"shop","uid":"u-%s"%s},"spec":{"containers":[{"name":"c","image":%q}]}}`, name, name, strings.Join(more, ""), image)
}

func controlledBy(kind, uid string) string {
	return fmt.Sprintf(`,"ownerReferences":[{"apiVersion":"v1","kind":"Other","name":"no","uid":"0"},{"apiVersion":"example.com/v1","kind":%q,"name":"owner","uid":%q,"controller":true}]`, kind, uid)
}

func TestListsPageByPage(t *testing.T) {
	t.Parallel()
	a := &answers{by: map[string]string{
		"/api/v1/pods ":  `{"metadata":{"continue":"b"},"items":[` + podText("one", "nginx") + `]}`,
		"/api/v1/pods b": `{"kind":"Status","apiVersion":"v1","metadata":{"continue":"c"},"status":"Failure","reason":"Expired","code":410}`,
		"/api/v1/pods c": `{"metadata":{},"items":[` + podText("two", "nginx") + `,` + podText("static", "nginx", controlledBy("Node", "n")) + `,` +
			podText("gone", "nginx", controlledBy("ReplicaSet", "unknown")) + `,` + podText("known", "nginx", controlledBy("ReplicaSet", "u-set")) + `]}`,
		"/apis/apps/v1/replicasets ": `{"metadata":{},"items":[{"metadata":{"name":"set","namespace":"shop","uid":"u-set"` + controlledBy("Rollout", "r") + `}}]}`,
		"/apis/batch/v1/jobs ": `{"metadata":{},"items":[{"metadata":{"name":"done","namespace":"shop"},"spec":{"template":` + podText("", "nginx") + `},"status":{"conditions":[{"type":"Complete","status":"True"}]}},` +
			`{"metadata":{"name":"job","namespace":"shop"},"spec":{"template":` + podText("", "nginx") + `},"status":{"conditions":[{"type":"Failed","status":"False"}]}}]}`,
		"/api/v1/replicationcontrollers ": `{"metadata":{},"items":[{"metadata":{"name":"none","namespace":"shop"},"spec":{}}]}`,
	}}
	r, err := tellAll(t, a, "")
	require.NoError(t, err)
	var names []string
	for _, f := range r.Findings {
		names = append(names, fmt.Sprintf("%s/%s %d", f.Workload.Kind, f.Workload.Name, f.Pods))
	}
	assert.Equal(t, []string{"Job/job 0", "Pod/one 1", "Pod/static 1", "Pod/two 1", "ReplicaSet/owner 1", "Rollout/owner 1"}, names)
}

func TestListsOfOneNamespace(t *testing.T) {
	t.Parallel()
	a := &answers{}
	_, err := tellAll(t, a, "shop")
	require.NoError(t, err)
	require.Len(t, a.asked, 8)
	for _, path := range a.asked {
		assert.Contains(t, path, "/namespaces/shop/")
	}
}

func TestListsThatFail(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"items":"marker"}`: "list pods: the answer makes no sense",
		`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","reason":"Expired","message":"too old","code":410}`: "list pods: too old",
	} {
		_, err := tellAll(t, &answers{by: map[string]string{"/api/v1/pods ": text}}, "")
		assert.EqualError(t, err, want)
	}
}
