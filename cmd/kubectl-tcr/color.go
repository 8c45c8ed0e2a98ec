package main

import (
	"fmt"
	"os"
)

// ink is how a text is coloured, as SGR has it; empty leaves it as it is.
type ink string

const (
	red    ink = "31"
	green  ink = "32"
	yellow ink = "33"
	faint  ink = "2"
)

// painter colours what goes to standard output, or does not.
type painter bool

func (p painter) paint(i ink, text string) string {
	if !p || i == "" {
		return text
	}
	return "\x1b[" + string(i) + "m" + text + "\x1b[0m"
}

// painter says whether to colour. A symbol or a sign goes with every colour.
func (c *command) painter() (painter, error) {
	switch c.color {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		file, ok := c.streams.Out.(*os.File)
		if !ok || c.getenv("NO_COLOR") != "" || c.getenv("TERM") == "dumb" {
			return false, nil
		}
		info, err := file.Stat()
		return painter(err == nil && info.Mode()&os.ModeCharDevice != 0), nil
	}
	return false, fmt.Errorf("--color %s: want auto, always or never", c.color)
}
