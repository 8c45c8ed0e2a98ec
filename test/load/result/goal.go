package result

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/tcr-webhook/tcr-webhook/test/load/document"
)

// Goal is a promise and what came of it.
type Goal struct {
	ID   string // P1 to P12, R1 to R23, or a word
	What string // is measured, in a few words
	// Want is the most that Got may be, or with AtLeast the least.
	Want float64
	// Got is NaN if the measurement does not tell.
	Got     float64
	AtLeast bool
	Unit    string // of Want and Got, such as ms; empty for counts and ratios
	// Low and High are the least and the greatest of the rounds or runs that
	// Got is the median of. Equal if there is no spread.
	Low, High float64
	// Binding: missing it fails the run. Elapsed and CPU times are not, since
	// they are the machine's as much as ours.
	Binding bool
}

// Outcome is what became of a goal.
type Outcome string

// The outcomes.
const (
	Met       Outcome = "met"
	Missed    Outcome = "missed"
	Undecided Outcome = "undecided" // the measurement does not tell
)

// Outcome compares Got with Want.
func (g Goal) Outcome() Outcome {
	switch {
	case math.IsNaN(g.Got):
		return Undecided
	case g.AtLeast && g.Got >= g.Want, !g.AtLeast && g.Got <= g.Want:
		return Met
	}
	return Missed
}

// Bound is Want as a table has it.
func (g Goal) Bound() string {
	if g.AtLeast {
		return "≥ " + Number(g.Want) + g.unit()
	}
	return "≤ " + Number(g.Want) + g.unit()
}

// Figure is Got as a table has it, with its spread.
func (g Goal) Figure() string {
	text := Number(g.Got) + g.unit()
	if g.Low < g.High { // NaN is not
		text += " (" + Number(g.Low) + "–" + Number(g.High) + ")"
	}
	return text
}

func (g Goal) unit() string {
	if g.Unit == "" {
		return ""
	}
	return " " + g.Unit
}

// Table has a row for each of goals.
func Table(goals []Goal) string {
	var rows [][]string
	for _, g := range goals {
		outcome, binds := string(g.Outcome()), ""
		if g.Outcome() != Met {
			outcome = "**" + outcome + "**"
		}
		if g.Binding {
			binds = "yes"
		}
		rows = append(rows, []string{g.ID, g.What, g.Bound(), g.Figure(), outcome, binds})
	}
	return document.Table([]string{"", "goal", "want", "got", "", "binds"}, rows)
}

// Number has three digits that count, and never an exponent. NaN is a
// question mark.
func Number(v float64) string {
	size := math.Abs(v)
	switch {
	case math.IsNaN(v):
		return "?"
	case v == math.Trunc(v) || size >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case size >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case size >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// encoded is Goal as JSON, which has no word for what is not a number.
type encoded struct {
	ID      string   `json:"id"`
	What    string   `json:"what"`
	Want    float64  `json:"want"`
	Got     *float64 `json:"got"`
	AtLeast bool     `json:"atLeast,omitempty"`
	Unit    string   `json:"unit,omitempty"`
	Low     *float64 `json:"low,omitempty"`
	High    *float64 `json:"high,omitempty"`
	Binding bool     `json:"binding,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (g Goal) MarshalJSON() ([]byte, error) {
	return json.Marshal(encoded{g.ID, g.What, g.Want, finite(g.Got), g.AtLeast, g.Unit, finite(g.Low), finite(g.High), g.Binding})
}

// UnmarshalJSON implements json.Unmarshaler.
func (g *Goal) UnmarshalJSON(text []byte) error {
	var e encoded
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	*g = Goal{e.ID, e.What, e.Want, value(e.Got), e.AtLeast, e.Unit, value(e.Low), value(e.High), e.Binding}
	return nil
}

func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func value(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}
