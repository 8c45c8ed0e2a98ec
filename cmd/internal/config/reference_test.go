package config

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the reference of deploy/README.md anew")

const (
	referencePage  = "../../../deploy/README.md"
	referenceBegin = "<!-- keys: written by go test ./cmd/internal/config -run Reference -update -->\n"
	referenceEnd   = "<!-- end of keys -->\n"
)

// The reference of the configuration is the doc comments of its types, so that
// a key has one description, where it is decoded.
func TestTheReferenceIsThatOfTheTypes(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(referencePage)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(page), referenceBegin)
	require.True(t, found, "%s has no line %q", referencePage, referenceBegin)
	old, after, found := strings.Cut(rest, referenceEnd)
	require.True(t, found, "%s has no line %q", referencePage, referenceEnd)
	want := keysTable(t)
	if *update && old != want {
		require.NoError(t, os.WriteFile(referencePage, []byte(before+referenceBegin+want+referenceEnd+after), 0o644))
		return
	}
	assert.Equal(t, want, old, "go test ./cmd/internal/config -run Reference -update writes it anew")
}

// Every key of the file has its row, however deep.
func TestTheReferenceHasEveryKey(t *testing.T) {
	t.Parallel()
	table := keysTable(t)
	for _, key := range []string{
		"tencentCloud.region", "registries[].hosts.public", "registries[].namespaceSelector",
		"policy.rules[].requireDigest", "firstPodGrace",
	} {
		assert.Contains(t, table, "| `"+key+"` |")
	}
	for row := range strings.Lines(table) {
		assert.NotContains(t, row, "|  |", "a key without a word on it")
	}
}

// keysTable is the reference as Markdown.
func keysTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| key | what it is |\n|---|---|\n")
	writeKeys(&b, commentsOfFields(t), reflect.TypeFor[Config](), "")
	return b.String()
}

// writeKeys writes a row for each field of a type that the file may have.
func writeKeys(b *strings.Builder, comments map[string]string, of reflect.Type, path string) {
	for i := range of.NumField() {
		field := of.Field(i)
		key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		kind, here := field.Type, path+key
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		if kind.Kind() == reflect.Slice && kind.Elem().Kind() == reflect.Struct {
			kind, here = kind.Elem(), here+"[]"
		}
		text := cmp.Or(comments[of.Name()+"."+field.Name], strings.Replace(comments[kind.Name()], kind.Name(), field.Name, 1))
		fmt.Fprintf(b, "| `%s` | %s |\n", here, cell(text, field.Name, key))
		if kind.Kind() == reflect.Struct && kind != reflect.TypeFor[LabelSelector]() {
			writeKeys(b, comments, kind, here+".")
		}
	}
}

// cell is a comment as a cell of a table, with the key for the field's name.
func cell(comment, field, key string) string {
	text := strings.ReplaceAll(strings.Join(strings.Fields(comment), " "), "|", `\|`)
	if rest, named := strings.CutPrefix(text, field+" "); named {
		return "`" + key + "` " + rest
	}
	return text
}

// commentsOfFields are the doc comments of this package's types by Type, and of
// their fields by Type.Field.
func commentsOfFields(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	comments := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			decl, isDecl := n.(*ast.GenDecl)
			if !isDecl || len(decl.Specs) != 1 {
				return true
			}
			spec, isType := decl.Specs[0].(*ast.TypeSpec)
			if !isType {
				return true
			}
			comments[spec.Name.Name] = decl.Doc.Text()
			if body, isStruct := spec.Type.(*ast.StructType); isStruct {
				for _, f := range body.Fields.List {
					for _, id := range f.Names {
						comments[spec.Name.Name+"."+id.Name] = f.Doc.Text()
					}
				}
			}
			return true
		})
	}
	return comments
}
