package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/load/storm/judge"
)

// bug is a mistake that could have been made, as a change of the sources.
type bug struct {
	name     string
	file     string // from the root of the project
	old, new string // the old text is there once
	breaks   judge.Invariant
	// seed has a storm in which it shows: a link is down for long while nothing
	// else keeps anybody from seeing it, a clock is ahead early enough for its
	// tokens to be followed by others, a right is missing as its token is due.
	seed uint64
}

func bugs() []bug {
	return []bug{
		{
			"a name that is in force stays when its link is gone", "credentials/route/decide.go",
			"if o.Link != LinkRunning {", "if o.Link != LinkRunning && inForce == registry.RoutePrivateName {\n\t\treturn inForce, \"\"\n\t}\n\tif o.Link != LinkRunning {",
			judge.LiveName, 393,
		},
		{
			"a foreign Secret is taken over", "credentials/plan.go",
			"case o.Exists && !o.Ours:", "case o.Exists && !o.Ours && o.Fixed:",
			judge.ForeignKept, usualSeed,
		},
		{
			"what is held counts for nothing", "credentials/secret.go",
			"return !l.usable() || l.expires() && held.Account == l.Account && held.Expires.After(l.Token.ExpiresAt)", "return !l.usable()",
			judge.NeverBack, 20,
		},
		{
			"a denial is asked about again at once", "credentials/token/backoff.go",
			"return scaled(deniedPause, life)", "return minPause",
			judge.FewCalls, 23,
		},
		{
			"image volumes are forgotten", "webhook/podview/sites.go",
			"containerSites(EphemeralContainers, p.Spec.EphemeralContainers, yield) &&\n\t\t\tvolumeSites(p.Spec.Volumes, yield)", "containerSites(EphemeralContainers, p.Spec.EphemeralContainers, yield)",
			judge.PullSecret, 20,
		},
		{
			"a caBundle that is there is taken for good", "certs/registration.go",
			"if !e.differs(wanted) {", "if !e.differs(wanted) || len(e.CABundle) > 0 {",
			judge.NoLoss, 20,
		},
		{
			"what a configuration started goes on with the next one", "cmd/tcr-webhook/server.go",
			"s.fixed.Want(entries)", "s.fixed.Want(entries)\n\tfor range entries {\n\t\tgo func() { select {} }()\n\t}",
			judge.NoLeak, 23,
		},
	}
}

// overlay has the go command take the sources with the bug.
func (b bug) overlay(t *testing.T) (flag string) {
	t.Helper()
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	file := filepath.Join(root, filepath.FromSlash(b.file))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), b.old), "%s has this text once, which has become something else: %s", b.file, b.old)
	dir := t.TempDir()
	changed := filepath.Join(dir, "changed.go")
	require.NoError(t, os.WriteFile(changed, []byte(strings.Replace(string(text), b.old, b.new, 1)), 0o600))
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {file: changed}})
	require.NoError(t, err)
	list := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(list, replace, 0o600))
	return "-overlay=" + list
}

// plantVariable in the environment has bugs planted, which takes a storm each.
const plantVariable = "STORM_PLANT"

// Storms that break nothing find each of these bugs. A machine that is busy with
// something else hides them, since there everything may take longer.
func TestPlantedBugsAreFound(t *testing.T) { //nolint:paralleltest // its bugs are
	if os.Getenv(plantVariable) == "" {
		t.Skip("it takes a quarter of an hour of a quiet machine: set " + plantVariable + "=1")
	}
	clean := map[uint64]bool{}
	for _, b := range bugs() {
		if !clean[b.seed] {
			clean[b.seed] = true
			t.Run(fmt.Sprintf("none, seed %d", b.seed), func(t *testing.T) {
				t.Parallel()
				v := storm(t, build(t), b.seed)
				require.NoError(t, v.err)
				assert.Empty(t, v.violations)
			})
		}
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			v := storm(t, build(t, b.overlay(t)), b.seed)
			require.NoError(t, v.err)
			found := 0
			for _, violation := range v.violations {
				if violation.Invariant == b.breaks {
					found++
				}
			}
			assert.Positive(t, found, "%q was not seen to be broken, of %d violations", b.breaks, len(v.violations))
		})
	}
}

// A bug whose text is no longer in the sources would be planted nowhere.
func TestBugsCanBePlanted(t *testing.T) {
	t.Parallel()
	for _, b := range bugs() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.overlay(t)
		})
	}
}
