package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Outputs is everything that tells about the system, by name: what each
// replica has logged and what those that run export and show, the Events and ConfigMaps
// of the cluster, and the API server's audit, if there is one. None of it may
// hold a login.
func (s *Stack) Outputs(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	for i, r := range s.Servers {
		log, err := r.Log()
		if err != nil {
			return nil, err
		}
		all[fmt.Sprintf("the log of replica %d", i)] = log
		if !r.Running() {
			continue
		}
		if all[fmt.Sprintf("a metric of replica %d", i)], err = r.Scrape(ctx); err != nil {
			return nil, err
		}
		if all[fmt.Sprintf("the page of replica %d", i)], err = r.StatusPage(ctx); err != nil {
			return nil, err
		}
	}
	for name, list := range map[string]client.ObjectList{
		"an Event": &corev1.EventList{}, "a ConfigMap": &corev1.ConfigMapList{}, "a Namespace": &corev1.NamespaceList{},
	} {
		if err := s.Client.List(ctx, list); err != nil {
			return nil, err
		}
		text, err := json.Marshal(list)
		if err != nil {
			return nil, err
		}
		all[name] = string(text)
	}
	if s.audited {
		log, err := s.Cluster.AuditLog()
		if err != nil {
			return nil, err
		}
		all["the audit"] = log
	}
	return all, nil
}

// jwt is how a registry token begins, and a docker config in base64: both are
// {" at first.
const jwt = "eyJ"

// Leaks names the outputs that hold a login, a key of the cloud, or one of the
// markers. It quotes none of them.
func (s *Stack) Leaks(ctx context.Context, markers ...string) ([]string, error) {
	outputs, err := s.Outputs(ctx)
	if err != nil {
		return nil, err
	}
	markers = append(slices.Clone(markers), jwt)
	for _, i := range s.Cloud.Identities() {
		markers = append(markers, i.SecretKey)
	}
	var found []string
	for name, text := range outputs {
		if slices.ContainsFunc(markers, func(m string) bool { return strings.Contains(text, m) }) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found, nil
}
