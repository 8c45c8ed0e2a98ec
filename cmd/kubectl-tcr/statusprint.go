package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
)

func (c *command) printStatus(format string, p painter, r *health.Report) error {
	if format == "json" || format == "yaml" {
		return printObject(c.streams.Out, format, r)
	}
	s := &statusScreen{report: r, out: c.streams.Out, paint: p, symbols: c.symbols, now: time.Now()}
	if format == "short" {
		s.findings(r.Findings, "")
		return nil
	}
	return s.print()
}

// sayAge says what must be known to read what follows.
func (c *command) sayAge(r *health.Report) {
	for _, u := range r.NotChecked {
		c.say("%s %s: not checked, %s", c.symbols.skipped, u.Thing, u.Why)
	}
}

// statusScreen prints a report for people.
type statusScreen struct {
	report  *health.Report
	out     io.Writer
	paint   painter
	symbols symbols
	now     time.Time
}

func (s *statusScreen) print() error {
	r := s.report
	fmt.Fprintf(s.out, "tcr-webhook %s    %d/%d ready, %s    Kubernetes %s    %s\n", cmp.Or(r.Version, "of unknown version"), r.Ready, r.Want, s.leader(), r.Kubernetes, r.Server)
	var install, others []health.Finding
	for _, f := range r.Findings {
		switch {
		case f.About != "":
		case strings.HasPrefix(f.Code, "TCR1"):
			install = append(install, f)
		default:
			others = append(others, f)
		}
	}
	fmt.Fprintln(s.out, s.line(worst(install), "admission", s.admission()))
	s.findings(install, "  ")
	s.findings(others, "")
	if err := s.instances(); err != nil {
		return err
	}
	for _, i := range r.Instances {
		s.findings(about(r.Findings, i.ID), "  ")
	}
	s.sum()
	return nil
}

func (s *statusScreen) leader() string {
	if s.report.Leader == "" {
		return "no leader"
	}
	name, _, _ := strings.Cut(s.report.Leader, "_") // of the pod, before what is made up for each run
	return "leader " + name
}

// line begins with how bad it is.
func (s *statusScreen) line(bad health.Severity, what, text string) string {
	return s.paint.paint(inkOf(bad), fmt.Sprintf("%s %-13s %s", s.symbol(bad), what, text))
}

func (s *statusScreen) symbol(bad health.Severity) string {
	return map[health.Severity]string{health.Error: s.symbols.failure, health.Warning: s.symbols.warning, "": s.symbols.fine}[bad]
}

func inkOf(bad health.Severity) ink {
	return map[health.Severity]ink{health.Error: red, health.Warning: yellow, "": green}[bad]
}

// worst is the severity of the first finding; they are sorted.
func worst(found []health.Finding) health.Severity {
	if len(found) == 0 {
		return ""
	}
	return found[0].Severity
}

func about(all []health.Finding, id string) []health.Finding {
	var found []health.Finding
	for _, f := range all {
		if f.About == id {
			found = append(found, f)
		}
	}
	return found
}

// admission says how the API server calls us.
func (s *statusScreen) admission() string {
	r := s.report
	parts := []string{}
	if r.FailurePolicy != "" {
		parts = append(parts, map[string]string{"Fail": "Fail-closed", "Ignore": "Ignore"}[r.FailurePolicy])
	}
	parts = append(parts, count(r.Endpoints, "endpoint"))
	if t := r.CertificateExpires; t != nil {
		if left := t.Sub(s.now); left > 0 {
			parts = append(parts, "certificate "+brief(left)+" left")
		} else {
			parts = append(parts, "certificate expired")
		}
	}
	for _, c := range r.Conditions {
		if c.Type == status.ConfigAccepted && c.Status == "True" {
			parts = append(parts, "configuration in force since "+c.LastTransitionTime.Local().Format("2006-01-02 15:04"))
		}
	}
	return strings.Join(parts, ", ")
}

// findings prints each with what to do.
func (s *statusScreen) findings(found []health.Finding, indent string) {
	for _, f := range found {
		fmt.Fprintln(s.out, indent+s.paint.paint(inkOf(f.Severity), s.symbol(f.Severity)+" "+f.Text)+"   ["+f.Code+"]")
		fmt.Fprintln(s.out, indent+"  "+f.Next)
	}
}

func (s *statusScreen) instances() error {
	if len(s.report.Instances) == 0 {
		return nil
	}
	w := printers.GetNewTabWriter(s.out)
	fmt.Fprintln(w, "INSTANCE\tHOSTS\tROUTE\tTOKEN\tNAMESPACES\tSTATE")
	for _, i := range s.report.Instances {
		state := s.symbol(i.Worst())
		if len(i.Codes) > 0 {
			state += " " + strings.Join(i.Codes, ", ")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", i.ID, cmp.Or(shortHosts(i.Hosts), "not known"), cmp.Or(i.Route, "not looked yet"), s.token(i.Token), written(&i), state)
	}
	return w.Flush()
}

// shortHosts names the public and the private host as one.
func shortHosts(hosts []string) string {
	var names []string
	for _, h := range hosts {
		label, rest, _ := strings.Cut(h, ".")
		public := strings.TrimSuffix(label, "-vpc") + "." + rest
		if len(names) > 0 && label != strings.TrimSuffix(label, "-vpc") && names[0] == public {
			names[0] = strings.TrimSuffix(label, "-vpc") + "[-vpc]." + rest
			continue
		}
		names = append(names, h)
	}
	return strings.Join(names, ", ")
}

func (s *statusScreen) token(t *status.Token) string {
	switch {
	case t == nil:
		return "none"
	case t.ExpiresAt.IsZero():
		return "fixed"
	case !s.now.Before(t.ExpiresAt.Time):
		return "expired"
	}
	return brief(t.ExpiresAt.Sub(s.now))
}

// written is how many of the namespaces that get the login have it. Those that
// nobody has pulled in yet have no Secret, and need none.
func written(i *health.Instance) string {
	n := 0
	for _, state := range i.Secrets {
		n += state
	}
	return fmt.Sprintf("%d/%d current", i.Secrets["current"], n)
}

func (s *statusScreen) sum() {
	errs, warnings := 0, 0
	for _, f := range s.report.Findings {
		if f.Severity == health.Error {
			errs++
		} else {
			warnings++
		}
	}
	if errs+warnings > 0 {
		fmt.Fprintln(s.out, s.paint.paint(inkOf(s.report.Worst()), fmt.Sprintf("%s %s, %s", s.symbol(s.report.Worst()), count(errs, "error"), count(warnings, "warning"))))
	}
}
