package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

// options are the command line.
type options struct {
	apiAddress, stsAddress, stsPlainAddress, metadataAddress, registryAddress, adminAddress string

	instances       []tencent.Instance
	region          string
	tokenLifetime   time.Duration
	linkDelay       time.Duration
	publicRealm     bool
	noLimits        bool
	unknownInstance string
	quiet           bool
}

// parse reads the command line. Its errors say which flag is wrong.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var instances []string
	flags := pflag.NewFlagSet("emulator", pflag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.SortFlags = false
	flags.StringVar(&o.apiAddress, "api-address", "127.0.0.1:0", "where the TCR API listens, plain HTTP")
	flags.StringVar(&o.stsAddress, "sts-address", "127.0.0.1:0", "where STS listens, TLS")
	flags.StringVar(&o.stsPlainAddress, "sts-plain-address", "127.0.0.1:0", "where STS listens, plain HTTP")
	flags.StringVar(&o.metadataAddress, "metadata-address", "127.0.0.1:0", "where the metadata server of a CVM listens, plain HTTP")
	flags.StringVar(&o.registryAddress, "registry-address", "127.0.0.1:0", "where the registries listen, TLS")
	flags.StringVar(&o.adminAddress, "admin-address", "127.0.0.1:0", "where the admin endpoint listens, plain HTTP; loopback only")
	flags.StringArrayVar(&instances, "instance", []string{"tcr-m3ut3qxx=demo"}, "an instance as id=name; may be repeated")
	flags.StringVar(&o.region, "region", "ap-guangzhou", "region of the instances")
	flags.DurationVar(&o.tokenLifetime, "token-lifetime", time.Hour, "life of temporary pull tokens")
	flags.DurationVar(&o.linkDelay, "link-delay", time.Minute, "how long a new private link or custom domain takes to work")
	flags.BoolVar(&o.publicRealm, "public-realm", false, "send clients of the -vpc host to the public host for tokens")
	flags.BoolVar(&o.noLimits, "no-limits", false, "answer any number of API requests a second")
	flags.StringVar(&o.unknownInstance, "unknown-instance", "", "code of CreateInstanceToken for an unknown instance, e.g. InternalError.DbError")
	flags.BoolVar(&o.quiet, "quiet", false, "do not log requests to standard error")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("argument %q: the emulator takes flags only; see --help", flags.Arg(0))
	}
	if o.tokenLifetime < time.Second {
		return o, fmt.Errorf("--token-lifetime %s: want at least 1s", o.tokenLifetime)
	}
	if err := checkLoopback(o.adminAddress); err != nil {
		return o, fmt.Errorf("--admin-address: %w", err)
	}
	return o, o.addInstances(instances)
}

func (o *options) addInstances(pairs []string) error {
	for _, pair := range pairs {
		id, name, ok := strings.Cut(pair, "=")
		if !ok {
			return fmt.Errorf("--instance %q: want id=name, as in tcr-m3ut3qxx=demo", pair)
		}
		o.instances = append(o.instances, tencent.Instance{ID: id, Name: name, Region: o.region})
	}
	return nil
}

// checkLoopback refuses to open the admin endpoint, which asks nobody for a
// password, to others.
func checkLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not host:port: %w", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%q is not a loopback address, and the endpoint has no password", address)
	}
	return nil
}

// cloud is what the flags mean to the emulator itself.
func (o options) cloud(log io.Writer) tencent.Options {
	if o.quiet {
		log = nil
	}
	return tencent.Options{
		APIAddress: o.apiAddress, STSAddress: o.stsAddress, STSPlainAddress: o.stsPlainAddress,
		MetadataAddress: o.metadataAddress, RegistryAddress: o.registryAddress,
		Log: log, LinkDelay: o.linkDelay, PublicRealm: o.publicRealm, NoLimits: o.noLimits,
		UnknownInstance: o.unknownInstance,
	}
}
