package status

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Notice is a change that is worth an Event on our own objects.
type Notice struct {
	Warning bool
	Reason  string
	Message string
}

// Notices lists what changed from before, nil for the first document, to after.
// That something is well is news only where it was not. Since documents outlive
// processes, a restart is no news at all.
func Notices(before, after *Document) []Notice {
	var notices []Notice
	if before == nil {
		before = &Document{}
	}
	routes := routesChanged(before, after)
	for _, c := range after.Conditions {
		if c.Type == RouteResolved && len(routes) > 0 {
			continue // they say more
		}
		old := meta.FindStatusCondition(before.Conditions, c.Type)
		if c.Type == Ready || c.Status == metav1.ConditionUnknown || !news(old, &c) {
			continue
		}
		if n := (Notice{Warning: isWarning(&c), Reason: c.Reason, Message: c.Message}); n.Warning || old != nil && isWarning(old) {
			notices = append(notices, n)
		}
	}
	notices = append(notices, routes...)
	if old, now := before.certificate("ca"), after.certificate("ca"); old != nil && now != nil && !now.NotBefore.Equal(&old.NotBefore) {
		notices = append(notices, Notice{Reason: CertificateRotated, Message: "another certificate authority signs from now on; what the one before signed stays trusted until it expires"})
	}
	if len(after.Addon) > 0 && !slices.Equal(before.Addon, after.Addon) {
		notices = append(notices, Notice{Warning: true, Reason: AddonConflict, Message: shortened(after.Addon[0] + "; uninstall it, or take the name out of its settings, once tcr-webhook serves it")})
	}
	applied := Notice{Reason: ConfigApplied, Message: "the changed configuration is in force"}
	if before.Config.Digest != "" && before.Config.Digest != after.Config.Digest && !slices.ContainsFunc(notices, func(n Notice) bool { return n.Reason == ConfigApplied }) {
		notices = append(notices, applied)
	}
	return notices
}

// certificate is the one of this kind, or nil.
func (d *Document) certificate(kind string) *Certificate {
	for _, c := range d.Certificates {
		if c.Kind == kind {
			return &c
		}
	}
	return nil
}

// routesChanged lists the instances that images reach in another way than
// before.
func routesChanged(before, after *Document) []Notice {
	var notices []Notice
	told := map[string]bool{}
	for _, i := range after.Instances {
		was := before.instance(i.ID, i.Identity).Route
		if was == "" || was == i.Route || told[i.ID] {
			continue
		}
		told[i.ID] = true
		notices = append(notices, Notice{
			Warning: i.RouteReason != "", Reason: RouteChanged,
			Message: shortened(fmt.Sprintf("route to %s: %s → %s: %s", i.ID, was, i.Route, i.RouteMessage)),
		})
	}
	return notices
}

// news tells whether a condition says something else than before. One more
// mistake in a configuration is news; that of other conditions is told once.
func news(old, c *metav1.Condition) bool {
	return old == nil || old.Status != c.Status || old.Reason != c.Reason ||
		c.Reason == ConfigRejected && old.Message != c.Message
}

// isWarning tells whether somebody should do something.
func isWarning(c *metav1.Condition) bool {
	return c.Status == metav1.ConditionFalse || slices.Contains([]string{TokenRenewalFailed, CertificateExpiresSoon, CertificateRenewalFailed}, c.Reason)
}
