package image

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Revision is a state of the sources.
type Revision struct {
	// Commit is git's, with -dirty where files differ from it; empty where
	// there is no git.
	Commit string
	// Time is the commit's, or the epoch.
	Time time.Time
}

// RevisionOf asks git for the state of a checkout.
func RevisionOf(ctx context.Context, checkout string) (Revision, error) {
	nothing := Revision{Time: time.Unix(0, 0).UTC()}
	head, err := git(ctx, checkout, "log", "-1", "--format=%H %ct")
	if err != nil {
		return nothing, nil //nolint:nilerr // sources come without git, too
	}
	commit, seconds, _ := strings.Cut(head, " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return nothing, fmt.Errorf("read the time of commit %s: %w", commit, err)
	}
	changed, err := git(ctx, checkout, "status", "--porcelain")
	if err != nil {
		return nothing, err
	}
	if changed != "" {
		commit += "-dirty"
	}
	return Revision{Commit: commit, Time: time.Unix(unix, 0).UTC()}, nil
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}
