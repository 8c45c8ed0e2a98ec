package statuspage

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
)

func isTrue(s metav1.ConditionStatus) bool  { return s == metav1.ConditionTrue }
func notTrue(s metav1.ConditionStatus) bool { return s != metav1.ConditionTrue }

// conditions are those of a status, under a heading. Ready is the page's own.
func conditions(heading string, d *status.Document, now time.Time, of func(metav1.ConditionStatus) bool) *html.Node {
	rows := el("ul", class("conditions"))
	for _, c := range d.Conditions {
		if c.Type == status.Ready || !of(c.Status) {
			continue
		}
		kind := strings.ToLower(string(c.Status))
		rows.AppendChild(el("li", class(kind),
			el("p", nil, say("strong", "", c.Type), text(" "), say("span", "badge "+kind, string(c.Status)), text(" "), say("span", "reason", c.Reason)),
			say("p", "", c.Message),
			say("p", "since", "since "+when(c.LastTransitionTime.Time, now)),
		))
	}
	if rows.FirstChild == nil {
		return nil
	}
	return section(heading, rows)
}

func instances(d *status.Document, now time.Time) *html.Node {
	cards := make([]*html.Node, 0, len(d.Instances))
	for i := range d.Instances {
		cards = append(cards, instance(&d.Instances[i], now))
	}
	return section("Instances", cards...)
}

func instance(i *status.Instance, now time.Time) *html.Node {
	facts := el("dl", nil)
	for _, fact := range [][2]string{
		{"Identity", i.Identity}, {"Hosts", orNone(strings.Join(i.Hosts, ", "), "not known")},
		{"Route", routeText(i)}, {"Namespaces", counted(i.Namespaces, "namespace", "namespaces") + " may use it"},
	} {
		if fact[1] != "" {
			facts.AppendChild(say("dt", "", fact[0]))
			facts.AppendChild(say("dd", "", fact[1]))
		}
	}
	return el("article", nil,
		say("h3", "", i.ID),
		token(i.Token, now),
		problem(i.LastError, now),
		facts,
		states(i.Secrets),
	)
}

func routeText(i *status.Instance) string {
	parts := []string{orNone(i.Route, "not looked at yet")}
	if i.RouteReason != "" && i.RouteReason != i.Route {
		parts = append(parts, i.RouteReason)
	}
	if i.RouteMessage != "" {
		parts = append(parts, i.RouteMessage)
	}
	return strings.Join(parts, ": ")
}

func token(t *status.Token, now time.Time) *html.Node {
	switch {
	case t == nil:
		return say("p", "problem", "There is no token yet.")
	case t.ExpiresAt.IsZero():
		return say("p", "", "A fixed login, which does not expire.")
	}
	return tokenSpan(t.IssuedAt.Time, t.ExpiresAt.Time).line("token", now)
}

func problem(p *status.Problem, now time.Time) *html.Node {
	if p == nil {
		return nil
	}
	n := el("div", class("problem"),
		el("p", nil, say("strong", "", p.Reason), text(" since "+when(p.Since.Time, now))),
		say("p", "", p.Message),
	)
	if p.MissingRight != "" {
		n.AppendChild(el("p", nil, text("Missing right: "), say("code", "", p.MissingRight)))
	}
	return n
}

// inOrder is the states of pull Secrets from good to bad.
func inOrder() []string {
	return []string{"current", "foreign", "leftover", "outdated", "drifted", "missing", "expiring", "expired"}
}

func secrets(heading string, counts map[string]int) *html.Node {
	return section(heading, states(counts))
}

// states draws Secrets by state: a bar, and the numbers.
func states(counts map[string]int) *html.Node {
	all := 0
	for _, n := range counts {
		all += n
	}
	if all == 0 {
		return nil
	}
	bar := el("svg", attributes{"viewBox", "0 0 1000 20", "preserveAspectRatio", "none", "aria-hidden", "true"})
	numbers := el("ul", class("states"))
	done := 0
	for _, state := range known(counts) {
		n := counts[state]
		if n == 0 {
			continue
		}
		from := done * width / all
		done += n
		bar.AppendChild(rect(state, from, max(done*width/all-from, 2)))
		numbers.AppendChild(el("li", class(state), say("strong", "", strconv.Itoa(n)), text(" "+state)))
	}
	return el("div", class("bar"), bar, numbers)
}

// known is the states of counts, those of another version's last.
func known(counts map[string]int) []string {
	order := inOrder()
	var others []string
	for state := range counts {
		if !slices.Contains(order, state) {
			others = append(others, state)
		}
	}
	slices.Sort(others)
	return append(order, others...)
}

func certificates(d *status.Document, now time.Time) *html.Node {
	cards := make([]*html.Node, 0, len(d.Certificates))
	for _, c := range d.Certificates {
		title := c.Kind
		switch c.Kind {
		case "serving":
			title = "The webhook's, on " + d.Replica
		case "ca":
			title = "The CA that signs it"
		}
		cards = append(cards, el("article", nil, say("h3", "", title), certificateSpan(c.NotBefore.Time, c.NotAfter.Time).line("certificate", now)))
	}
	return section("Certificates", cards...)
}

func list(heading string, lines []string) *html.Node {
	if len(lines) == 0 {
		return nil
	}
	items := el("ul", class("problem"))
	for _, line := range lines {
		items.AppendChild(say("li", "", line))
	}
	return section(heading, items)
}

func configuration(d *status.Document) *html.Node {
	var wrong *html.Node
	if d.Config.Error != "" {
		wrong = el("div", class("problem"), say("p", "", "The file is refused, and the last good one stays in force:"), say("pre", "", d.Config.Error))
	}
	if d.Config.Digest == "" && wrong == nil {
		return nil
	}
	return section("Configuration", wrong, el("p", nil, text("In force: "), say("code", "", orNone(d.Config.Digest, "none"))))
}

func orNone(s, none string) string {
	if s == "" {
		return none
	}
	return s
}
