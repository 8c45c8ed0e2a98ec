package main

import (
	"io"
	"math"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

func TestTheDetourCountsBothWays(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { assert.NoError(t, l.Close()) }()
	go func() { // answers three bytes with five
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.ReadFull(c, make([]byte, 3)) // the test fails if it cannot read the answer
		_, _ = io.WriteString(c, "there")
	}()
	d := newDetour(t.Context())
	address, err := d.start(l.Addr().String())
	require.NoError(t, err)
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	_, err = io.WriteString(c, "hey")
	require.NoError(t, err)
	_, err = io.ReadFull(c, make([]byte, 5))
	require.NoError(t, err)
	require.NoError(t, d.stop())
	assert.EqualValues(t, 3, d.sent.Load())
	assert.EqualValues(t, 5, d.received.Load())
}

const auditLog = `{"stage":"ResponseStarted","verb":"watch","requestReceivedTimestamp":"2026-01-01T00:00:01.5Z","objectRef":{"resource":"secrets"}}
{"stage":"ResponseComplete","verb":"watch","requestReceivedTimestamp":"2026-01-01T00:00:01.5Z","objectRef":{"resource":"secrets"}}
{"stage":"ResponseComplete","verb":"patch","requestReceivedTimestamp":"2026-01-01T00:00:02Z","objectRef":{"resource":"secrets"}}
{"stage":"ResponseComplete","verb":"patch","requestReceivedTimestamp":"2026-01-01T00:00:02Z","objectRef":{"resource":"secrets"}}
{"stage":"ResponseComplete","verb":"update","requestReceivedTimestamp":"2026-01-01T00:00:03Z","objectRef":{"resource":"leases"}}
{"stage":"ResponseComplete","verb":"get","requestReceivedTimestamp":"2026-01-01T00:00:03Z"}
{"stage":"ResponseComplete","verb":"update","requestReceivedTimestamp":"2026-01-01T00:00:04Z","objectRef":{"resource":"pods","subresource":"status"}}
{"stage":"ResponseComplete","verb":"upd`

func TestCallsAreCountedOncePerSpan(t *testing.T) {
	t.Parallel()
	second := func(s int) time.Time { return time.Date(2026, 1, 1, 0, 0, s, 0, time.UTC) }
	first := countCalls(auditLog, second(1), second(4))
	want := calls{"watch secrets": 1, "patch secrets": 2, "update leases": 1, "get (discovery)": 1}
	assert.Empty(t, cmp.Diff(want, first))
	assert.Equal(t, 5, first.total())
	assert.Equal(t, 1, first.leases())
	second4 := countCalls(auditLog, second(4), second(5))
	assert.Empty(t, cmp.Diff(calls{"update pods/status": 1}, second4))
	assert.Equal(t, []string{"get (discovery)", "patch secrets", "update leases", "update pods/status", "watch secrets"}, names(first, second4))
}

const exported = `# TYPE calls_total counter
calls_total{code="201",resource="pods",verb="POST"} 7
calls_total{code="201",resource="pods",verb="PATCH"} 1
calls_total{code="409",resource="pods",verb="POST"} 2
# TYPE took_seconds histogram
took_seconds_bucket{type="admit",le="0.005"} 90
took_seconds_bucket{type="admit",le="0.025"} 99
took_seconds_bucket{type="admit",le="+Inf"} 100
took_seconds_sum{type="admit"} 1.5
took_seconds_count{type="admit"} 100
took_seconds_bucket{type="other",le="0.005"} 0
took_seconds_bucket{type="other",le="0.025"} 0
took_seconds_bucket{type="other",le="+Inf"} 10
took_seconds_sum{type="other"} 15
took_seconds_count{type="other"} 10
`

func TestMetricsAreAddedUp(t *testing.T) {
	t.Parallel()
	m, err := parseMetrics(exported)
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(map[string]float64{"201": 7, "409": 2}, m.by("calls_total", "code", labels{"verb": "POST"})))
	assert.InDelta(t, 10, m.sum("calls_total", nil), 0)
	assert.Zero(t, m.sum("nothing_total", nil))
	assert.InDelta(t, 16.5, m.sum("took_seconds", nil), 0)

	h := m.histogram("took_seconds", labels{"type": "admit"})
	assert.InDelta(t, 100, h.count(), 0)
	assert.InDelta(t, .9, h.within(.005), 0)
	assert.InDelta(t, .005, h.quantile(.9), 0)
	assert.InDelta(t, .025, h.quantile(.99), 0)
	assert.InDelta(t, math.Inf(1), h.quantile(.999), 0)
	assert.True(t, math.IsNaN(h.since(h).quantile(.5)), "of nothing")
	both := histogram{}
	both.add(h)
	both.add(m.histogram("took_seconds", labels{"type": "other"}))
	assert.InDelta(t, 110, both.count(), 0)

	_, err = parseMetrics("not a metric")
	assert.Error(t, err)
}

func TestAPodIsAsWeLeaveIt(t *testing.T) {
	t.Parallel()
	secret := []corev1.LocalObjectReference{{Name: "own"}, {Name: pullSecret}}
	private := corev1.Container{Image: stack.PrivateHost + "/team-1/app:v1"}
	public := corev1.Container{Image: imageOf(1)}
	assert.True(t, changed(&corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{private}, ImagePullSecrets: secret}}))
	assert.False(t, changed(&corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{private}, ImagePullSecrets: secret[:1]}}))
	assert.False(t, changed(&corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{private, public}, ImagePullSecrets: secret}}))
}
