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
	for i, tt := range tamperings() {
		t.Run(tt.name, func(t *testing.T) { //nolint:paralleltest // subtests that wait in parallel outlive the system
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
			assert.Equal(t, written, len(l.History()[namespace]), "written again")
			assert.LessOrEqual(t, written, 6, "versions from the first to the last, theirs included")
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

// foreignSecrets are of every type, as their owners write them.
func foreignSecrets() map[string]*corev1.Secret {
	of := func(t corev1.SecretType, data map[string]string) *corev1.Secret {
		return &corev1.Secret{Type: t, StringData: data}
	}
	login := `{"auths":{"r.example.com":{"username":"me","password":"mine"}}}`
	all := map[string]*corev1.Secret{
		"opaque":           of(corev1.SecretTypeOpaque, map[string]string{"x": "y"}),
		"dockerconfigjson": of(corev1.SecretTypeDockerConfigJson, map[string]string{corev1.DockerConfigJsonKey: login}),
		"dockercfg":        of(corev1.SecretTypeDockercfg, map[string]string{corev1.DockerConfigKey: "{}"}),
		"basic-auth":       of(corev1.SecretTypeBasicAuth, map[string]string{corev1.BasicAuthUsernameKey: "me"}),
		"ssh-auth":         of(corev1.SecretTypeSSHAuth, map[string]string{corev1.SSHAuthPrivateKey: "x"}),
		"tls":              of(corev1.SecretTypeTLS, map[string]string{corev1.TLSCertKey: "", corev1.TLSPrivateKeyKey: ""}),
		"service-account":  of(corev1.SecretTypeServiceAccountToken, nil),
		"bootstrap-token":  of(corev1.SecretTypeBootstrapToken, map[string]string{"x": "y"}),
		"of-ones-own":      of("example.com/login", map[string]string{"x": "y"}),
		"immutable":        of(corev1.SecretTypeDockerConfigJson, map[string]string{corev1.DockerConfigJsonKey: login}),
		"of-helm":          of(corev1.SecretTypeDockerConfigJson, map[string]string{corev1.DockerConfigJsonKey: login}),
		"with-our-notes":   of(corev1.SecretTypeDockerConfigJson, map[string]string{corev1.DockerConfigJsonKey: login}),
	}
	all["service-account"].Annotations = map[string]string{corev1.ServiceAccountNameKey: "default"}
	all["immutable"].Immutable = new(true)
	all["of-helm"].Labels = map[string]string{managedBy: "Helm"}
	all["with-our-notes"].Annotations = map[string]string{expiresAt: "2020-01-01T00:00:00Z", loginsHeld: "{}", contentDigest: "0"}
	return all
}

// Somebody else's Secret of our name is never touched, whatever it is and
// whether or not the API server knows who wrote it.
func TestForeignSecretsOfEveryTypeAreLeftAlone(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	theirs := map[string]string{}
	for kind, secret := range foreignSecrets() {
		for _, managed := range []bool{true, false} {
			namespace := kind
			if !managed {
				namespace += "-unmanaged"
			}
			a.namespace(t, namespace)
			require.NoError(t, a.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "default"}}))
			mine := secret.DeepCopy()
			mine.Namespace, mine.Name = namespace, "tcr-pull"
			require.NoError(t, a.Create(t.Context(), mine), namespace)
			if !managed {
				mine.ManagedFields = []metav1.ManagedFieldsEntry{{}} // which is how they are reset
				require.NoError(t, a.Update(t.Context(), mine), namespace)
				require.Empty(t, a.secret(t, namespace).ManagedFields)
			}
			theirs[namespace] = a.secret(t, namespace).ResourceVersion
		}
	}
	for namespace := range theirs {
		eventually(t, "a warning in "+namespace, func() bool {
			pod := newPod(namespace, "", publicImage)
			pod.GenerateName = "hello-"
			require.NoError(t, a.Create(t.Context(), pod))
			assert.Equal(t, pullSecrets, pod.Spec.ImagePullSecrets)
			return strings.Contains(a.taken(), "was not made by tcr-webhook")
		})
	}
	// Something that calls for another look at every namespace.
	require.NoError(t, s.WriteConfig(strings.Replace(stack.DefaultConfig, "route: Private", "route: Private\n  hosts: {public: "+
		stack.PublicHost+", private: "+stack.PrivateHost+", custom: [r.example.com]}", 1)))
	a.namespace(t, "ours")
	a.pod(t, "ours", "hello", publicImage)
	eventually(t, "the change to be in force", func() bool {
		ours := a.secret(t, "ours")
		return ours != nil && strings.Contains(string(ours.Data[corev1.DockerConfigJsonKey]), "r.example.com")
	})
	time.Sleep(3 * time.Second)
	for namespace, version := range theirs {
		now := a.secret(t, namespace)
		if assert.NotNil(t, now, namespace) {
			assert.Equal(t, version, now.ResourceVersion, "the Secret of %s was touched", namespace)
		}
	}
}

const addedHost = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud: {region: ap-guangzhou, identity: SecretKey, endpoint: ENDPOINT}
registries:
- instance: tcr-m3ut3qxx
  namespaces: ["*", "!gone-*"]
  route: Private
  hosts: {public: demo.tencentcloudcr.com, private: demo-vpc.tencentcloudcr.com, custom: [r.example.com]}
`

// While every Secret is being written anew, some namespaces are on their way
// out, and of others the Secret is deleted because they get none any more.
// Nothing comes back, nothing is written there, and nothing is an error.
func TestAWaveBringsNothingBack(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	l := watched(t, s)
	a := newAuthor(t, s)
	kinds := []string{"stays", "gone", "ends"}
	const each = 40
	for i := range each {
		for _, kind := range kinds {
			name := fmt.Sprintf("%s-%d", kind, i)
			a.namespace(t, name)
			a.pod(t, name, "hello", publicImage)
			require.NotNil(t, a.secret(t, name))
		}
	}
	before := l.History()
	require.NoError(t, s.WriteConfig(addedHost)) // which deselects gone-*, too
	eventually(t, "the wave to begin", func() bool { return l.Writes()[ledger.Changed] > 0 })
	for i := range each {
		if i%5 == 0 { // some while the wave goes on, which takes three seconds
			time.Sleep(300 * time.Millisecond)
		}
		ends := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("ends-%d", i)}}
		require.NoError(t, a.Delete(t.Context(), ends)) // it stays terminating: no controller empties it here
		for _, kind := range []string{"gone", "ends"} {
			err := a.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("%s-%d", kind, i), Name: "tcr-pull"}})
			require.NoError(t, client.IgnoreNotFound(err))
		}
	}
	eventually(t, "the end of the wave", func() bool {
		for i := range each {
			if len(l.History()[fmt.Sprintf("stays-%d", i)]) == len(before[fmt.Sprintf("stays-%d", i)]) {
				return false
			}
		}
		return true
	})
	time.Sleep(5 * time.Second)
	for i := range each {
		for _, kind := range []string{"gone", "ends"} {
			name := fmt.Sprintf("%s-%d", kind, i)
			assert.Nil(t, a.secret(t, name), "it came back in %s", name)
			created := 0
			for _, v := range l.History()[name] {
				if v.Op == ledger.Created {
					created++
				}
			}
			assert.Equal(t, 1, created, "%s: times that the Secret was created", name)
		}
	}
	log, err := s.Server.Log()
	require.NoError(t, err)
	assert.NotContains(t, log, `"level":"ERROR"`)
}
