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
	if pod.Spec.ImagePullSecrets == nil {
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
func (p *Patch) Annotate(pod *Pod, name, value string) {
	if !pod.Metadata.Annotations.Present {
		p.begin(`{"op":"add","path":"/metadata/annotations","value":{`)
		p.quote(name)
		p.operations = append(p.operations, ':')
		p.quote(value)
		p.operations = append(p.operations, `}}`...)
		return
	}
	p.begin(`{"op":"add","path":`)
	p.quote("/metadata/annotations/" + escapePointer(name))
	p.operations = append(p.operations, `,"value":`...)
	p.quote(value)
	p.operations = append(p.operations, '}')
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

// begin opens an operation. Most patches fit into the memory of the first.
func (p *Patch) begin(operation string) {
	if p.operations == nil {
		p.operations = append(make([]byte, 0, 1024), '[')
	} else {
		p.operations = append(p.operations, ',')
	}
	p.operations = append(p.operations, operation...)
}

func (p *Patch) quote(s string) { p.operations = appendQuote(p.operations, s) }

// appendQuote appends s as a JSON string.
func appendQuote(b []byte, s string) []byte {
	quoted, err := jsontext.AppendQuote(b, s)
	if err != nil {
		// The only error is invalid UTF-8, which a decoded review cannot hold.
		return appendQuote(b, strings.ToValidUTF8(s, "\uFFFD"))
	}
	return quoted
}

// escapePointer makes a name one segment of a JSON pointer (RFC 6901 §3).
func escapePointer(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}
