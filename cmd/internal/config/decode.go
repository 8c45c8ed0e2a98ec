package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Decode reads a configuration from data. The error has one line a mistake,
// each beginning with name, the file's, and the line.
// An unknown or repeated key, a value of the wrong type and anything that
// validation finds is a mistake; all of one kind are reported at once.
func Decode(name string, data []byte) (*Config, error) {
	c := &Config{}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(c); err != nil {
		return nil, decodeErrors(name, err)
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: holds more than one YAML document; keep the first alone", name)
	}
	var tree yaml.Node
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return nil, decodeErrors(name, err)
	}
	c.setDefaults()
	if mistakes := c.validate(); len(mistakes) > 0 {
		return nil, mistakes.at(name, &tree)
	}
	c.name, c.tree = name, &tree
	return c, nil
}

var (
	linePattern    = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	unknownPattern = regexp.MustCompile(`^field (\S+) not found in type config\.(\w+)$`)
)

// decodeErrors puts the library's messages into the words of the file.
func decodeErrors(name string, err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: is empty; it begins with apiVersion: %s and kind: %s", name, APIVersion, Kind)
	}
	messages := []string{err.Error()}
	var typeErr *yaml.TypeError
	if errors.As(err, &typeErr) {
		messages = typeErr.Errors
	}
	errs := make([]error, 0, len(messages))
	for _, m := range messages {
		errs = append(errs, decodeError(name, m))
	}
	return errors.Join(errs...)
}

func decodeError(name, message string) error {
	line := linePattern.FindStringSubmatch(message)
	if line == nil {
		return fmt.Errorf("%s: %s", name, strings.TrimPrefix(message, "yaml: "))
	}
	what := line[2]
	if unknown := unknownPattern.FindStringSubmatch(what); unknown != nil {
		what = fmt.Sprintf("unknown key %q; known here: %s", unknown[1], strings.Join(knownKeys(unknown[2]), ", "))
	}
	return fmt.Errorf("%s:%s: %s", name, line[1], what)
}

// knownKeys lists the keys of the configuration type called typeName.
func knownKeys(typeName string) []string {
	var keys []string
	var visit func(t reflect.Type)
	visit = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return
		}
		for f := range t.Fields() {
			key := f.Tag.Get("yaml")
			if key == "" {
				continue // not of the file
			}
			if t.Name() == typeName && key != "-" && !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
			visit(f.Type)
		}
	}
	visit(reflect.TypeFor[Config]())
	return keys
}
