package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/explain"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

// explanations is what explain prints as JSON.
type explanations struct {
	APIVersion string                 `json:"apiVersion"`
	Kind       string                 `json:"kind"`
	Config     string                 `json:"config"`
	Offline    bool                   `json:"offline"`
	Items      []*explain.Explanation `json:"items"`
}

func (c *command) printExplained(o explainOptions, s *situation, p painter, all []*explain.Explanation) error {
	out := c.streams.Out
	switch o.format {
	case "json":
		if all == nil {
			all = []*explain.Explanation{}
		}
		return printObject(out, "json", explanations{"tcr-webhook.io/v1alpha1", "Explanations", s.from, o.offline, all})
	case "patch":
		for _, e := range all {
			patch := string(e.Patch)
			if patch == "" {
				patch = "[]"
			}
			fmt.Fprintln(out, patch)
		}
		return nil
	case "yaml":
		for i, e := range all {
			text, err := yaml.JSONToYAML(e.Result)
			if err != nil {
				return fmt.Errorf("write %s as YAML: %w", e.Place, err)
			}
			if i > 0 {
				fmt.Fprintln(out, "---")
			}
			fmt.Fprint(out, string(text))
		}
		return nil
	}
	for i, e := range all {
		if i > 0 {
			fmt.Fprintln(out)
		}
		d := diff{e: e, s: s, out: out, paint: p, symbols: c.symbols, now: time.Now()}
		d.print()
	}
	return nil
}

// diff prints one explanation for people: what was and what becomes of it, one
// reason a line.
type diff struct {
	e       *explain.Explanation
	s       *situation
	out     io.Writer
	paint   painter
	symbols symbols
	now     time.Time
}

func (d *diff) line(i ink, format string, args ...any) {
	fmt.Fprintln(d.out, strings.TrimRight(d.paint.paint(i, fmt.Sprintf(format, args...)), " "))
}

func (d *diff) print() {
	e := d.e
	head := fmt.Sprintf("%s/%s in namespace %s", strings.ToLower(e.Kind), e.Name, e.Namespace)
	if e.Made {
		head = fmt.Sprintf("%s/%s in namespace %s: the pods that it makes", strings.ToLower(e.Kind), e.Name, e.Namespace)
	}
	how := "by " + d.s.from
	if d.s.offline {
		how = "offline: routes are assumed, nothing was asked"
	}
	d.line("", "%-52s  %s", head, how)
	if e.Skipped == "" {
		for _, i := range e.Images {
			d.image(i)
		}
		d.pullSecret()
	}
	for _, w := range e.Warnings {
		d.line(yellow, "%s warning      %s", d.symbols.warning, strings.TrimPrefix(w, "tcr-webhook: "))
	}
	for _, o := range e.Policy {
		d.objection(o)
	}
	d.verdict()
}

// field is a JSON pointer as people write it.
func field(pointer string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if strings.Trim(part, "0123456789") == "" {
			b.WriteString("[" + part + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(part)
	}
	return b.String()
}

func (d *diff) image(i explain.Image) {
	path := field(i.Path)
	if i.Image == i.Becomes {
		d.line("", "  %-28s %-52s %s: unchanged", path, printable(i.Image), i.Text)
		return
	}
	d.line("", "  %s", path)
	d.line(red, "  - %s", printable(i.Image))
	d.line(green, "  + %-76s  %s", printable(i.Becomes), d.route(i))
}

// route says why an image moves, as exactly as it is known.
func (d *diff) route(i explain.Image) string {
	known := instanceOf(d.s.status, string(i.Instance))
	if known == nil || i.Reason != registry.Rewritten || known.RouteMessage == "" {
		return i.Text
	}
	return fmt.Sprintf("%s: route %s, %s", i.Text, known.Route, known.RouteMessage)
}

func (d *diff) pullSecret() {
	s := d.e.PullSecret
	const path = "spec.imagePullSecrets"
	if len(s.Own) > 0 {
		d.line("", "  %-28s [%s]: unchanged", path, strings.Join(s.Own, ", "))
	} else if len(s.Copied) > 0 {
		d.line(green, "  %-28s [%s]: copied from the ServiceAccount, since the pod names none", path, strings.Join(s.Copied, ", "))
	} else if s.Added != "" {
		d.line("", "  %s", path)
	}
	switch {
	case s.Added != "":
		d.line(green, "  + - %-74s  %s", s.Added, d.holds(s.Instances))
	case s.Withheld != "":
		d.line(yellow, "%s %-28s %s is needed, and not added: %s", d.symbols.warning, path, d.s.state.PullSecretName, s.Withheld)
	}
}

// holds says what a pull secret is good for, and until when.
func (d *diff) holds(ids []registry.ID) string {
	parts := make([]string, 0, len(ids))
	for _, id := range ids {
		text := string(id)
		if known := instanceOf(d.s.status, text); known != nil {
			switch {
			case known.Token == nil:
				text += ", for which there is no token"
			case known.Token.ExpiresAt.IsZero():
			case !d.now.Before(known.Token.ExpiresAt.Time):
				text += ", whose token has expired"
			default:
				text += fmt.Sprintf(", token valid until %s (%s)", known.Token.ExpiresAt.Local().Format("15:04"), brief(known.Token.ExpiresAt.Sub(d.now)))
			}
		}
		parts = append(parts, text)
	}
	return "appended; holds " + strings.Join(parts, "; ")
}

// objection is what the allow-list has against an image, and what to do.
func (d *diff) objection(o explain.Objection) {
	symbol, i := d.symbols.warning, yellow
	if o.Action == policy.Enforce && o.Reason != policy.HostsNotKnown {
		symbol, i = d.symbols.failure, red
	}
	d.line(i, "%s policy       %s: rule %s (%s): %s   [%s]", symbol, o.Site, o.Rule, o.Action, o.Text, o.Code)
}

func (d *diff) verdict() {
	e := d.e
	if e.Skipped != "" {
		note := ""
		if e.Skipped != explain.OwnNamespace {
			note = " (the allow-list still applies)"
		}
		d.line(faint, "%s skipped      %s%s", d.symbols.skipped, explain.SkipWords(e.Skipped), note)
	}
	if e.Denied {
		d.line(red, "%s denied       use an image that is allowed, or have your administrator change rule %s", d.symbols.failure, strings.Join(d.enforcing(), ", "))
		return
	}
	changed := strings.Count(string(e.Patch), `"op":`)
	verdict := fmt.Sprintf("%s changed", count(changed, "field"))
	if changed == 0 {
		verdict = "nothing changed"
	}
	symbol, i := d.symbols.fine, green
	if n := e.Concerns(); n > 0 {
		verdict += ", " + count(n, "warning")
		symbol, i = d.symbols.warning, yellow
	}
	d.line(i, "%s admitted     %s", symbol, verdict)
}

// enforcing are the rules that deny.
func (d *diff) enforcing() []string {
	var names []string
	for _, o := range d.e.Policy {
		if o.Action == policy.Enforce && !slices.Contains(names, o.Rule) {
			names = append(names, o.Rule)
		}
	}
	return names
}

// brief is a time that is left, in the largest unit that says enough.
func brief(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", max(0, d/time.Second))
}
