package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/storm/judge"
)

// conclude judges what was seen.
func (w *weather) conclude(v *verdict) {
	h := w.record.history()
	h.Life, h.Begun, h.Ended, h.Busy = w.life, w.begun, time.Now(), w.record.busy
	v.busy = h.Busy
	h.Secrets, h.Instances, h.Moved = w.ledger.History(), map[string]string{}, map[string]string{}
	for _, s := range instances() {
		h.Instances[s.host()], h.Instances[s.moved()] = s.id, s.id
		if s.private {
			h.Moved[s.id] = s.moved()
		}
	}
	issued := w.Cloud.Calls(issue)
	for _, c := range issued {
		id, _ := c.Params["RegistryId"].(string)
		h.Calls = append(h.Calls, judge.Call{At: w.clock.real(c.Time), Instance: id})
		if c.Answered && c.Status == 200 && c.Code == "" {
			v.tokens++
		}
	}
	v.violations = append(w.record.violations, judge.Judge(&h)...)
	v.notes, v.stalled = w.record.notes, w.record.stalled
	v.recovered, v.growth = w.recovered, w.growth
	v.slopes, v.watched = judge.Steepest(w.record.looks, w.plan.Length/5)
	for _, a := range h.Admissions {
		switch a.Outcome {
		case judge.Admitted:
			v.pods++
		case judge.Lost:
			v.lost++
		}
	}
	for _, versions := range h.Secrets {
		v.versions += len(versions)
		for i, now := range versions {
			for host, ends := range now.Ends {
				if i == 0 || !versions[i-1].Ends[host].Equal(ends) {
					v.logins++
				}
			}
		}
	}
}

// keepLogs copies what a broken storm is explained by.
func (w *weather) keepLogs(dir string, v *verdict) error {
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "tcr-webhook-storm-logs")
	}
	dir = filepath.Join(dir, fmt.Sprintf("seed-%d", w.plan.Seed))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	w.say("the logs are in %s", dir)
	files, err := filepath.Glob(filepath.Join(w.dir, "*.log"))
	if err != nil {
		return err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f)), text, 0o600); err != nil {
			return err
		}
	}
	var text string
	for _, violation := range v.violations {
		text += violation.String() + "\n"
	}
	for name, versions := range w.ledger.History() {
		for _, now := range versions {
			text += fmt.Sprintf("%s %s %-7s %s %s by %s:", now.Seen.Format("15:04:05.000"), name, now.Op, now.ResourceVersion, now.Type, now.Manager)
			for _, host := range slices.Sorted(maps.Keys(now.Ends)) {
				text += " " + host + " until " + now.Ends[host].Format("15:04:05")
			}
			text += "\n"
		}
	}
	return os.WriteFile(filepath.Join(dir, "seen.txt"), []byte(text), 0o600)
}
