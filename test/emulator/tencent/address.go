package tencent

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// Endpoint is the TCR API, "http://127.0.0.1:port".
func (c *Cloud) Endpoint() string { return "http://" + c.api.address }

// STSEndpoint is STS, "127.0.0.1:port", with TLS: the SDK's providers take a
// host and always speak TLS. The TCR API answers there too, to its own names.
func (c *Cloud) STSEndpoint() string { return c.sts.address }

// STSURL is STS without TLS, "http://127.0.0.1:port", for clients that take an
// address on loopback for what it is.
func (c *Cloud) STSURL() string { return "http://" + c.stsPlain.address }

// MetadataURL is the metadata server of a CVM, "http://127.0.0.1:port".
func (c *Cloud) MetadataURL() string { return "http://" + c.metadata.address }

// RegistryAddr is "127.0.0.1:port", with TLS for every registry host.
func (c *Cloud) RegistryAddr() string { return c.pulls.address }

// CA is the PEM certificate that everything with TLS here is signed by.
func (c *Cloud) CA() []byte { return c.ca.PEM() }

// Transport trusts the CA and dials the host names of all instances, those of
// Tencent Cloud's API, and the Cloud's own addresses at loopback. Any other
// host is refused: nothing leaves the machine. It is one for all callers and
// ends with the Cloud.
func (c *Cloud) Transport() http.RoundTripper { return c.transport }

func (c *Cloud) newTransport() *http.Transport {
	return &http.Transport{
		DialContext:       c.dial,
		TLSClientConfig:   &tls.Config{RootCAs: c.ca.Pool(), MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
		Proxy:             nil, // loopback needs none, and a proxy would see the requests
	}
}

func (c *Cloud) dial(ctx context.Context, network, address string) (net.Conn, error) {
	target, err := c.target(address)
	if err != nil {
		return nil, err
	}
	return (&net.Dialer{}).DialContext(ctx, network, target)
}

// target is the loopback address that serves an address.
func (c *Cloud) target(address string) (string, error) {
	for _, own := range []string{c.api.address, c.sts.address, c.pulls.address} {
		if address == own {
			return own, nil
		}
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("dial %s: %w", address, err)
	}
	_, registryPort, err := net.SplitHostPort(c.pulls.address)
	if err != nil {
		return "", fmt.Errorf("dial %s: %w", address, err)
	}
	switch {
	case port == "443" && isAPIHost(host):
		return c.sts.address, nil
	case (port == "443" || port == registryPort) && c.isRegistryHost(host):
		return c.pulls.address, nil
	}
	return "", fmt.Errorf("dial %s: the emulator does not serve it, and nothing else is dialed", address)
}

func (c *Cloud) isRegistryHost(host string) bool {
	_, ok := c.instances.ByHost(host)
	return ok
}

// isAPIHost reports whether host is a name of the TCR or STS API: the public,
// the regional or the internal one.
func isAPIHost(host string) bool {
	service, _, _ := strings.Cut(host, ".")
	return (service == "tcr" || service == "sts") && strings.HasSuffix(host, ".tencentcloudapi.com")
}
