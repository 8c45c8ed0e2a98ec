package status

import (
	"errors"
	"fmt"

	"sigs.k8s.io/yaml"
)

// Encode is the data of the ConfigMap.
func Encode(d *Document) (map[string]string, error) {
	d.APIVersion, d.Kind = APIVersion, Kind
	data, err := yaml.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("write status: %w", err)
	}
	return map[string]string{Key: string(data)}, nil
}

// ErrNone says that a ConfigMap holds no document of ours.
var ErrNone = errors.New("no status")

// Decode reads the data of the ConfigMap. Fields that a newer version wrote
// are passed over.
func Decode(data map[string]string) (*Document, error) {
	text, ok := data[Key]
	if !ok {
		return nil, fmt.Errorf("%w under the key %s", ErrNone, Key)
	}
	var d Document
	if err := yaml.Unmarshal([]byte(text), &d); err != nil {
		return nil, fmt.Errorf("read status: %w", err)
	}
	if d.APIVersion != APIVersion || d.Kind != Kind {
		return nil, fmt.Errorf("%w of %s: it is %q of %q", ErrNone, APIVersion, d.Kind, d.APIVersion)
	}
	return &d, nil
}
