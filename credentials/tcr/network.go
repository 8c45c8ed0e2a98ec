package tcr

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
)

// network says in our own words why there was no answer that could be used.
// The text of err is not fit to be shown: for a garbled answer net/http
// quotes it.
func network(err error) string {
	var (
		lookup   *net.DNSError
		untrust  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
		timeout  net.Error
	)
	for _, ours := range []error{errRedirect, errEncoding, errPanic} {
		if errors.Is(err, ours) {
			return ours.Error()
		}
	}
	switch {
	case errors.As(err, &lookup):
		return "the API's host name does not resolve"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the API's address refuses connections"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no route to the API's address"
	case errors.As(err, &untrust), errors.As(err, &hostname), errors.As(err, &invalid):
		return "the API's certificate is not trusted"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "the API's address does not speak TLS"
	case errors.Is(err, context.Canceled):
		return ""
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "the API did not answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the connection to the API broke"
	default:
		return "the answer cannot be read"
	}
}
