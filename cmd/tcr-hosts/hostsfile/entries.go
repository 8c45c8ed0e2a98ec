package hostsfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Entry is a name and the address that it is to have on the node.
type Entry struct {
	Domain  string // in lower case
	Address netip.Addr
}

// item is an entry as hosts.yaml has it: the format of the TCR add-on's
// updater-config (tencentcloud.com document 457/43503).
type item struct {
	Domain   string `yaml:"domain"`
	IP       string `yaml:"ip"`
	Disabled bool   `yaml:"disabled"`
}

// Decode reads the list of hosts.yaml and returns the entries that are not
// disabled, in order, each name once. Nothing at all is an empty list. The error
// has a line for each mistake, which begins with name, the file's, and the line.
func Decode(name string, data []byte) ([]Entry, error) {
	var items []*item // by pointer: of values, the library drops those that are null
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&items); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, decodeErrors(name, err)
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: holds more than one YAML document; keep the first alone", name)
	}
	lines, err := linesOf(data)
	if err != nil {
		return nil, decodeErrors(name, err)
	}
	var entries []Entry
	var errs []error
	seen := map[string]netip.Addr{}
	for i, it := range items {
		e, err := it.entry()
		before, twice := seen[e.Domain]
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s:%d: %w", name, lines[i], err))
		case it.Disabled, twice && before == e.Address:
		case twice:
			errs = append(errs, fmt.Errorf("%s:%d: domain: %q is listed before, with %s; keep one of the two", name, lines[i], e.Domain, before))
		default:
			seen[e.Domain] = e.Address
			entries = append(entries, e)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return entries, nil
}

// entry checks it. A disabled one may lack the address, which a link that is
// gone has none of.
func (it *item) entry() (Entry, error) {
	if it == nil {
		return Entry{}, errors.New("is an entry of nothing; want domain, ip and disabled")
	}
	domain := strings.ToLower(it.Domain)
	if err := checkDomain(domain); err != nil {
		return Entry{}, fmt.Errorf("domain: %q %w", it.Domain, err)
	}
	if it.Disabled && it.IP == "" {
		return Entry{Domain: domain}, nil
	}
	addr, err := netip.ParseAddr(it.IP)
	addr = addr.Unmap()
	if err != nil || addr.Zone() != "" || addr.IsUnspecified() || addr.IsMulticast() {
		return Entry{}, fmt.Errorf("ip: %q is not the address of a host, such as 10.0.0.2", it.IP)
	}
	return Entry{Domain: domain, Address: addr}, nil
}

// linesOf returns the line on which each item of a list begins.
func linesOf(data []byte) ([]int, error) {
	var tree yaml.Node
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return nil, err
	}
	var lines []int
	for _, root := range tree.Content {
		if root.Alias != nil {
			root = root.Alias
		}
		for _, n := range root.Content {
			lines = append(lines, n.Line)
		}
	}
	return lines, nil
}

var (
	linePattern    = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	unknownPattern = regexp.MustCompile(`^field (\S+) not found in type \S+$`)
)

// decodeErrors puts the library's messages into the words of the file.
func decodeErrors(name string, err error) error {
	messages := []string{err.Error()}
	var typeErr *yaml.TypeError
	if errors.As(err, &typeErr) {
		messages = typeErr.Errors
	}
	var errs []error
	for _, m := range messages {
		line := linePattern.FindStringSubmatch(m)
		if line == nil {
			errs = append(errs, fmt.Errorf("%s: %s", name, strings.TrimPrefix(m, "yaml: ")))
			continue
		}
		what := line[2]
		if unknown := unknownPattern.FindStringSubmatch(what); unknown != nil {
			what = fmt.Sprintf("unknown key %q; known here: domain, ip, disabled", unknown[1])
		} else if strings.Contains(what, "[]*hostsfile.item") {
			what = "is not a list of entries with domain, ip and disabled"
		}
		errs = append(errs, fmt.Errorf("%s:%s: %s", name, line[1], what))
	}
	return errors.Join(errs...)
}
