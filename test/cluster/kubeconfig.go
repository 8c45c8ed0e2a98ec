package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// WriteKubeconfig writes config, one of a Cluster's, to path as a kubeconfig
// for kubectl. The file is readable to its owner alone, for it holds a key, and
// replaces an earlier one whole.
func WriteKubeconfig(path string, config *rest.Config) error {
	content, err := clientcmd.Write(kubeconfig(config))
	if err != nil {
		return fmt.Errorf("write kubeconfig %s: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)) // mode 0600
	if err != nil {
		return fmt.Errorf("write kubeconfig %s: %w", path, err)
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write kubeconfig %s: %w", path, err), os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

func kubeconfig(config *rest.Config) api.Config {
	const name = "tcr-webhook-test"
	k := *api.NewConfig()
	k.Clusters[name] = &api.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	k.AuthInfos[name] = &api.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	k.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name}
	k.CurrentContext = name
	return k
}
