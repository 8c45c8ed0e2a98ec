package live

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/process"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// config serves the stack's instance by what is observed of it, and looks often.
// The grace is long, so that a slow Secret is seen to be slow.
const config = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud:
  region: ap-guangzhou
  vpc: vpc-abc123
  identity: SecretKey
  endpoint: ENDPOINT
privateNetwork: {observeEvery: 1s}
firstPodGrace: 2s
registries:
- instance: tcr-m3ut3qxx
`

const app = stack.PublicHost + "/team/app:1"

// bed is the system, and what goes wrong with it.
type bed struct {
	*stack.Stack
	dir, binary string
	prometheus  *server
	ahead       atomic.Int64 // of the cloud's clock, in nanoseconds
	number      atomic.Int64 // of pods and namespaces
}

// fault is something that goes wrong, and the alerts that are to tell of it.
type fault struct {
	name   string
	alerts []string
	// may are those that it may bring with it, since a Lease holds for a quarter
	// of a minute here as everywhere.
	may   []string
	begin func(context.Context) error
	end   func(context.Context) error
	// lingers is for how long an alert goes on that counts what was.
	lingers time.Duration
}

func (b *bed) link(works bool) { b.instance(stack.InstanceID, stack.InstanceName, works) }

// instance is one with a private link and a private name, or with neither.
func (b *bed) instance(id, name string, works bool) {
	i := tencent.Instance{ID: id, Name: name}
	if works {
		i.Links = []tencent.Link{{VPC: "vpc-abc123", IP: "10.0.0.2"}}
		i.DNS = []tencent.DNSRecord{{VPC: "vpc-abc123", IP: "10.0.0.2", Status: "ENABLED"}}
	}
	b.Cloud.AddInstance(i)
}

func pod(namespace, image string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "pod-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: image}}},
	}
}

// namespace makes a new one.
func (b *bed) namespace(ctx context.Context) (string, error) {
	name := fmt.Sprintf("team-%d", b.number.Add(1))
	return name, b.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
}

// during does something again and again, from the begin of a fault to its end.
func during(every time.Duration, do func(context.Context)) (begin, end func(context.Context) error) {
	var cancel context.CancelFunc
	done := make(chan struct{})
	begin = func(ctx context.Context) error {
		ctx, cancel = context.WithCancel(ctx)
		go func() {
			defer close(done)
			tick := time.NewTicker(every)
			defer tick.Stop()
			for {
				do(ctx)
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
			}
		}()
		return nil
	}
	end = func(context.Context) error {
		cancel()
		<-done
		return nil
	}
	return begin, end
}

// post sends a body to a replica, as the API server would.
func (b *bed) post(ctx context.Context, path string, body []byte) error {
	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+b.Server.Address+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := trusting.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// does is what cannot fail.
func does(what func()) func(context.Context) error {
	return func(context.Context) error {
		what()
		return nil
	}
}

func (b *bed) apiFails(name, code string, alerts ...string) fault {
	return fault{
		name: name, alerts: alerts,
		begin: does(func() { b.Cloud.SetFault("*", tencent.Fault{Code: code}) }),
		end:   does(b.Cloud.ClearFaults),
	}
}

func (b *bed) foreignSecret() fault {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "theirs", Name: "tcr-pull"}, StringData: map[string]string{"a": "b"}}
	return fault{
		name: "somebody else's Secret", alerts: []string{"TCRPullSecretsForeign info"},
		begin: func(ctx context.Context) error {
			return errors.Join(
				b.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "theirs"}}),
				b.Client.Create(ctx, secret),
				b.Client.Create(ctx, pod("theirs", app)),
			)
		},
		end: func(ctx context.Context) error { return b.Client.Delete(ctx, secret) },
	}
}

// oldCertificate is a third replica with a certificate that nobody has renewed.
func (b *bed) oldCertificate(dir string) fault {
	var third *process.Process
	path := func(name string) string { return filepath.Join(b.dir, name) }
	start := func(ctx context.Context, ports []int) (*process.Process, error) {
		address := func(i int) string { return "127.0.0.1:" + strconv.Itoa(ports[i]) }
		p, err := process.Launch(process.Server("tcr-webhook", b.binary, filepath.Join(dir, "log"), []string{
			"--config", path("config.yaml"), "--credentials-dir", path("credentials"), "--tls-dir", dir, "--certs", "provided",
			"--kubeconfig", path("tcr-webhook.kubeconfig"), "--namespace", stack.Namespace,
			"--listen", address(0), "--metrics-listen", address(1), "--probes-listen", address(2), "--drain-delay", "1s",
		}))
		if err != nil {
			return nil, err
		}
		if err := b.prometheus.scrape(append(b.metrics(), address(1))...); err != nil {
			return nil, errors.Join(err, p.Stop())
		}
		return p, p.Await(ctx, func(ctx context.Context) error {
			return process.Get(ctx, http.DefaultClient, "http://"+address(1)+"/metrics")
		})
	}
	return fault{
		name: "a certificate near its end", alerts: []string{"TCRCertificateExpirySoon critical", "TCRCertificateExpirySoon warning"},
		begin: func(ctx context.Context) error {
			err := writePair(dir, time.Now().Add(-99*time.Hour), time.Now().Add(5*time.Hour))
			if err == nil {
				third, err = process.OnFreePorts(ctx, 3, start)
			}
			return err
		},
		end: func(context.Context) error { return errors.Join(third.Stop(), b.prometheus.scrape(b.metrics()...)) },
	}
}

// metrics are the addresses of the replicas' metrics.
func (b *bed) metrics() []string {
	addresses := make([]string, 0, len(b.Servers))
	for _, s := range b.Servers {
		addresses = append(addresses, strings.TrimPrefix(s.URL(""), "http://"))
	}
	return addresses
}

// writePair writes a certificate that signs itself.
func writePair(dir string, from, to time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "old"}, NotBefore: from, NotAfter: to,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "tls.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(filepath.Join(dir, "tls.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	)
}

func (b *bed) oneReplicaDies() fault {
	return fault{
		name: "a replica dies", alerts: []string{"TCRWebhookNotRedundant warning"}, may: []string{"TCRNoLeader warning"},
		begin: does(b.Servers[1].Kill),
		end:   b.Servers[1].Restart,
	}
}

func (b *bed) allReplicasDie() fault {
	creating, stop := during(200*time.Millisecond, func(ctx context.Context) {
		for _, namespace := range []string{"default", "kube-system"} {
			_ = b.Client.Create(ctx, pod(namespace, app)) // the first is refused, the other passes
		}
	})
	return fault{
		name: "all replicas die", alerts: []string{"TCRWebhookDown critical", "TCRWebhookCallsFailing critical", "TCRWebhookBypassed warning"},
		may: []string{"TCRNoLeader warning"},
		begin: func(ctx context.Context) error {
			b.killAll()
			return creating(ctx)
		},
		end: func(ctx context.Context) error { return errors.Join(stop(ctx), b.startAll(ctx)) },
	}
}

func (b *bed) killAll() {
	for _, s := range b.Servers {
		s.Kill()
	}
}

func (b *bed) startAll(ctx context.Context) (err error) {
	for _, s := range b.Servers {
		err = errors.Join(err, s.Restart(ctx))
	}
	return err
}

func (b *bed) routeFlaps() fault {
	var works atomic.Bool
	begin, end := during(5*time.Second, func(context.Context) {
		b.link(works.Load())
		works.Store(!works.Load())
	})
	return fault{
		name: "a route to and fro", alerts: []string{"TCRRouteFlapping warning"}, lingers: 2 * time.Minute,
		begin: begin,
		end: func(ctx context.Context) error {
			defer b.link(true)
			return end(ctx)
		},
	}
}

func (b *bed) linkIsGone() fault {
	return fault{
		name: "the link is gone", alerts: []string{"TCRRouteLost warning"},
		begin: does(func() { b.link(false) }),
		end:   does(func() { b.link(true) }),
	}
}

func (b *bed) configIsBroken() fault {
	return fault{
		name: "a configuration with a mistake", alerts: []string{"TCRConfigRejected warning"},
		begin: func(context.Context) error { return b.WriteConfig(strings.Replace(config, "region", "regoin", 1)) },
		end:   func(context.Context) error { return b.WriteConfig(config) },
	}
}

func (b *bed) registrationIsGone() fault {
	var gone admissionregistrationv1.ValidatingWebhookConfiguration
	return fault{
		name: "a registration is gone", alerts: []string{"TCRRegistrationGaps warning"},
		begin: func(ctx context.Context) error {
			if err := b.Client.Get(ctx, client.ObjectKey{Name: "zz-tcr-webhook"}, &gone); err != nil {
				return err
			}
			return b.Client.Delete(ctx, gone.DeepCopy())
		},
		end: func(ctx context.Context) error {
			gone.ResourceVersion, gone.UID = "", ""
			return b.Client.Create(ctx, &gone)
		},
	}
}

func (b *bed) noReviews() fault {
	begin, end := during(50*time.Millisecond, func(ctx context.Context) { _ = b.post(ctx, "/mutate/pods", []byte("what is this")) })
	return fault{name: "calls that are no reviews", alerts: []string{"TCRAdmissionErrors critical"}, begin: begin, end: end}
}

// slowSecrets is another's webhook on Secrets, which takes its time.
func (b *bed) slowSecrets() fault {
	var slow *httptest.Server
	registration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	creating, stop := during(100*time.Millisecond, func(ctx context.Context) {
		if namespace, err := b.namespace(ctx); err == nil {
			_ = b.Client.Create(ctx, pod(namespace, app)) // it waits, and that is all
		}
	})
	return fault{
		name: "Secrets that take long", alerts: []string{"TCRAdmissionSlow warning", "TCRWebhookCallsSlow warning"},
		begin: func(ctx context.Context) error {
			slow = httptest.NewTLSServer(http.HandlerFunc(answerLate))
			registration = slowRegistration(slow)
			return errors.Join(b.Client.Create(ctx, registration), creating(ctx))
		},
		end: func(ctx context.Context) error {
			defer slow.Close()
			return errors.Join(stop(ctx), b.Client.Delete(ctx, registration))
		},
	}
}

// answerLate lets everything pass, after a second and a half.
func answerLate(w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	if json.NewDecoder(r.Body).Decode(&review) != nil || review.Request == nil {
		http.Error(w, "no review", http.StatusBadRequest)
		return
	}
	select {
	case <-r.Context().Done():
	case <-time.After(1500 * time.Millisecond):
	}
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	review.Request = nil
	_ = json.NewEncoder(w).Encode(review) // whoever asked is gone
}

func slowRegistration(s *httptest.Server) *admissionregistrationv1.ValidatingWebhookConfiguration {
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "slow"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "slow.example.com", SideEffects: new(admissionregistrationv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
			FailurePolicy: new(admissionregistrationv1.Ignore),
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				URL: new(s.URL), CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}),
			},
			MatchConditions: []admissionregistrationv1.MatchCondition{{Name: "ours", Expression: `request.name == "tcr-pull"`}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{"CREATE"},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"}},
			}},
		}},
	}
}

func (b *bed) clocksDiffer() fault {
	return fault{
		name: "clocks that differ", alerts: []string{"TCRClockSkew warning"},
		begin: does(func() { b.ahead.Store(int64(90 * time.Second)) }),
		end:   does(func() { b.ahead.Store(0) }),
	}
}

// leaseIsTaken is another who leads, and whom nobody scrapes.
func (b *bed) leaseIsTaken() fault {
	taking, stop := during(time.Second, func(ctx context.Context) {
		var lease coordinationv1.Lease
		if b.Client.Get(ctx, client.ObjectKey{Namespace: stack.Namespace, Name: "tcr-webhook"}, &lease) == nil {
			lease.Spec.HolderIdentity, lease.Spec.RenewTime = new("another"), new(metav1.NowMicro())
			_ = b.Client.Update(ctx, &lease) // somebody was faster: again
		}
	})
	var supervised context.CancelFunc
	return fault{
		name: "another leads", alerts: []string{"TCRNoLeader warning"},
		begin: func(ctx context.Context) error {
			var supervising context.Context
			supervising, supervised = context.WithCancel(ctx)
			go func() { _ = b.Supervise(supervising) }() // who has lost the Lease ends
			return taking(ctx)
		},
		end: func(ctx context.Context) error {
			defer supervised()
			err := stop(ctx)
			_, waited := b.AwaitLeader(ctx)
			return errors.Join(err, waited)
		},
	}
}

// apiIsDown lasts until a token ends, which is one of a minute: that of a second
// instance.
func (b *bed) apiIsDown() fault {
	const second = "tcr-short001"
	return fault{
		name: "the API is down", alerts: []string{"TCRTokenRenewalFailing warning", "TCRTokenRenewalFailing critical", "TCRPullSecretsStale warning"},
		begin: func(ctx context.Context) error {
			b.instance(second, "short", true)
			b.Cloud.SetTokenLifetime(time.Minute)
			err := b.WriteConfig(config + "- instance: " + second + "\n")
			if err == nil {
				err = b.exported(ctx, `tcr_webhook_token_lifetime_seconds{registry="`+second+`"}`)
			}
			b.Cloud.SetFault("*", tencent.Fault{Drop: true})
			return err
		},
		end: func(context.Context) error {
			b.Cloud.SetTokenLifetime(time.Hour)
			b.Cloud.ClearFaults()
			return b.WriteConfig(config)
		},
	}
}

// exported waits until every replica exports a series.
func (b *bed) exported(ctx context.Context, series string) error {
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	for _, s := range b.Servers {
		for {
			text, err := s.Scrape(ctx)
			if err == nil && strings.Contains(text, series) {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("wait for %s: %w", series, context.Cause(ctx))
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	return nil
}

// ruleOnTrial is an allow-list that nothing is held to yet.
func (b *bed) ruleOnTrial() fault {
	const rules = "policy:\n  rules:\n  - {name: only-ours, namespaces: [\"*\"], allow: [tcr-m3ut3qxx], action: Audit}\n"
	raw, _ := json.Marshal(pod("default", "docker.io/library/nginx:1")) // a pod
	review, _ := json.Marshal(map[string]any{
		"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": map[string]any{
			"uid": "1", "operation": "CREATE", "namespace": "default", "object": json.RawMessage(raw),
			"kind": map[string]any{"version": "v1", "kind": "Pod"}, "resource": map[string]any{"version": "v1", "resource": "pods"},
			"requestKind": map[string]any{"version": "v1", "kind": "Pod"}, "requestResource": map[string]any{"version": "v1", "resource": "pods"},
		},
	})
	begin, end := during(200*time.Millisecond, func(ctx context.Context) { _ = b.post(ctx, "/validate/policy", review) })
	return fault{
		// The rule has no registration here.
		name: "a rule on trial", alerts: []string{"TCRPolicyViolations info", "TCRRegistrationGaps warning"}, lingers: time.Hour,
		begin: func(ctx context.Context) error { return errors.Join(b.WriteConfig(config+rules), begin(ctx)) },
		end:   end,
	}
}
