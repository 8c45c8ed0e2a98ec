package webhook

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func readReview(b *testing.B, size string) []byte {
	b.Helper()
	body, err := os.ReadFile(filepath.Join("podview", "testdata", "reviews", size+".json"))
	require.NoError(b, err)
	return body
}

// BenchmarkReview goes from the bytes of a review to those of the answer:
// three images rewritten, a pull secret and an annotation added.
func BenchmarkReview(b *testing.B) {
	for _, size := range []string{"2k", "6k", "60k"} {
		b.Run(size, func(b *testing.B) {
			body, state := readReview(b, size), testState(b)
			var c call // used again, as the handler does
			b.ReportAllocs()
			for b.Loop() {
				if err := c.pod.Decode(body); err != nil {
					b.Fatal(err)
				}
				c.decision.decide(&c.pod.Request, state, Surroundings{})
				c.response = appendReview(c.response[:0], c.pod.Request.UID, &c.decision, false)
			}
		})
	}
}

// discard is a ResponseWriter.
type discard struct{ header http.Header }

func (d discard) Header() http.Header       { return d.header }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

// BenchmarkPods is BenchmarkReview with all that the handler does around it.
func BenchmarkPods(b *testing.B) {
	for _, size := range []string{"2k", "6k", "60k"} {
		b.Run(size, func(b *testing.B) {
			body := readReview(b, size)
			p, _ := testPods(b, nil)
			reader := bytes.NewReader(body)
			r := newCall(b.Context(), nil)
			r.Body, r.ContentLength = io.NopCloser(reader), int64(len(body))
			w := discard{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				reader.Reset(body)
				p.ServeHTTP(w, r)
			}
		})
	}
}
