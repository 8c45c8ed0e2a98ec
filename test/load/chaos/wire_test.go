package chaos

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// reply is an answer as it is on the wire; zero where there was none.
type reply struct {
	status     int
	retryAfter string
	closes     bool // the connection
}

// post sends body once, as the API server does but for what edit changes, and
// never again.
func post(ctx context.Context, t *testing.T, id identity, r *replica, body []byte, edit func(*http.Request)) (reply, []byte) {
	t.Helper()
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(id.ca))
	transport := &http.Transport{DialContext: r.dial, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: serviceHost}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+serviceHost+webhook.PodsPath+"?timeout=2s", bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	if edit != nil {
		edit(request)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return reply{}, []byte(err.Error())
	}
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return reply{response.StatusCode, response.Header.Get("Retry-After"), response.Close}, text
}

const reviewUID = "705ab4f5-6393-11e8-b7cc-42010a800002"

// reviewOf is the API server's question about newPod.
func reviewOf(t *testing.T) []byte {
	t.Helper()
	object, err := json.Marshal(newPod())
	require.NoError(t, err)
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: reviewUID, Kind: metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}, Resource: metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
			Namespace: "team-a", Operation: admissionv1.Create, Object: runtime.RawExtension{Raw: object},
		},
	})
	require.NoError(t, err)
	return body
}

// requireAllowed checks that body is a review that allows what uid asked.
func requireAllowed(t *testing.T, uid string, body []byte) *admissionv1.AdmissionResponse {
	t.Helper()
	var review admissionv1.AdmissionReview
	require.NoError(t, json.Unmarshal(body, &review), "%s", body)
	require.NotNil(t, review.Response, "%s", body)
	require.True(t, review.Response.Allowed, "%s", body)
	assert.Equal(t, types.UID(uid), review.Response.UID)
	return review.Response
}
