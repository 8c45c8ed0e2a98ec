package statuspage

import (
	"fmt"
	"strconv"
	"time"

	"golang.org/x/net/html"
)

// span is a time that something holds, such as a token.
type span struct {
	from, to time.Time
	// renewed is the part of it after which it should have been renewed, and
	// soon the part that is left when somebody should look; both as alerts have
	// it.
	renewed, soon float64
}

// The spans of a token, which is renewed after 50 to 60 % of its life, and of a
// certificate, which is renewed after two thirds.
func tokenSpan(from, to time.Time) span       { return span{from, to, 0.6, 0.2} }
func certificateSpan(from, to time.Time) span { return span{from, to, 2.0 / 3, 0.25} }

// width is that of a line in units of its own: it takes what the screen has.
const width = 1000

// left is the part of a span that is left at now, from 0 to 1.
func (s span) left(now time.Time) float64 {
	whole := s.to.Sub(s.from)
	if whole <= 0 {
		return 0
	}
	return min(max(float64(s.to.Sub(now))/float64(whole), 0), 1)
}

// state is a word for how a span stands, the class of its line as well.
func (s span) state(now time.Time) string {
	switch left := s.left(now); {
	case !now.Before(s.to):
		return "expired"
	case left < s.soon:
		return "ends-soon"
	}
	return "holds"
}

// line draws a span: what is left of it, where now is, and where it should have
// been renewed.
func (s span) line(what string, now time.Time) *html.Node {
	state := s.state(now)
	at := int((1 - s.left(now)) * width)
	due := int(s.renewed * width)
	ends := "ends " + when(s.to, now)
	if state == "expired" {
		ends = "ended " + when(s.to, now)
	}
	return el("div", class("span"),
		el("svg", attributes{"viewBox", fmt.Sprintf("0 0 %d 20", width), "preserveAspectRatio", "none", "role", "img", "class", state},
			say("title", "", fmt.Sprintf("%s: %s, %s", what, state, ends)),
			rect("whole", 0, width),
			rect("left", at, width-at),
			rect("due", due-2, 4),
			rect("now", min(at, width-4), 4),
		),
		el("p", class("ends"),
			say("span", "", "since "+clock(s.from, now)),
			say("strong", state, ends),
		),
	)
}

func rect(name string, x, w int) *html.Node {
	return el("rect", attributes{"class", name, "x", strconv.Itoa(x), "y", "0", "width", strconv.Itoa(w), "height", "20"})
}
