package stack

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	dockerconfig "github.com/docker/cli/cli/config"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	corev1 "k8s.io/api/core/v1"
)

// Pull fetches an image from the stack's registry.
func (s *Stack) Pull(ctx context.Context, image string, secret *corev1.Secret) (string, error) {
	return Pull(ctx, image, secret, s.Cloud.Transport())
}

// Pull fetches an image by way of a registry as a kubelet would with secret, whose
// logins are read by Docker's own code; nil pulls without a login. It returns
// the image's digest.
func Pull(ctx context.Context, image string, secret *corev1.Secret, registry http.RoundTripper) (string, error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		return "", err
	}
	login := authn.Anonymous
	if secret != nil {
		if login, err = loginOf(secret, ref.Context().RegistryStr()); err != nil {
			return "", err
		}
	}
	img, err := remote.Image(ref, remote.WithContext(ctx), remote.WithTransport(registry), remote.WithAuth(login))
	if err != nil {
		return "", err
	}
	layers, err := img.Layers()
	if err != nil {
		return "", err
	}
	for _, l := range layers {
		content, err := l.Compressed()
		if err != nil {
			return "", err
		}
		if err := content.Close(); err != nil {
			return "", err
		}
	}
	digest, err := img.Digest()
	return digest.String(), err
}

func loginOf(secret *corev1.Secret, host string) (authn.Authenticator, error) {
	config, err := dockerconfig.LoadFromReader(bytes.NewReader(secret.Data[corev1.DockerConfigJsonKey]))
	if err != nil {
		return nil, fmt.Errorf("read logins of secret %s/%s: %w", secret.Namespace, secret.Name, err)
	}
	auth, err := config.GetAuthConfig(host)
	if err != nil {
		return nil, fmt.Errorf("find login for %s: %w", host, err)
	}
	return authn.FromConfig(authn.AuthConfig{Username: auth.Username, Password: auth.Password}), nil
}
