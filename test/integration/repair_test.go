package integration

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
)

const (
	managedBy     = "app.kubernetes.io/managed-by"
	contentDigest = "tcr-webhook.io/content-digest"
	expiresAt     = "tcr-webhook.io/expires-at"
	loginsHeld    = "tcr-webhook.io/logins"
	evilLogins    = `{"auths":{"demo.tencentcloudcr.com":{"username":"evil","password":"evil","auth":"ZXZpbDpldmls"}}}`
)

// watched keeps a ledger of the pull Secrets until the test ends.
func watched(t *testing.T, s *stack.Stack) *ledger.Ledger {
	t.Helper()
	l := ledger.New(s.Client, "tcr-pull", nil)
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	var done sync.WaitGroup
	done.Go(func() { assert.NoError(t, l.Start(ctx)) })
	t.Cleanup(func() { end(); done.Wait() })
	<-l.Open()
	return l
}

// update changes a Secret in place.
func update(change func(*corev1.Secret)) func(*testing.T, *author, *corev1.Secret) {
	return func(t *testing.T, a *author, s *corev1.Secret) {
		t.Helper()
		change(s)
		require.NoError(t, a.Update(t.Context(), s))
	}
}

// anew deletes a Secret and creates another in its place at once.
func anew(change func(*corev1.Secret)) func(*testing.T, *author, *corev1.Secret) {
	return func(t *testing.T, a *author, s *corev1.Secret) {
		t.Helper()
		copied := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name, Labels: s.Labels, Annotations: s.Annotations},
			Type:       s.Type, Data: s.Data,
		}
		change(copied)
		require.NoError(t, a.Delete(t.Context(), s))
		require.NoError(t, a.create(t, copied))
	}
}

// create tries until it is first: what was deleted may have come back already.
func (a *author) create(t *testing.T, s *corev1.Secret) error {
	t.Helper()
	for {
		err := a.Create(t.Context(), s)
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
		err = a.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name}})
		if client.IgnoreNotFound(err) != nil {
			return err
		}
	}
}

// soon tells whether condition comes true within ten seconds. Unlike Eventually
// it asks on the goroutine of the test, which may then go on without it.
func soon(t *testing.T, condition func() bool) bool {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); <-tick.C {
		if condition() {
			return true
		}
	}
	return false
}

// tampering is something that people and tools do to our Secret.
type tampering struct {
	name string
	do   func(*testing.T, *author, *corev1.Secret)
	// moves says that the repaired Secret is another.
	moves bool
}

func tamperings() []tampering {
	evil := func(s *corev1.Secret) { s.Data[corev1.DockerConfigJsonKey] = []byte(evilLogins) }
	later := func(s *corev1.Secret) {
		s.Annotations[loginsHeld] = strings.ReplaceAll(s.Annotations[loginsHeld], s.Annotations[expiresAt][:4], "2099")
		s.Annotations[expiresAt] = "2099-01-01T00:00:00Z"
	}
	consistently := func(s *corev1.Secret) {
		evil(s)
		sum := sha256.Sum256([]byte(evilLogins))
		s.Annotations[contentDigest] = hex.EncodeToString(sum[:])
		later(s)
	}
	retyped := func(to corev1.SecretType, keys ...string) func(*corev1.Secret) {
		return func(s *corev1.Secret) {
			s.Type = to
			for _, k := range keys {
				s.Data[k] = []byte("{}")
			}
		}
	}
	return []tampering{
		{"deleted", func(t *testing.T, a *author, s *corev1.Secret) {
			t.Helper()
			require.NoError(t, a.Delete(t.Context(), s))
		}, true},
		{"other logins", update(evil), false},
		{"no data", update(func(s *corev1.Secret) { s.Data = map[string][]byte{corev1.DockerConfigJsonKey: []byte("{}")} }), false},
		{"logins and annotations, consistently", update(consistently), false},
		{"a later expiry", update(later), false},
		{"no annotations", update(func(s *corev1.Secret) { s.Annotations = nil }), false},
		{"no labels", update(func(s *corev1.Secret) { s.Labels = nil }), false},
		{"another's label", update(func(s *corev1.Secret) { s.Labels[managedBy] = "Helm" }), false},
		{"no label for backups", update(func(s *corev1.Secret) { delete(s.Labels, "velero.io/exclude-from-backup") }), false},
		{"immutable", update(func(s *corev1.Secret) { s.Immutable = new(true) }), true},
		{"immutable with other logins", update(func(s *corev1.Secret) { evil(s); s.Immutable = new(true) }), true},
		{"of type Opaque", anew(retyped(corev1.SecretTypeOpaque)), true},
		{"of type basic-auth", anew(retyped(corev1.SecretTypeBasicAuth, corev1.BasicAuthUsernameKey)), true},
		{"of type dockercfg", anew(retyped(corev1.SecretTypeDockercfg, corev1.DockerConfigKey)), true},
		{"of a type of one's own", anew(retyped("example.com/login")), true},
		{"made anew with other logins", anew(evil), true},
	}
}

// Each is repaired within seconds, by one write or two, and the same Secret
// stays wherever the API server lets it.
func TestWhatOthersDoToTheSecretIsRepaired(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	l := watched(t, s)
	a := newAuthor(t, s)
	a.namespace(t, "reference")
	a.pod(t, "reference", "hello", publicImage)
	want := a.secret(t, "reference")
	require.NotNil(t, want)
	for i, tt := range tamperings() { //nolint:paralleltest // one system, whose log each would fill
		t.Run(tt.name, func(t *testing.T) {
			namespace := fmt.Sprintf("team-%d", i)
			a.namespace(t, namespace)
			a.pod(t, namespace, "hello", publicImage)
			before := a.secret(t, namespace)
			require.NotNil(t, before)

			tt.do(t, a, before.DeepCopy())
			begun := time.Now()
			right := soon(t, func() bool {
				now := a.secret(t, namespace)
				return now != nil && now.Type == want.Type && now.Immutable == nil && assert.ObjectsAreEqual(want.Data, now.Data) &&
					assert.ObjectsAreEqual(want.Labels, now.Labels) && now.Annotations[expiresAt] == want.Annotations[expiresAt] &&
					now.Annotations[loginsHeld] == want.Annotations[loginsHeld]
			})
			took := time.Since(begun)
			if !assert.True(t, right, "it was not put right") {
				return
			}
			assert.Less(t, took, 5*time.Second)
			assert.Equal(t, tt.moves, a.secret(t, namespace).UID != before.UID, "whether it is another Secret")

			written := len(l.History()[namespace])
			a.pod(t, namespace, "again", publicImage)
			assert.Len(t, l.History()[namespace], written, "written again")
			// Whoever makes it anew may find ours again in between, and has to
			// begin once more: two versions for each time.
			assert.LessOrEqual(t, written, 10, "versions from the first to the last, theirs included")
			t.Logf("repaired within %s, %d versions", took.Round(time.Millisecond), written)
		})
	}
}

// A label, an annotation or a key of somebody's own is none of our business.
func TestWhatOthersAddToTheSecretStays(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	a.pod(t, "shop", "hello", publicImage)
	secret := a.secret(t, "shop")
	require.NotNil(t, secret)
	secret.Labels["team"], secret.Annotations["example.com/note"], secret.Data["note"] = "shop", "hello", []byte("hello")
	require.NoError(t, a.Update(t.Context(), secret))
	a.namespace(t, "other") // by when that one has its Secret, this one was looked at
	a.pod(t, "other", "hello", publicImage)
	require.NotNil(t, a.secret(t, "other"))
	time.Sleep(2 * time.Second)
	assert.Equal(t, secret.ResourceVersion, a.secret(t, "shop").ResourceVersion)
}

// A backup of the Secret comes back when its logins have expired. Nothing in it
// was changed, so that only its age tells.
func TestARestoredBackupIsRenewed(t *testing.T) {
	t.Parallel()
	const life = 12 * time.Second
	s := start(t, stack.Options{Prepare: func(c *tencent.Cloud) { c.SetTokenLifetime(life) }})
	a := newAuthor(t, s)
	_, err := s.Cloud.Push(t.Context(), publicImage)
	require.NoError(t, err)
	a.namespace(t, "shop")
	a.pod(t, "shop", "hello", publicImage)
	backup := a.secret(t, "shop")
	require.NotNil(t, backup)
	time.Sleep(life + time.Second)
	_, err = s.Pull(t.Context(), privateImage, backup)
	require.Error(t, err, "the backup still opens the registry")

	require.NoError(t, a.Delete(t.Context(), a.secret(t, "shop")))
	backup.ResourceVersion, backup.UID, backup.CreationTimestamp, backup.ManagedFields = "", "", metav1.Time{}, nil
	backup.Labels["velero.io/restore-name"] = "yesterday"
	require.NoError(t, a.create(t, backup))
	begun := time.Now()
	eventually(t, "a pull to succeed", func() bool {
		now := a.secret(t, "shop")
		if now == nil {
			return false
		}
		_, err := s.Pull(t.Context(), privateImage, now)
		return err == nil
	})
	assert.Less(t, time.Since(begun), 5*time.Second)
}

// Somebody undoes each of our writes at once, in two ways. It costs a bounded
// number of writes, and nobody else a repair.
func TestWhoeverKeepsFightingCostsFewWrites(t *testing.T) {
	t.Parallel()
	const span, most = 30 * time.Second, 8
	s := start(t, stack.Options{})
	l := watched(t, s)
	a := newAuthor(t, s)
	fights := map[string]func(ctx context.Context, now *corev1.Secret) error{
		"edited": func(ctx context.Context, now *corev1.Secret) error {
			now.Data[corev1.DockerConfigJsonKey] = []byte(evilLogins)
			return a.Update(ctx, now)
		},
		"deleted": func(ctx context.Context, now *corev1.Secret) error { return a.Delete(ctx, now) },
	}
	ctx, end := context.WithTimeout(t.Context(), span)
	defer end()
	var fighting sync.WaitGroup
	for namespace, undo := range fights {
		a.namespace(t, namespace)
		a.pod(t, namespace, "hello", publicImage)
		fighting.Go(func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				var now corev1.Secret
				err := a.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "tcr-pull"}, &now)
				if err == nil && string(now.Data[corev1.DockerConfigJsonKey]) != evilLogins {
					_ = undo(ctx, &now) // a conflict is tried again
				}
			}
		})
	}
	a.namespace(t, "bystander")
	a.pod(t, "bystander", "hello", publicImage)
	require.NoError(t, a.Delete(t.Context(), a.secret(t, "bystander")))
	eventually(t, "a bystander's Secret to come back", func() bool { return a.secret(t, "bystander") != nil })
	fighting.Wait()

	for namespace := range fights {
		ours := 0
		for _, v := range l.History()[namespace] {
			if v.Manager == "tcr-webhook" && (v.Op == ledger.Created || v.Op == ledger.Changed) {
				ours++
			}
		}
		assert.LessOrEqual(t, ours, most, "%s: our writes in %s", namespace, span)
		assert.GreaterOrEqual(t, ours, 2, "%s: it was repaired, too", namespace)
		t.Logf("%s at once for %s: %d writes of ours", namespace, span, ours)
	}
}
