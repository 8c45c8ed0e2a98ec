package readme

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSteps(t *testing.T) {
	t.Parallel()
	const page = "# a\n```sh\nno\n```\n## b\n```sh\none\n```\nand\n```text\n# said\n```\n### c\n  ```sh\n  two\n  ```\n```yaml\nno\n```\n## d\n```sh\nno\n```\n"
	assert.Equal(t, []Step{{"one\n", "# said\n"}, {Commands: "  two\n"}}, parse(page, "## b"))
}

func TestSays(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		shown, got string
		want       bool
	}{
		"the same":                      {"a\nb\n", "a\nb\n", true},
		"another width and age":         {"NAME  AGE\nx     0s\n", "NAME   AGE\nx      2m10s\n", true},
		"another time of day":           {"until 15:52 (59m)\n", "until 09:01 (1h)\n", true},
		"another word":                  {"a\n", "b\n", false},
		"more":                          {"a\n", "a\nerror\n", false},
		"less":                          {"a\nb\n", "a\n", false},
		"an ellipsis in a line":         {"leader …, fine\n", "leader vm, fine\n", true},
		"does not reach the next line":  {"a …\n", "a b\nc\n", false},
		"an ellipsis for lines":         {"a\n…\nb\n", "a\nx\ny\nb\n", true},
		"an ellipsis for none":          {"a\n…\nb\n", "a\nb\n", true},
		"an ellipsis and another end":   {"a\n…\nb\n", "a\nx\nc\n", false},
		"signs are signs":               {"demo[-vpc].x (1)\n", "demo[-vpc].x (1)\n", true},
		"a dot is a dot":                {"a.b\n", "axb\n", false},
		"an error instead of an answer": {"pod/web created\n", "Error from server\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, Says(tt.shown, tt.got))
		})
	}
}
