package main

import (
	"context"
	"errors"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/credentials"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/tcr"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// facts gathers what status is made from. All of it is in memory.
type facts struct {
	server *server
	addon  addon // of the reporter's goroutine alone, as what follows

	// Counting takes a while.
	census *credentials.Census
	at     time.Time
	onWay  time.Time // since when Secrets have been on their way; zero for none
	// refusedAt is since when our certificate is refused; zero for not.
	refusedAt time.Time
}

// censusEvery bounds what counting 10,000 Secrets costs.
const censusEvery = 8 * time.Second

func (f *facts) gather(ctx context.Context) *status.Facts {
	s := f.server
	f.count(ctx)
	all := &status.Facts{
		Version: version(), Replica: replica(),
		Config:      s.insight.configuration(),
		Instances:   f.instances(),
		Certificate: s.certificates.validity(),
		Authority:   s.certificates.validities()["ca"],

		CertificateRefused: f.refused(time.Now()), CertificateFault: s.certificates.fault(ctx),

		Registrations: s.registrations.Gaps(),
		Addon:         f.addon.entries(ctx, s.servedHosts()),
	}
	if f.census != nil {
		all.Secrets = inWords(f.census.Secrets)
		all.Unsettled = f.unsettled(all.Secrets, time.Now())
	}
	if ahead, known := s.cloud.clockAhead(); known {
		all.ClockAhead = &ahead
	}
	return all
}

// refused says who refuses our certificate, once that has been so for a while: a
// registration is made in one moment, and gets its caBundle in the next.
func (f *facts) refused(now time.Time) string {
	text := f.server.certificates.Refused()
	switch {
	case text == "":
		f.refusedAt = time.Time{}
	case f.refusedAt.IsZero():
		f.refusedAt = now
	}
	if f.refusedAt.IsZero() || now.Sub(f.refusedAt) < settleGaps {
		return ""
	}
	return text
}

// count takes the census if it is time for it.
func (f *facts) count(ctx context.Context) {
	if time.Since(f.at) < censusEvery {
		return
	}
	census, err := f.server.keeper.Census(ctx)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Pull secrets not counted")
		return
	}
	f.census = census
	if census != nil {
		f.at = time.Now()
		for _, state := range credentials.States() {
			f.server.metrics.pullSecrets.WithLabelValues(string(state)).Set(float64(census.Secrets[state]))
		}
	}
}

// unsettled is for how long there have been Secrets on their way.
func (f *facts) unsettled(states map[string]int, now time.Time) time.Duration {
	for state, n := range states {
		if n == 0 || !status.Passing(state) {
			continue
		}
		if f.onWay.IsZero() {
			f.onWay = now
		}
		return now.Sub(f.onWay)
	}
	f.onWay = time.Time{}
	return 0
}

// instances is each login of the directory; nil while that is not known.
func (f *facts) instances() []status.Instance {
	d := f.server.instances.Directory()
	if d == nil {
		return nil
	}
	list := []status.Instance{}
	var done []registry.Key
	for _, e := range d.Entries() {
		if !slices.Contains(done, e.Key()) {
			done = append(done, e.Key())
			list = append(list, f.instance(&e))
		}
	}
	return list
}

func (f *facts) instance(e *registry.Entry) status.Instance {
	s, key := f.server, e.Key()
	i := status.Instance{ID: string(e.ID), Identity: s.cloud.Identity(key), Rights: s.cloud.rights(key)}
	if secret, fixed := e.Account.Secret(); fixed {
		i.Identity = "Secret " + secret
	}
	for _, h := range e.Hosts.All() {
		i.Hosts = append(i.Hosts, string(h))
	}
	switch tok := s.newestToken(key); {
	case tok.Username == "":
	case tok.ExpiresAt.IsZero():
		i.Token = &status.Token{}
	default:
		i.Token = &status.Token{IssuedAt: toSeconds(tok.IssuedAt), ExpiresAt: toSeconds(tok.ExpiresAt)}
	}
	err := s.fixed.Err(key)
	if err == nil && len(i.Hosts) == 0 {
		err = s.insight.hostError(e.ID)
	}
	i.LastError = problem(err)
	s.describeRoute(&i, e)
	if f.census != nil {
		i.Namespaces, i.Secrets = f.census.Logins[key].Namespaces, inWords(f.census.Logins[key].States)
	}
	return i
}

// newestToken is the newest token of key there was; the zero value for none.
func (s *server) newestToken(key registry.Key) token.Token {
	if tok, ok := s.fixed.Peek(key); ok {
		tok.Password = ""
		return tok
	}
	return s.insight.newest(key)
}

// toSeconds is t as documents have it.
func toSeconds(t time.Time) metav1.Time { return metav1.NewTime(t.UTC().Truncate(time.Second)) }

// requestID is what differs from one failure to the next that is the same.
var requestID = regexp.MustCompile(` \(request [^)]*\)`)

// problem puts an error of the cloud's in the words of status.
func problem(err error) *status.Problem {
	if err == nil {
		return nil
	}
	p := &status.Problem{
		Reason:       status.ProblemUnavailable,
		Message:      requestID.ReplaceAllString(err.Error(), ""),
		MissingRight: tcr.MissingRight(err),
	}
	for class, reason := range map[error]string{
		token.ErrDenied: status.ProblemDenied, token.ErrNotFound: status.ProblemNotFound, token.ErrBadRequest: status.ProblemBadRequest,
		token.ErrThrottled: status.ProblemThrottled, token.ErrClockSkew: status.ProblemClockSkew, credentials.ErrSource: status.ProblemSource,
	} {
		if errors.Is(err, class) {
			p.Reason = reason
		}
	}
	return p
}

func inWords(states map[credentials.State]int) map[string]int {
	words := make(map[string]int, len(states))
	for s, n := range states {
		words[string(s)] = n
	}
	return words
}

// replica is the name of the pod, which is its host's.
func replica() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// version is that of the module that was built, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return "devel"
}
