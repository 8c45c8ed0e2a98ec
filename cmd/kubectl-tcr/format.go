package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// checkFormat is an error for what -o does not take.
func checkFormat(format string, known ...string) error {
	if slices.Contains(known, format) {
		return nil
	}
	return fmt.Errorf("-o %s: want one of %s", format, strings.Join(known, ", "))
}

// printObject writes an object as JSON or YAML.
func printObject(w io.Writer, format string, object any) error {
	marshal := yaml.Marshal
	if format == "json" {
		marshal = func(o any) ([]byte, error) {
			text, err := json.MarshalIndent(o, "", "  ")
			return append(text, '\n'), err
		}
	}
	text, err := marshal(object)
	if err != nil {
		return fmt.Errorf("write %s: %w", format, err)
	}
	_, err = w.Write(text)
	return err
}
