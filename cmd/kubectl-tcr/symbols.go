package main

import (
	"cmp"
	"strings"
)

// symbols begin lines. They are never the only thing that tells.
type symbols struct{ fine, warning, failure, skipped string }

func asciiSymbols() symbols { return symbols{"OK", "WARN", "FAIL", "SKIP"} }

// symbolsFor are those that a terminal can be taken to show.
func symbolsFor(getenv func(string) string) symbols {
	locale := strings.ToUpper(cmp.Or(getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG")))
	if strings.Contains(locale, "UTF-8") || strings.Contains(locale, "UTF8") {
		return symbols{"✔", "!", "✖", "–"}
	}
	return asciiSymbols()
}
