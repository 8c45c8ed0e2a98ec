package reviews

import (
	"embed"
	"fmt"
)

//go:embed testdata/*.json
var recorded embed.FS

// Size is a usual pod.
type Size struct {
	Name       string // of the recording, by its length
	Containers int
	Env        int  // variables of each container
	Bare       bool // images and nothing else, as by kubectl run
}

// Sizes are the usual pods; the first three containers of each come from the
// instance.
func Sizes() []Size {
	return []Size{{"2k", 1, 0, true}, {"6k", 3, 3, false}, {"60k", 12, 31, false}}
}

// Usual is the recorded review of the size with this name.
func Usual(size string) ([]byte, error) {
	body, err := recorded.ReadFile("testdata/" + size + ".json")
	if err != nil {
		return nil, fmt.Errorf("read recorded review: %w", err)
	}
	return body, nil
}
