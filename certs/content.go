package certs

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/cert-manager/cert-manager/pkg/util/pki"
)

// SecretName is the Secret of our own namespace that holds the authorities.
const SecretName = "tcr-webhook-ca"

// The keys of the Secret.
const (
	keyNext, keyCurrent = "next", "current"
	suffixCert          = ".crt"
	suffixKey           = ".key"
	keyPrevious         = "previous" + suffixCert // certificates alone: nothing is signed by them any more
)

// maxPrevious bounds the CAs that are trusted and do not sign. One is usual;
// there are more where a Secret was lost, or where certificates were mounted
// before.
const maxPrevious = 4

// Content is what the Secret holds.
type Content struct {
	Next, Current *Authority // nil for none
	Previous      []*x509.Certificate
	// Damaged names the keys whose values are of no use.
	Damaged []string

	// salvaged are certificates of authorities that are damaged otherwise.
	salvaged []*x509.Certificate
}

// ParseContent reads the data of a Secret. It takes what can be used.
func ParseContent(data map[string][]byte) Content {
	var c Content
	for name, into := range map[string]**Authority{keyNext: &c.Next, keyCurrent: &c.Current} {
		certificate, hasCert := data[name+suffixCert]
		key, hasKey := data[name+suffixKey]
		if !hasCert && !hasKey {
			continue
		}
		authority, cert, err := parseAuthority(certificate, key)
		if err != nil {
			c.Damaged = append(c.Damaged, fmt.Sprintf("%s: %v", name, err))
			if cert != nil {
				c.salvaged = append(c.salvaged, cert)
			}
			continue
		}
		*into = authority
	}
	if previous, has := data[keyPrevious]; has {
		certs, err := parseBundle(previous)
		if err != nil {
			c.Damaged = append(c.Damaged, keyPrevious+": no certificates")
		}
		c.Previous = certs
	}
	slices.Sort(c.Damaged)
	return c
}

// Data is the content as ParseContent reads it. A key that is not to be there
// has the value nil.
func (c Content) Data() (map[string][]byte, error) {
	data := map[string][]byte{}
	for name, authority := range map[string]*Authority{keyNext: c.Next, keyCurrent: c.Current} {
		data[name+suffixCert], data[name+suffixKey] = nil, nil
		if authority == nil {
			continue
		}
		var err error
		if data[name+suffixCert], data[name+suffixKey], err = authority.encode(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	data[keyPrevious] = encodeBundle(c.Previous)
	return data, nil
}

// Bundle lists all CAs that are trusted. It depends on no clock, so that all
// who read the same Secret want the same caBundle.
func (c Content) Bundle() []*x509.Certificate {
	var all []*x509.Certificate
	for _, a := range []*Authority{c.Current, c.Next} {
		if a != nil {
			all = append(all, a.Certificate)
		}
	}
	return distinct(append(all, c.Previous...))
}

// parseBundle reads certificates in PEM, as many as come before what is none.
// The error says that there is none, or something else.
func parseBundle(pem []byte) ([]*x509.Certificate, error) {
	certs, err := pki.DecodeX509CertificateSetBytes(pem)
	if err != nil {
		return nil, errors.New("no certificates in PEM") // the error might quote what it read
	}
	return distinct(certs), nil
}

// encodeBundle writes certificates as PEM; nil for none.
func encodeBundle(certs []*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, c := range certs {
		block, err := pki.EncodeX509(c)
		if err != nil {
			continue // a buffer takes all
		}
		out.Write(block)
	}
	return out.Bytes()
}

// distinct drops what is in certs before.
func distinct(certs []*x509.Certificate) []*x509.Certificate {
	var unique []*x509.Certificate
	for _, c := range certs {
		if !contains(unique, c) {
			unique = append(unique, c)
		}
	}
	return unique
}

func contains(certs []*x509.Certificate, c *x509.Certificate) bool {
	return slices.ContainsFunc(certs, c.Equal)
}

func containsAll(certs, wanted []*x509.Certificate) bool {
	return !slices.ContainsFunc(wanted, func(c *x509.Certificate) bool { return !contains(certs, c) })
}
