package image

import (
	"bytes"
	"encoding/pem"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// rootsPath is where Go looks for certificates, and users put theirs.
const rootsPath = "etc/ssl/certs/ca-certificates.crt"

// roots are the certificates of Mozilla's list that a program in the image
// trusts, of the Tencent Cloud API for example. The Go team publishes the list as
// a module, so that go.sum says what they are and nothing of the machine that
// builds goes in. Limits that Mozilla puts on some of them by date have no place
// in such a file; distributions leave them out, too.
func roots() []byte {
	var file bytes.Buffer
	for root := range bundle.Roots() {
		// A bytes.Buffer takes everything.
		_ = pem.Encode(&file, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
	}
	return file.Bytes()
}
