package statuspage

import (
	"crypto/sha256"
	_ "embed" // style.css
	"encoding/base64"
	"io"
	"strings"
	"time"

	"golang.org/x/net/html"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
)

//go:embed style.css
var style string

// policy forbids a browser everything but the style of the page, whatever came
// to be in it.
func policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// Write writes the page.
func Write(w io.Writer, v *View) error {
	if _, err := io.WriteString(w, "<!doctype html>\n"); err != nil {
		return err
	}
	return html.Render(w, el("html", attributes{"lang", "en"}, head(v), body(v)))
}

// refreshEvery is in seconds.
const refreshEvery = "30"

func head(v *View) *html.Node {
	word, _, _ := verdict(v)
	return el("head", nil,
		el("meta", attributes{"charset", "utf-8"}),
		el("meta", attributes{"name", "viewport", "content", "width=device-width, initial-scale=1"}),
		el("meta", attributes{"http-equiv", "refresh", "content", refreshEvery}),
		el("title", nil, text(word+" · tcr-webhook")),
		el("style", nil, text(style)),
	)
}

func body(v *View) *html.Node {
	main := el("main", nil, header(v))
	if d := v.Document; d != nil {
		for _, part := range []*html.Node{
			conditions("To be looked at", d, v.Now, notTrue), list("Registrations", d.Registrations), list("Set by the TCR add-on", d.Addon),
			instances(d, v.Now), secrets("Pull Secrets", d.Secrets), certificates(d, v.Now), configuration(d), conditions("As it should be", d, v.Now, isTrue),
		} {
			if part != nil {
				main.AppendChild(part)
			}
		}
	}
	main.AppendChild(footer(v))
	return el("body", nil, main)
}

// abandoned is how long after the leader was last there a document is nobody's
// word any more: four times what its Lease holds for.
const abandoned = time.Minute

// verdict is the answer to whether all is well, why, and the class of that.
func verdict(v *View) (word, why, kind string) {
	if v.Document == nil {
		return "Not known yet", "Nobody has written how matters stand; the leader does within seconds.", "unknown"
	}
	ready := meta.FindStatusCondition(v.Document.Conditions, status.Ready)
	kept := v.Leader != "" && v.Now.Sub(v.Renewed) < abandoned
	switch {
	case ready == nil:
		return "Not known yet", "", "unknown"
	case ready.Status == metav1.ConditionFalse:
		return "Something is wrong", ready.Message, "false"
	case !kept:
		return "Not known any more", "What is below was so when a replica led last.", "unknown"
	case ready.Status == metav1.ConditionTrue:
		return "All is well", ready.Message, "true"
	}
	return "Not known yet", ready.Message, "unknown"
}

func header(v *View) *html.Node {
	word, why, kind := verdict(v)
	return el("header", class(kind),
		say("p", "name", "tcr-webhook"),
		say("h1", "", word),
		say("p", "", why),
		say("p", "problem", v.Problem),
		say("p", "source", source(v)),
	)
}

// source says who wrote the document, and how old it is: one that nobody keeps
// may be wrong by now.
func source(v *View) string {
	var b strings.Builder
	if d := v.Document; d != nil {
		b.WriteString("Written by " + d.Replica + " (" + d.Version + ")")
		if !v.Changed.IsZero() {
			b.WriteString(", last changed " + when(v.Changed, v.Now))
		}
		b.WriteString(". ")
	}
	if v.Leader == "" {
		b.WriteString("No replica leads, so that it does not change.")
	} else {
		b.WriteString("The leader, " + v.Leader + ", was there " + when(v.Renewed, v.Now) + ".")
	}
	return b.String()
}

func footer(v *View) *html.Node {
	self := "Shown by " + v.Self.Name + " (" + v.Self.Version + "), which "
	switch {
	case v.Self.NotReady != "":
		self += "is not ready: " + v.Self.NotReady + "."
	case v.Self.Leading:
		self += "is ready and leads."
	default:
		self += "is ready and does not lead."
	}
	return el("footer", nil,
		say("p", "", self),
		el("p", nil, text("At "+clock(v.Now, v.Now)+", and again every "+refreshEvery+" seconds. "), el("a", attributes{"href", "metrics"}, text("Metrics"))),
	)
}
