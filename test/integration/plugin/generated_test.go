package plugin

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy/render"
)

// generated is how many pods TestRenderedGenerated tries; `make policies`
// tries 10 000.
var generated = flag.Int("pods", 400, "how many pods are generated")

// generatedRules have every kind of pattern there is.
func generatedRules() []policy.Rule {
	return []policy.Rule{
		{Name: "gen-ours", Namespaces: []string{"gen-*", "!gen-sand*", "kube-system", own}, Action: policy.Enforce, Allow: []string{
			"tcr-demo0001", "tcr-team0004/team/*", "tke-system", "docker.io/*/app", "*.corp.io", "quay.io/team/app", "[2001:db8::1]:5000", "nginx", "localhost:5000", "myhost:443/*",
		}, Deny: []string{"tcr-demo0001/attic/*", "*.corp.io/attic/*", "tcr-xvpc0003"}},
		{Name: "gen-beware", Namespaces: []string{"gen-*"}, Action: policy.Warn, Deny: []string{
			"docker.io/library/*", "*.tencentcloudcr.com/team/app", "r.*.io:5000/*/app", "r.*.io:5000/team/*", "10.0.0.*", "127.0.0.1:5000", "[2001:db8::1]",
		}},
		{Name: "gen-digests", Namespaces: []string{"gen-team-[ab]", "gen-?hop"}, Action: policy.Warn, RequireDigest: true},
		{Name: "gen-exact", Namespaces: []string{"*", "!*", "gen-team-*", "!gen-team-b"}, Action: policy.Warn, Allow: []string{
			"quay.io/team/*", "quay.io/*/app/*", "r.example.com/team/app", "team/*", "*.example.com", "docker.io",
		}},
		{Name: "gen-any", Namespaces: []string{"gen-shop"}, Action: policy.Warn, Allow: []string{"*"}, Deny: []string{"*.*.io"}},
	}
}

var generatedNamespaces = []string{"gen-shop", "gen-team-a", "gen-team-b", "gen-sandbox", "kube-system"}

// image makes up what may stand where an image does: mostly references, and
// some that are none.
func image(r *rand.Rand) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	long := strings.Repeat("a", 100+r.IntN(160))
	host := pick("", "", "", "docker.io/", "index.docker.io/", "registry-1.docker.io/", "Docker.IO/", "quay.io/", "QUAY.io:443/", "quay.io:0443/", "quay.io:5000/",
		"demo.tencentcloudcr.com/", "demo-vpc.tencentcloudcr.com/", "Demo-VPC.TencentCloudCR.com:443/", "demo.tencentcloudcr.com:5000/", "demo.tencentcloudcr.com.evil.io/",
		"r.example.com/", "x.example.com/", "team.example.com:443/", "x-vpc-vpc.tencentcloudcr.com/", "x-vpc.tencentcloudcr.com/", "team-vpc.tencentcloudcr.com/",
		"r.corp.io/", "r.corp.io:5000/", "r.corp.io:05000/", "a.b.corp.io/", "corp.io/", "R.CORP.IO/", "ccr.ccs.tencentyun.com/", "hkccr.ccs.tencentyun.com/", "quay.tencentcloudcr.com/",
		"localhost/", "localhost:5000/", "LOCALHOST/", "myhost/", "MYHOST/", "myhost:443/", "myhost:5000/", "127.0.0.1:5000/", "[2001:DB8:0:0::1]:5000/", "[2001:db8::1]/", "[::::]/", "[::ffff:102:304]/", "a_b.c/", "quay.io./", "-a.io/", "a:b/", "quay.io:000/", "é.io/")
	path := pick("app", "nginx", "team/app", "team/app", "team/app/sub", "library/nginx", "attic/app", "attic/a/b", "other/app", "tkeimages/pause", "library/pause", "team", "a/b/c/d/e/f",
		"Team/app", "team//app", "team/app/", "te_am/a__b", "te___am/a", "a-.b/c", "a--b/c.d", long, long+"/x", "")
	tag := pick("", "", ":1", ":v1.2-3_4", ":Latest", ":", ":-a", ":"+strings.Repeat("t", 126+r.IntN(5)), ":1:2")
	digest := pick("", "", "", "@sha256:"+strings.Repeat("0a", 32), "@sha512:"+strings.Repeat("0a", 64), "@sha384:"+strings.Repeat("0a", 48), "@sha256:"+strings.Repeat("0A", 32), "@sha256:12", "@md5:"+strings.Repeat("0a", 32))
	text := host + path + tag + digest
	switch r.IntN(30) {
	case 0: // one character is another
		if text != "" {
			b := []byte(text)
			b[r.IntN(len(b))] = "aA0.:/@-_ \n%\\'\""[r.IntN(15)]
			text = string(b)
		}
	case 1:
		text = strings.Repeat("0a", 31+r.IntN(3))
	}
	// The API server itself wants an image, with no space around it.
	if text = strings.TrimSpace(text); text == "" {
		return "nginx"
	}
	return text
}

// generate makes a pod with images in places of every kind.
func generate(r *rand.Rand) *corev1.Pod {
	pod := newPod(generatedNamespaces[r.IntN(len(generatedNamespaces))])
	for i := range 1 + r.IntN(2) {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: fmt.Sprintf("c%d", i), Image: image(r)})
	}
	for i := range r.IntN(2) {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, corev1.Container{Name: fmt.Sprintf("i%d", i), Image: image(r)})
	}
	if r.IntN(4) == 0 {
		pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: image(r)}}}, {Name: "none"}}
	}
	return pod
}

// places are the images of a pod, by address.
func places(pod *corev1.Pod) (list []*string) {
	for i := range pod.Spec.InitContainers {
		list = append(list, &pod.Spec.InitContainers[i].Image)
	}
	for i := range pod.Spec.Containers {
		list = append(list, &pod.Spec.Containers[i].Image)
	}
	for i := range pod.Spec.Volumes {
		if v := pod.Spec.Volumes[i].Image; v != nil {
			list = append(list, &v.Reference)
		}
	}
	return list
}

// judged is what the engine says of a pod: the rules that deny, and those that
// warn.
func judged(p *policy.Policy, pod *corev1.Pod) (denied, warned []string) {
	var s policy.Scope
	s.Select(p, pod.Namespace)
	for _, image := range places(pod) {
		text := *image
		if len(text) > render.MaxImage {
			text = "?" // what is rendered refuses it
		}
		for _, v := range s.Append(nil, text) {
			if v.Action == policy.Enforce {
				denied = append(denied, v.Rule)
			} else {
				warned = append(warned, v.Rule)
			}
		}
	}
	slices.Sort(denied)
	slices.Sort(warned)
	return slices.Compact(denied), slices.Compact(warned)
}

// rewritten is the pod as the webhook changes it.
func rewritten(d *registry.Directory, pod *corev1.Pod) *corev1.Pod {
	pod = pod.DeepCopy()
	for _, image := range places(pod) {
		*image = d.Decide(*image, registry.Namespace{Name: pod.Namespace}).Image
	}
	return pod
}

func describe(pod *corev1.Pod) string {
	texts := []string{pod.Namespace}
	for _, image := range places(pod) {
		texts = append(texts, fmt.Sprintf("%q", *image))
	}
	return strings.Join(texts, " ")
}

// What is rendered and the engine have one verdict on pods, on what the webhook
// makes of them, and on what they would be made from.
func TestRenderedGenerated(t *testing.T) {
	t.Parallel()
	c := newClient(t, &warned{})
	for _, name := range []string{"gen-shop", "gen-team-a", "gen-team-b", "gen-sandbox"} {
		createNamespace(t, c, name)
	}
	p, d := compile(t, generatedRules()...), directory(t)
	enforceRendered(t, c, p, map[string]string{"gen-ours": "gen-team-a", "gen-beware": "gen-shop", "gen-digests": "gen-team-a", "gen-exact": "gen-team-a", "gen-any": "gen-shop"})
	r := rand.New(rand.NewPCG(1, 2))
	denials, warnings := 0, 0
	g := errgroup.Group{}
	g.SetLimit(8)
	for i := range *generated {
		pod := generate(r)
		wantDenied, wantWarned := judged(p, pod)
		denials, warnings = denials+len(wantDenied), warnings+len(wantWarned)
		pods := []*corev1.Pod{pod}
		if after := rewritten(d, pod); i%4 == 0 && describe(after) != describe(pod) {
			pods = append(pods, after)
		}
		g.Go(func() error {
			for _, one := range pods {
				got, denial := try(t.Context(), c, one)
				assert.Equal(t, len(wantDenied) > 0, denial != nil, "%s: want %v, got %v", describe(one), wantDenied, denial)
				assert.ElementsMatch(t, wantWarned, got, describe(one))
			}
			if i%4 == 0 {
				got, denial := try(t.Context(), c, maker(i/4, pod))
				assert.NoError(t, denial, describe(pod))
				assert.ElementsMatch(t, append(slices.Clone(wantDenied), wantWarned...), got, "%T of %s", maker(i/4, pod), describe(pod))
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
	t.Logf("%d pods: %d denials, %d warnings", *generated, denials, warnings)
	assert.Greater(t, denials, *generated/10)
	assert.Greater(t, warnings, *generated/10)
}

// maker is something that makes such pods, of the kinds by turns.
func maker(turn int, pod *corev1.Pod) client.Object {
	labels := map[string]string{"app": "web"}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: *pod.Spec.DeepCopy()}
	finite := *template.DeepCopy()
	finite.Spec.RestartPolicy = corev1.RestartPolicyNever
	meta, selector := metav1.ObjectMeta{Namespace: pod.Namespace, GenerateName: "web-"}, &metav1.LabelSelector{MatchLabels: labels}
	all := []client.Object{
		&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Selector: selector, Template: template}},
		&appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Selector: selector, Template: template}},
		&appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template}},
		&appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: template}},
		&corev1.ReplicationController{ObjectMeta: meta, Spec: corev1.ReplicationControllerSpec{Selector: labels, Template: &template}},
		&batchv1.Job{ObjectMeta: meta, Spec: batchv1.JobSpec{Template: finite}},
		&batchv1.CronJob{ObjectMeta: meta, Spec: batchv1.CronJobSpec{Schedule: "0 0 * * *", JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: finite}}}},
	}
	return all[turn%len(all)]
}
