// Package instance keeps the emulator's TCR instances: their state, host
// names, private links, DNS records and custom domains.
//
// It serves no HTTP. The API (package tcr) reads and changes it, and the
// registry asks it which instance a host name belongs to, so a custom domain
// or an instance added at run time is served from that moment on.
package instance
