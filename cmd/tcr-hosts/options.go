//go:build linux

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/pflag"

	"github.com/tcr-webhook/tcr-webhook/cmd/tcr-hosts/hostsfile"
)

// options are the command's flags.
type options struct {
	hosts        string
	file         string
	stateDir     string
	domains      []string
	interval     time.Duration
	removeOnExit bool
	listen       string
	logLevel     string
}

// addCommon adds what `tcr-hosts remove` takes as well.
func (o *options) addCommon(f *pflag.FlagSet) {
	f.StringVar(&o.file, "file", "/host/etc/hosts", "the node's hosts file")
	f.StringVar(&o.stateDir, "state-dir", "/var/lib/tcr-hosts", "folder for the journal of a write in place, which is needed where the hosts file is itself a mount")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
}

func (o *options) addTo(f *pflag.FlagSet) {
	f.StringVar(&o.hosts, "hosts", "/etc/tcr-hosts/hosts.yaml", "list of names and addresses; read again at each interval")
	f.StringSliceVar(&o.domains, "domains", []string{".tencentcloudcr.com"}, "names that may enter the file: suffixes that begin with a dot, and whole names; any other is refused")
	f.DurationVar(&o.interval, "interval", 5*time.Second, "how often both files are looked at")
	f.BoolVar(&o.removeOnExit, "remove-on-exit", false, "take our block out of the file when told to stop")
	f.StringVar(&o.listen, "listen", ":8080", "address of /metrics, /healthz and /readyz; 0 for none")
}

// check finds all that is wrong with the flags themselves.
func (o *options) check() (hostsfile.Domains, error) {
	var errs []error
	domains, err := hostsfile.NewDomains(o.domains)
	if err != nil {
		errs = append(errs, fmt.Errorf("--domains: %w", err))
	}
	if len(o.domains) == 0 {
		errs = append(errs, errors.New("--domains: is empty; name a suffix such as .tencentcloudcr.com"))
	}
	if _, _, err := net.SplitHostPort(o.listen); err != nil && o.listen != "0" {
		errs = append(errs, fmt.Errorf("--listen: %q is not an address such as :8080", o.listen))
	}
	const shortest = 10 * time.Millisecond
	if o.interval < shortest {
		errs = append(errs, fmt.Errorf("--interval: %s is shorter than %s", o.interval, shortest))
	}
	if _, err := o.level(); err != nil {
		errs = append(errs, err)
	}
	return domains, errors.Join(errs...)
}

func (o *options) level() (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return 0, fmt.Errorf("--log-level: %q is not debug, info, warn or error", o.logLevel)
	}
	return level, nil
}
