package webhook

import (
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// annotationLimit is how many bytes all names and values of an object's
// annotations may have: TotalAnnotationSizeLimitB of Kubernetes' API validation.
const annotationLimit = 256 << 10

// keepOriginals notes what the author of the pod wrote: on a new pod as an
// annotation, elsewhere for the audit log, since the API server drops a change
// of metadata that comes with ephemeral containers.
func (d *Decision) keepOriginals(r *podview.Request) {
	if !slices.ContainsFunc(d.Images, Image.Changes) {
		return
	}
	meta := &r.Object.Metadata
	if r.Operation != podview.Create || !meta.Present {
		d.text = appendOriginals(d.text, d.Images, nil)
		d.Originals = d.text
		return
	}
	d.text = appendOriginals(d.text, d.Images, earlier(meta.Annotations.OriginalImages))
	size := meta.Annotations.Size + len(podview.OriginalImagesAnnotation) + len(d.text)
	if old := meta.Annotations.OriginalImages; old != "" {
		size -= len(podview.OriginalImagesAnnotation) + len(old)
	}
	if size > annotationLimit {
		d.Originals = d.text
		return
	}
	d.Patch.Annotate(&r.Object, podview.OriginalImagesAnnotation, d.text)
}

// appendOriginals appends a JSON object from sites to their images before any
// change of ours, in this round or in an earlier one.
func appendOriginals(b []byte, images []Image, earlier map[string]string) []byte {
	start := len(b)
	var room [80]byte // for a list, a slash and a DNS label
	for _, i := range images {
		name, written, known := i.Site.AppendName(room[:0]), i.Site.Image, i.Changes()
		if !known {
			written, known = earlier[string(name)]
		}
		if known {
			b = append(b, sep(len(b) == start, "{")...)
			b = append(podview.AppendQuote(b, name), ':')
			b = podview.AppendQuote(b, written)
		}
	}
	return append(b, '}')
}

// earlier reads the annotation that a pod came with: ours, where the API
// server asks again after another webhook, or anything else. Whatever it says
// is only written back.
func earlier(annotation string) map[string]string {
	if annotation == "" {
		return nil
	}
	var m map[string]string
	if err := json.Unmarshal([]byte(annotation), &m); err != nil {
		return nil // not ours; it is replaced
	}
	return m
}
