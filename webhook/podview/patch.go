package podview

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Patch is a JSON patch (RFC 6902) in the making; the zero value changes
// nothing. Each operation sets a single field that the Pod was seen to have,
// or adds one where the Pod was seen to have none, so that a patch always
// applies to the object it was made for. There is no operation that removes.
type Patch struct {
	operations []byte // without the closing bracket
}

// Reset makes p change nothing, and keeps its memory. What JSON gave before is
// overwritten.
func (p *Patch) Reset() { p.operations = p.operations[:0] }

// ReplaceImage puts image in the place of s.
func (p *Patch) ReplaceImage(s Site, image string) {
	p.begin(`{"op":"replace","path":"`)
	p.operations = s.appendPointer(p.operations)
	p.operations = append(p.operations, `","value":`...)
	p.quote(image)
	p.operations = append(p.operations, '}')
}

// AppendPullSecret names one more Secret behind those that pod names itself.
// A patch takes one: a second would replace the first in a pod without any.
func (p *Patch) AppendPullSecret(pod *Pod, name string) {
	if !pod.Spec.ImagePullSecrets.Present {
		p.begin(`{"op":"add","path":"/spec/imagePullSecrets","value":[{"name":`)
		p.quote(name)
		p.operations = append(p.operations, `}]}`...)
		return
	}
	p.begin(`{"op":"add","path":"/spec/imagePullSecrets/-","value":{"name":`)
	p.quote(name)
	p.operations = append(p.operations, `}}`...)
}

// Annotate sets an annotation of pod, which must have metadata. A patch takes
// one: a second would replace the first in a pod without any.
func (p *Patch) Annotate(pod *Pod, name string, value []byte) {
	if !pod.Metadata.Annotations.Present {
		p.begin(`{"op":"add","path":"/metadata/annotations","value":{`)
		p.quote(name)
		p.operations = append(p.operations, ':')
		p.operations = append(AppendQuote(p.operations, value), `}}`...)
		return
	}
	var room [80]byte
	path := append(room[:0], "/metadata/annotations/"...)
	p.begin(`{"op":"add","path":`)
	p.operations = AppendQuote(p.operations, appendEscaped(path, name))
	p.operations = append(p.operations, `,"value":`...)
	p.operations = append(AppendQuote(p.operations, value), '}')
}

// Empty tells whether the patch changes nothing.
func (p *Patch) Empty() bool { return len(p.operations) == 0 }

// JSON is the patch as text, good until the patch grows; nil when it changes
// nothing.
func (p *Patch) JSON() []byte {
	if p.Empty() {
		return nil
	}
	return append(p.operations, ']')
}

// begin opens an operation.
func (p *Patch) begin(operation string) {
	if p.Empty() {
		p.operations = append(p.operations, '[')
	} else {
		p.operations = append(p.operations, ',')
	}
	p.operations = append(p.operations, operation...)
}

func (p *Patch) quote(s string) { p.operations = AppendQuote(p.operations, s) }

// AppendQuote appends s to b as a JSON string.
func AppendQuote[T ~[]byte | ~string](b []byte, s T) []byte {
	quoted, err := jsontext.AppendQuote(b, s)
	if err != nil {
		// The only error is invalid UTF-8, which a decoded review cannot hold.
		return AppendQuote(b, strings.ToValidUTF8(string(s), "\uFFFD"))
	}
	return quoted
}

// appendEscaped appends name as one segment of a JSON pointer (RFC 6901 §3).
func appendEscaped(b []byte, name string) []byte {
	for i := range len(name) {
		switch c := name[i]; c {
		case '~':
			b = append(b, "~0"...)
		case '/':
			b = append(b, "~1"...)
		default:
			b = append(b, c)
		}
	}
	return b
}
