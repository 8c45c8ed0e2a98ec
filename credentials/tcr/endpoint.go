package tcr

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// endpoint is where the API is, in the words of the SDK.
type endpoint struct {
	scheme     string // "HTTPS" or "HTTP"
	host       string // with port, if any; empty for Tencent's own
	rootDomain string // empty for Tencent's own
}

// parseEndpoint reads an address such as http://127.0.0.1:1234. Without one
// the API is Tencent's, under rootDomain if that is given.
func parseEndpoint(address, rootDomain string) (endpoint, error) {
	if address == "" {
		return endpoint{scheme: "HTTPS", rootDomain: rootDomain}, nil
	}
	if rootDomain != "" {
		return endpoint{}, fmt.Errorf("endpoint %s and root domain %s exclude each other; give one", address, rootDomain)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || strings.TrimSuffix(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return endpoint{}, fmt.Errorf("endpoint %q is not the URL of a host; give one such as https://tcr.example.com", address)
	}
	switch {
	case u.Scheme == "https":
		return endpoint{scheme: "HTTPS", host: u.Host}, nil
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		return endpoint{scheme: "HTTP", host: u.Host}, nil
	case u.Scheme == "http":
		return endpoint{}, fmt.Errorf("endpoint %s would carry tokens in clear text; use https, or a loopback address", address)
	default:
		return endpoint{}, fmt.Errorf("endpoint %q is neither http nor https", address)
	}
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
