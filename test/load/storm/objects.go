package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/load/storm/schedule"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// patched is what somebody's kubectl patch does. What is not there was deleted a
// moment before, which is no fault.
func (b *bed) patched(ctx context.Context, o client.Object, kind types.PatchType, patch string) error {
	err := b.Client.Patch(ctx, o, client.RawPatch(kind, []byte(patch)), client.FieldOwner("somebody"))
	return client.IgnoreNotFound(err)
}

// bundleReplaced puts a CA that nobody knows into the caBundle of all webhooks of a
// registration. Emptying it is refused by the policy that comes with the chart.
func bundleReplaced(ctx context.Context, b *bed, _ schedule.Event) (hit, error) {
	m := &admissionregistrationv1.MutatingWebhookConfiguration{}
	if err := b.Client.Get(ctx, client.ObjectKey{Name: "zz-tcr-webhook"}, m); err != nil {
		return hit{}, err
	}
	stranger, err := stack.NewCA()
	if err != nil {
		return hit{}, err
	}
	bundle := base64.StdEncoding.EncodeToString(stranger)
	var patch []string
	for i := range m.Webhooks {
		patch = append(patch, fmt.Sprintf(`{"op":"replace","path":"/webhooks/%d/clientConfig/caBundle","value":"%s"}`, i, bundle))
	}
	return hit{end: none}, b.patched(ctx, m, types.JSONPatchType, "["+strings.Join(patch, ",")+"]")
}

// deleted deletes a Secret of the installation.
func deleted(name string) fault {
	return func(ctx context.Context, b *bed, _ schedule.Event) (hit, error) {
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: stack.Namespace, Name: name}}
		return hit{end: none}, client.IgnoreNotFound(b.Client.Delete(ctx, s))
	}
}

// victim is a pull Secret of the crowd's, and whose it is.
func (b *bed) victim(e schedule.Event) (*corev1.Secret, hit) {
	name := b.crowd.any(e.Target)
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: pullSecret}}, hit{namespace: name, end: none}
}

func secretDeleted(ctx context.Context, b *bed, e schedule.Event) (hit, error) {
	s, h := b.victim(e)
	return h, client.IgnoreNotFound(b.Client.Delete(ctx, s))
}

// secretTampered puts other logins into a Secret, or none.
func secretTampered(ctx context.Context, b *bed, e schedule.Event) (hit, error) {
	s, h := b.victim(e)
	values := []string{"e30=", "eyJhdXRocyI6e319"} // {} and {"auths":{}}
	return h, b.patched(ctx, s, types.MergePatchType, `{"data":{".dockerconfigjson":"`+values[e.Target/64%2]+`"}}`)
}

// secretRetyped makes a Secret anew with our label and another type.
func secretRetyped(ctx context.Context, b *bed, e schedule.Event) (hit, error) {
	s, h := b.victim(e)
	if err := client.IgnoreNotFound(b.Client.Delete(ctx, s)); err != nil {
		return h, err
	}
	anew := s.DeepCopy()
	anew.ObjectMeta = metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name, Labels: map[string]string{"app.kubernetes.io/managed-by": "tcr-webhook"}}
	anew.Type = corev1.SecretTypeOpaque
	_ = b.Client.Create(ctx, anew) // who is faster has it
	return h, nil
}

func secretFixed(ctx context.Context, b *bed, e schedule.Event) (hit, error) {
	s, h := b.victim(e)
	return h, b.patched(ctx, s, types.MergePatchType, `{"immutable":true}`)
}

// secretRelabelled leaves the annotations: without them nobody could tell that the
// logins are ours, and those at hand take their place even if they end sooner.
func secretRelabelled(ctx context.Context, b *bed, e schedule.Event) (hit, error) {
	s, h := b.victim(e)
	return h, b.patched(ctx, s, types.MergePatchType, `{"metadata":{"labels":null}}`)
}

// foreign creates a namespace with somebody else's Secret of our name, and pods
// after it.
func foreign(ctx context.Context, b *bed, _ schedule.Event) (hit, error) {
	name := b.crowd.newName()
	if err := b.crowd.create(ctx, name); err != nil {
		return hit{}, err
	}
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: pullSecret},
		Type:       corev1.SecretTypeDockerConfigJson,
		Data:       map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{"docker.io":{"username":"somebody","password":"else"}}}`)},
	}
	if err := b.Client.Create(ctx, s, client.FieldOwner("somebody")); err != nil {
		// Ours was faster where it is delivered before the first pod.
		b.record.note("a foreign Secret came too late: %v", err)
		return hit{end: none}, nil
	}
	b.record.notOurs(s.UID, s.ResourceVersion)
	for range 3 {
		b.crowd.pod(ctx, name, false)
	}
	return hit{namespace: name, end: none}, nil
}

// briefNamespace deletes a namespace while its first pod is on its way.
func briefNamespace(ctx context.Context, b *bed, _ schedule.Event) (hit, error) {
	name := b.crowd.newName()
	if err := b.crowd.create(ctx, name); err != nil {
		return hit{}, err
	}
	b.crowd.wg.Go(func() { b.crowd.pod(context.WithoutCancel(ctx), name, false) })
	wait(ctx, 5*time.Millisecond) // so that it is on its way
	b.crowd.delete(ctx, name)
	return hit{namespace: name, end: none}, nil
}

// optedOut opts a namespace out, and in again.
func optedOut(ctx context.Context, b *bed, e schedule.Event) (hit, error) {
	name := b.crowd.any(e.Target)
	label := func(ctx context.Context, value string) error {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		return b.patched(ctx, ns, types.MergePatchType, `{"metadata":{"labels":{"tcr-webhook.io/inject":`+value+`}}}`)
	}
	end := func(ctx context.Context) error {
		if err := label(ctx, "null"); err != nil {
			return err
		}
		// Its Secret may have been removed, and comes back with the next pod.
		wait(ctx, time.Second)
		b.crowd.pod(ctx, name, true)
		return nil
	}
	return hit{namespace: name, end: end}, label(ctx, `"disabled"`)
}
