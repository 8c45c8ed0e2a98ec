package certs

import (
	"crypto/x509"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// The patch changes caBundles and nothing else, where they differ, and applies
// to no other version and to no other entries.
func TestPatch(t *testing.T) {
	t.Parallel()
	ca, other := made(t, 0).Certificate, made(t, day).Certificate
	wanted := []*x509.Certificate{ca}
	fail := admissionregistrationv1.Fail
	live := &admissionregistrationv1.MutatingWebhookConfiguration{Webhooks: []admissionregistrationv1.MutatingWebhook{
		{Name: "whole", ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: "n", Name: "s"}, CABundle: encodeBundle(wanted)}},
		{Name: "empty", FailurePolicy: &fail, ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: "n", Name: "s"}}},
		{Name: "others", ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: new("https://h.example:1/x"), CABundle: encodeBundle([]*x509.Certificate{other})}},
		{Name: "garbage", ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: append(encodeBundle(wanted), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"...)}},
		{Name: "twice", ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: encodeBundle([]*x509.Certificate{ca, ca})}},
	}}
	live.Name, live.ResourceVersion = "zz", "41"
	r := FromMutating(live)
	assert.Equal(t, []string{"s.n.svc", "h.example", ""}, []string{r.Entries[0].Host, r.Entries[2].Host, r.Entries[3].Host})
	require.True(t, r.Differs(wanted))
	patch, err := r.Patch(wanted)
	require.NoError(t, err)

	apply := func(c *admissionregistrationv1.MutatingWebhookConfiguration) (*admissionregistrationv1.MutatingWebhookConfiguration, error) {
		decoded, err := jsonpatch.DecodePatch(patch)
		require.NoError(t, err)
		before, err := json.Marshal(c)
		require.NoError(t, err)
		after, err := decoded.Apply(before)
		if err != nil {
			return nil, err
		}
		var got admissionregistrationv1.MutatingWebhookConfiguration
		require.NoError(t, json.Unmarshal(after, &got))
		return &got, nil
	}
	got, err := apply(live)
	require.NoError(t, err)
	want := live.DeepCopy()
	for i := range want.Webhooks {
		if name := want.Webhooks[i].Name; name == "empty" || name == "others" || name == "garbage" {
			want.Webhooks[i].ClientConfig.CABundle = encodeBundle(wanted)
		}
	}
	assert.Equal(t, want, got)
	assert.False(t, FromMutating(got).Differs(wanted))
	none, err := FromMutating(got).Patch(wanted)
	require.NoError(t, err)
	assert.Nil(t, none, "a second pass changes nothing")

	newer := live.DeepCopy()
	newer.ResourceVersion = "42"
	_, err = apply(newer)
	require.Error(t, err, "another has written since")
	moved := live.DeepCopy()
	moved.Webhooks[1], moved.Webhooks[2] = moved.Webhooks[2], moved.Webhooks[1]
	_, err = apply(moved)
	require.Error(t, err, "the entries are others")
}

// FuzzBundle: a caBundle is whatever somebody has put there.
func FuzzBundle(f *testing.F) {
	a, err := NewAuthority(noon, year.CA)
	require.NoError(f, err)
	pem := encodeBundle([]*x509.Certificate{a.Certificate})
	f.Add(pem)
	f.Add(append([]byte("# ours\n"), pem...))
	f.Add(append(pem, pem...))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, bundle []byte) {
		r := registered("r", bundle)
		got := trusted([]Registration{r})
		if !r.Differs(got) {
			assert.True(t, holds([]Registration{r}, got))
		}
		assert.Equal(t, labels(got), labels(trusted([]Registration{registered("r", encodeBundle(got))})))
		leaf, err := a.Sign(names, noon, day)
		require.NoError(t, err)
		trust := &Trust{Registrations: []Registration{r}, Now: noon}
		_, err = trust.Refusal(leaf)
		assert.Equal(t, contains(got, a.Certificate), err == nil)
	})
}
