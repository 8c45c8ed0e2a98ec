package tc3

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// request is shaped as the SDK's are. That the SDK's own signatures verify is
// shown in package tencent.
func request() Request {
	return Request{
		Method: "POST", ContentType: "application/json", Host: "tcr.tencentcloudapi.com",
		Timestamp: 1551113065, Body: []byte(`{"RegistryId":"tcr-m3ut3qxx"}`),
	}
}

func TestValidSeesEveryChangeOfASignedPart(t *testing.T) {
	t.Parallel()
	const key = "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"
	a := Authorization{SecretID: "AKIDexample", Date: "2019-02-25", Service: "tcr"}
	a.Signature = sign(request(), a.Date, a.Service, key)
	assert.True(t, a.Valid(request(), key), "as signed")
	assert.False(t, a.Valid(request(), key+"x"), "another key")

	parts := map[string]func(*Request, *Authorization){
		"method":       func(r *Request, _ *Authorization) { r.Method = "GET" },
		"query":        func(r *Request, _ *Authorization) { r.Query = "a=b" },
		"content type": func(r *Request, _ *Authorization) { r.ContentType += "; charset=utf-8" },
		"host":         func(r *Request, _ *Authorization) { r.Host += ":443" },
		"timestamp":    func(r *Request, _ *Authorization) { r.Timestamp++ },
		"next day":     func(r *Request, _ *Authorization) { r.Timestamp += 86400 },
		"body":         func(r *Request, _ *Authorization) { r.Body = append(r.Body, ' ') },
		"service":      func(_ *Request, a *Authorization) { a.Service = "sts" },
		"date":         func(_ *Request, a *Authorization) { a.Date = "2019-02-26" },
		"signature":    func(_ *Request, a *Authorization) { a.Signature = "00" + a.Signature[2:] },
	}
	for name, change := range parts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, a := request(), a
			change(&r, &a)
			assert.False(t, a.Valid(r, key))
		})
	}
}
