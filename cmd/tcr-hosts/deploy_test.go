//go:build linux

package main

import (
	"maps"
	"slices"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
)

// daemonSet is the chart's.
func daemonSet(t *testing.T, more ...chart.Values) appsv1.DaemonSet {
	t.Helper()
	values := chart.InstallValues()
	values["nodeAgent"] = chart.Values{"enabled": true}
	for _, m := range more {
		maps.Copy(values, m)
	}
	objects, err := chart.Render(values)
	require.NoError(t, err)
	var found appsv1.DaemonSet
	for _, o := range objects {
		if o.GetKind() == "DaemonSet" {
			require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, &found, true))
		}
	}
	require.NotEmpty(t, found.Name)
	return found
}

func TestThePodMayDoNothingButWriteTheHostsFile(t *testing.T) {
	t.Parallel()
	spec := daemonSet(t).Spec.Template.Spec
	assert.False(t, *spec.AutomountServiceAccountToken)
	assert.False(t, spec.HostNetwork || spec.HostPID || spec.HostIPC)
	assert.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, spec.SecurityContext.SeccompProfile.Type)
	require.Len(t, spec.Containers, 1)
	c := spec.Containers[0]
	assert.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
	assert.Empty(t, c.SecurityContext.Capabilities.Add)
	assert.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
	assert.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	for _, v := range spec.Volumes {
		if v.HostPath != nil {
			assert.Equal(t, "/etc/hosts", v.HostPath.Path)
			assert.Equal(t, corev1.HostPathFile, *v.HostPath.Type)
		}
	}
}

// What the chart mounts is where the flags' defaults look.
func TestTheChartFitsTheFlags(t *testing.T) {
	t.Parallel()
	ours := chart.Values{"hosts": []any{"r.example.com"}, "logLevel": "debug", "nodeAgent": chart.Values{"enabled": true, "removeOnExit": true, "metricsPort": 8088}}
	c := daemonSet(t, ours).Spec.Template.Spec.Containers[0]
	var o options
	flags := pflag.NewFlagSet("tcr-hosts", pflag.ContinueOnError)
	o.addCommon(flags)
	o.addTo(flags)
	require.NoError(t, flags.Parse(c.Args))
	_, err := o.check()
	require.NoError(t, err)
	assert.Equal(t, []string{".tencentcloudcr.com", "r.example.com"}, o.domains)
	assert.True(t, o.removeOnExit)
	assert.Equal(t, "debug", o.logLevel)
	mounts := map[string]string{}
	for _, m := range c.VolumeMounts {
		mounts[m.Name] = m.MountPath
	}
	assert.Equal(t, map[string]string{"hosts": "/etc/tcr-hosts", "node": o.file, "state": o.stateDir}, mounts)
	assert.Equal(t, mounts["hosts"]+"/hosts.yaml", o.hosts)
	assert.Equal(t, ":8088", o.listen)
	assert.EqualValues(t, 8088, c.Ports[0].ContainerPort)
}

// A node is to have the names before its pods are pulled.
func TestThePodRunsOnEveryNode(t *testing.T) {
	t.Parallel()
	tolerations := daemonSet(t).Spec.Template.Spec.Tolerations
	for _, taint := range []corev1.Taint{
		{Key: "node-role.kubernetes.io/master", Effect: corev1.TaintEffectNoSchedule},
		{Key: "node-role.kubernetes.io/control-plane", Effect: corev1.TaintEffectNoSchedule},
		{Key: "node.kubernetes.io/disk-pressure", Effect: corev1.TaintEffectNoSchedule},
		{Key: "node.kubernetes.io/memory-pressure", Effect: corev1.TaintEffectNoSchedule},
		{Key: "node.kubernetes.io/network-unavailable", Effect: corev1.TaintEffectNoSchedule},
		{Key: "node.kubernetes.io/pid-pressure", Effect: corev1.TaintEffectNoSchedule},
		{Key: "node.kubernetes.io/unschedulable", Effect: corev1.TaintEffectNoSchedule},
		{Key: "node.kubernetes.io/not-ready", Effect: corev1.TaintEffectNoExecute},
		{Key: "node.kubernetes.io/unreachable", Effect: corev1.TaintEffectNoExecute},
		{Key: "tke.cloud.tencent.com/uninitialized", Value: "true", Effect: corev1.TaintEffectNoSchedule},
		{Key: "tke.cloud.tencent.com/eni-ip-unavailable", Value: "true", Effect: corev1.TaintEffectNoSchedule},
		{Key: "node.cilium.io/agent-not-ready", Value: "true", Effect: corev1.TaintEffectNoExecute},
	} {
		tolerates := func(x corev1.Toleration) bool {
			return x.Key == taint.Key && x.Operator == corev1.TolerationOpExists && (x.Effect == "" || x.Effect == taint.Effect)
		}
		assert.True(t, slices.ContainsFunc(tolerations, tolerates), taint.Key)
	}
}
