package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
)

func TestConditionsOfWhatIsShipped(t *testing.T) {
	t.Parallel()
	c, err := measureConditions(t.Context(), options{rounds: 1})
	require.NoError(t, err)
	assert.Equal(t, 3, c.Entries, "pods, pods-best-effort and final-pods")
	assert.Greater(t, c.All.Median(), c.Least.Median())
}

func TestAPodOfOursIsNoPodThatNeedsNothing(t *testing.T) {
	t.Parallel()
	pod, err := unneededPod()
	require.NoError(t, err)
	pod.Spec.Containers[1].Image = strings.Replace(pod.Spec.Containers[1].Image, anotherHost, contender.PublicHost, 1)
	m, err := shippedMatchers(func([]admissionregistrationv1.MatchCondition) {})
	require.NoError(t, err)
	_, err = m.cost(t.Context(), pod)
	assert.ErrorContains(t, err, "is to be sent to us")
}
