package live

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// colours are how many different ones a picture has, and its size.
func colours(t *testing.T, picture []byte) (n, width, height int) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(picture))
	require.NoError(t, err)
	seen := map[color.Color]bool{}
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			seen[img.At(x, y)] = true
		}
	}
	return len(seen), img.Bounds().Dx(), img.Bounds().Dy()
}

// wellShown is that the page can be read on a device: nothing beside its edge,
// no letters too small, and something to see.
func wellShown(t *testing.T, c *chromium, d device, url string) []byte {
	t.Helper()
	c.logged = nil
	c.open(t, d, url)
	assert.Equal(t, d.width, eval[int](t, c, "window.innerWidth"), "the page takes the width that there is")
	assert.LessOrEqual(t, eval[int](t, c, "document.documentElement.scrollWidth"), d.width, "it has to be moved sideways to be read")
	assert.Empty(t, eval[string](t, c, `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.tagName + ": " + e.textContent).join("; ")`))
	assert.GreaterOrEqual(t, eval[float64](t, c, `Math.min(...[...document.querySelectorAll("main *")].filter(e => e.textContent.trim()).map(e => parseFloat(getComputedStyle(e).fontSize)))`), 12.0)
	assert.Zero(t, eval[int](t, c, "document.scripts.length"))
	assert.Equal(t, 0, eval[int](t, c, `performance.getEntriesByType("resource").filter(r => !r.name.endsWith("/favicon.ico")).length`), "nothing is from elsewhere")
	for _, l := range c.logged {
		assert.Contains(t, l, "favicon", "the browser complains")
	}
	picture := c.shoot(t)
	n, width, _ := colours(t, picture)
	assert.Greater(t, n, 20, "there is something to see")
	assert.Equal(t, 2*d.width, width)
	return picture
}

func devices() []device {
	return []device{{375, 812, true, "light"}, {375, 812, true, "dark"}, {320, 568, true, "light"}, {1280, 800, false, "light"}}
}

func TestTheStatusPageInABrowser(t *testing.T) { //nolint:paralleltest // there is one browser, with one page
	c := startChromium(t) // or there is nothing to do
	binary, err := once.binary()
	require.NoError(t, err)
	s, err := stack.Start(t.Context(), stack.Options{
		Dir: folder(t), Binary: binary, Config: config, Replicas: 2,
		Prepare: func(c *tencent.Cloud) { (&bed{Stack: &stack.Stack{Cloud: c}}).link(true) },
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Stop()) })
	for _, name := range []string{"shop", "pay", "theirs"} {
		require.NoError(t, s.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
		if name == "theirs" {
			require.NoError(t, s.Client.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "tcr-pull"}}))
		}
		require.NoError(t, s.Client.Create(t.Context(), pod(name, app)))
	}
	shows := func(parts ...string) func() bool {
		return func() bool {
			page, err := s.Server.StatusPage(t.Context())
			return err == nil && !strings.Contains(page, "Not known") && containsAll(page, parts...)
		}
	}
	require.Eventually(t, shows("All is well", "2</strong> current", "1</strong> foreign"), time.Minute, time.Second)

	for i, r := range s.Servers {
		for _, d := range devices() {
			t.Run(d.String(), func(t *testing.T) {
				picture := wellShown(t, c, d, r.URL("/")) // which leads to the page
				assert.Equal(t, r.URL("/status"), eval[string](t, c, "location.href"))
				text := eval[string](t, c, "document.body.innerText")
				assert.True(t, containsAll(text, "All is well", stack.InstanceID, stack.PublicHost, "PrivateName", "SecretKey", "TokenValid", "Written by", "Shown by"), text)
				keep(t, i, d, picture)
			})
		}
	}
	leaks, err := s.Leaks(t.Context())
	require.NoError(t, err)
	assert.Empty(t, leaks)

	// What is wrong is longer than what is well.
	s.Cloud.SetFault("*", tencent.Fault{Code: "UnauthorizedOperation", Message: "marker-5f1d"})
	require.NoError(t, s.WriteConfig(strings.Replace(config, "region", strings.Repeat("regoin", 20), 1)))
	require.Eventually(t, shows("Something is wrong", "ConfigRejected", "regoinregoin", "UnauthorizedOperation"), time.Minute, time.Second)
	for _, d := range devices() { //nolint:paralleltest // as above
		t.Run(d.String()+", with faults", func(t *testing.T) {
			wellShown(t, c, d, s.Server.URL("/status"))
			text := eval[string](t, c, "document.body.innerText")
			assert.True(t, containsAll(text, "Something is wrong", "regoinregoin", "UnauthorizedOperation"), text)
			assert.NotContains(t, text, "marker-5f1d")
		})
	}
	leaks, err = s.Leaks(t.Context(), "marker-5f1d")
	require.NoError(t, err)
	assert.Empty(t, leaks)
}

// folder has a short name, which the page shows.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tcr-") //nolint:usetesting // see above
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func containsAll(s string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

// keep writes the picture for the README: the upper part, which says the most.
func keep(t *testing.T, replica int, d device, picture []byte) {
	t.Helper()
	if *answers == "" || replica != 0 || d != devices()[0] {
		return
	}
	img, err := png.Decode(bytes.NewReader(picture))
	require.NoError(t, err)
	part, is := img.(interface {
		SubImage(image.Rectangle) image.Image
	})
	require.True(t, is)
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, part.SubImage(image.Rect(0, 0, 2*d.width, 2*upper))))
	require.NoError(t, os.WriteFile(filepath.Join(*answers, "status-page.png"), out.Bytes(), 0o600))
}

// upper is how much of the page the README shows, in the browser's pixels.
const upper = 900
