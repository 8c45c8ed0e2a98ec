package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSamplesAreAddedUp(t *testing.T) {
	t.Parallel()
	s := samples{
		`# TYPE apiserver_admission_webhook_admission_duration_seconds histogram`,
		`apiserver_admission_webhook_admission_duration_seconds_bucket{name="ours.bench.example",operation="CREATE",rejected="false",type="admit",le="0.005"} 7`,
		`apiserver_admission_webhook_admission_duration_seconds_bucket{name="ours.bench.example",operation="CREATE",rejected="true",type="admit",le="0.005"} 1`,
		`apiserver_admission_webhook_admission_duration_seconds_bucket{name="ours.bench.example",operation="CREATE",rejected="false",type="admit",le="0.025"} 9`,
		`apiserver_admission_webhook_admission_duration_seconds_bucket{name="canned.bench.example",operation="CREATE",rejected="false",type="admit",le="0.005"} 5`,
		`apiserver_admission_match_condition_evaluation_seconds_sum{kind="webhook",name="pods.tcr-webhook.io",operation="CREATE",type="admit"} 1.5e-05`,
		``,
	}
	assert.InDelta(t, 8, s.sum("apiserver_admission_webhook_admission_duration_seconds_bucket", `name="ours.bench.example"`, `le="0.005"`), 0)
	assert.InDelta(t, 1.5e-5, s.sum("apiserver_admission_match_condition_evaluation_seconds_sum", `kind="webhook"`), 1e-12)
	assert.Zero(t, s.sum("apiserver_admission"))
}
