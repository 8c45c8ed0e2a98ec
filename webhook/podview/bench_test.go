package podview

import "testing"

func BenchmarkDecode(b *testing.B) {
	for _, size := range []string{"2k", "6k", "60k"} {
		b.Run(size, func(b *testing.B) {
			body := readReview(b, size)
			var r Review // used again, as the webhook does
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if err := r.Decode(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPatch(b *testing.B) {
	var r Review
	if err := r.Decode(readReview(b, "6k")); err != nil {
		b.Fatal(err)
	}
	pod := &r.Request.Object
	b.ReportAllocs()
	var p Patch // used again, as the webhook does
	for b.Loop() {
		p.Reset()
		for s := range pod.Sites() {
			p.ReplaceImage(s, s.Image)
		}
		p.AppendPullSecret(pod, "tcr-pull")
		p.Annotate(pod, OriginalImagesAnnotation, []byte("{}"))
		_ = p.JSON()
	}
}
