package webhook

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// annotated asks about a pod with a rewritten image and annotations.
func annotated(t *testing.T, annotations map[string]string) question {
	t.Helper()
	object, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"annotations": annotations},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": "app", "image": "demo.tencentcloudcr.com/a/b"}}},
	})
	require.NoError(t, err)
	return question{Namespace: "team-a", Operation: "CREATE", Object: object}
}

// TestOriginalsNeverMakeAPodInvalid fills a pod with annotations up to the
// limit of Kubernetes and beyond what is left for ours.
func TestOriginalsNeverMakeAPodInvalid(t *testing.T) {
	t.Parallel()
	const note = `{"containers/app":"demo.tencentcloudcr.com/a/b"}`
	ours := len(podview.OriginalImagesAnnotation) + len(note)
	tests := []struct {
		name        string
		annotations map[string]string
		want        bool
	}{
		{"with room to spare", annotationsOf(1000), true},
		{"with just enough room", annotationsOf(annotationLimit - ours), true},
		{"with a byte too little", annotationsOf(annotationLimit - ours + 1), false},
		{"in place of an earlier one", merge(annotationsOf(annotationLimit-ours), podview.OriginalImagesAnnotation, note), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := decideQuestion(t, annotated(t, tt.annotations))
			after, _ := got.Object.(map[string]any)["metadata"].(map[string]any)["annotations"].(map[string]any)
			size := 0
			for name, value := range after {
				size += len(name) + len(value.(string))
			}
			assert.LessOrEqual(t, size, annotationLimit)
			if tt.want {
				assert.Equal(t, note, after[podview.OriginalImagesAnnotation])
				assert.NotContains(t, got.Audit, auditOriginals)
				return
			}
			assert.NotContains(t, after, podview.OriginalImagesAnnotation)
			assert.Equal(t, note, got.Audit[auditOriginals], "the note is lost")
		})
	}
}

// annotationsOf makes annotations of so many bytes, as the API server counts
// them: more characters than that in JSON, and fewer letters.
func annotationsOf(bytes int) map[string]string {
	const name, escaped = "a", "\n\"é"
	return map[string]string{name: escaped + strings.Repeat("x", bytes-len(name)-len(escaped))}
}

func merge(annotations map[string]string, name, value string) map[string]string {
	annotations[name] = value
	return annotations
}

func TestManyImagesMakeABoundedAnswer(t *testing.T) {
	t.Parallel()
	var containers []any
	for i := range 2000 {
		containers = append(containers, map[string]any{
			"name": fmt.Sprintf("container-%d", i), "image": strings.Repeat("é", 400) + ".tencentcloudcr.com/a/b"})
	}
	containers = append(containers, map[string]any{"name": "app", "image": "typo.tencentcloudcr.com/a/b"})
	for i := range 12 {
		containers = append(containers, map[string]any{
			"name": fmt.Sprintf("unknown-%d", i), "image": strings.Repeat("x", 400) + ".tencentcloudcr.com/a/b"})
	}
	object, err := json.Marshal(map[string]any{"spec": map[string]any{"containers": containers}})
	require.NoError(t, err)
	got := decideQuestion(t, question{Namespace: "team-a", Operation: "CREATE", Object: object})
	require.Len(t, got.Warnings, maxWarnings+1)
	assert.True(t, strings.HasSuffix(got.Warnings[0], "…"))
	assert.Equal(t, fmt.Sprintf("tcr-webhook: %d more images are left as written", len(containers)-maxWarnings), got.Warnings[maxWarnings])
	assert.LessOrEqual(t, len(got.Audit[auditImages]), maxAudit)
	assert.True(t, strings.HasSuffix(got.Audit[auditImages], more))
}

func TestAPodWithoutMetadataIsPatchedAllTheSame(t *testing.T) {
	t.Parallel()
	got := decideQuestion(t, question{Namespace: "team-a", Operation: "CREATE",
		Object: json.RawMessage(`{"spec":{"containers":[{"name":"app","image":"demo.tencentcloudcr.com/a/b"}]}}`)})
	assert.Len(t, got.Patch, 2)
	assert.Equal(t, `{"containers/app":"demo.tencentcloudcr.com/a/b"}`, got.Audit[auditOriginals])
}
