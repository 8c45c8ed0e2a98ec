package tcr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

const (
	// metadataServer answers on every CVM, and on nothing else:
	// cloud.tencent.com/document/product/213/4934.
	metadataServer = "http://metadata.tencentyun.com"
	rolesPath      = "/latest/meta-data/cam/security-credentials/"

	// metadataTimeout bounds a call of what is one hop away.
	metadataTimeout = 2 * time.Second
	// nodeRoleAction is what metrics call a look at the metadata server.
	nodeRoleAction = "NodeRole"
)

// absentError is that there is no such identity here, as opposed to one that
// fails.
type absentError string

// Error implements error.
func (e absentError) Error() string { return string(e) }

// nodeRole is the source of the credentials of the role that is bound to the
// machine we run on.
type nodeRole struct {
	base    string // URL of the metadata server
	client  *http.Client
	observe func(action, code string)
	role    atomic.Pointer[string] // the name, once known
}

func newNodeRole(base string, observe func(action, code string)) *nodeRole {
	if base == "" {
		base = metadataServer
	}
	if observe == nil {
		observe = func(string, string) {}
	}
	g := &guard{next: &http.Transport{ // no proxy: it is the node's own
		DialContext:     (&net.Dialer{Timeout: metadataTimeout}).DialContext,
		IdleConnTimeout: idleTimeout,
	}}
	return &nodeRole{base: strings.TrimSuffix(base, "/"), client: &http.Client{Transport: g, Timeout: metadataTimeout}, observe: observe}
}

// String implements source.
func (n *nodeRole) String() string {
	if name := n.role.Load(); name != nil {
		return "NodeRole as role " + *name
	}
	return "NodeRole"
}

func (n *nodeRole) check() error { return nil }

// roleNamePattern is what CAM allows in the name of a role.
var roleNamePattern = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)

// obtain implements source. The role is looked up each time: another may have
// been bound.
func (n *nodeRole) obtain(ctx context.Context) (temporary, error) {
	list, err := n.get(ctx, rolesPath)
	if err != nil {
		return temporary{}, err
	}
	name, _, _ := strings.Cut(strings.TrimSpace(string(list)), "\n")
	if !roleNamePattern.MatchString(name) {
		return temporary{}, errors.New("no node role: the metadata server answers with what is no name of a role")
	}
	asked := time.Now().Round(0)
	answer, err := n.get(ctx, rolesPath+name)
	if err != nil {
		return temporary{}, err
	}
	got, err := nodeRoleFrom(answer, asked)
	if err != nil {
		return temporary{}, fmt.Errorf("no node role: role %s: %w", name, err)
	}
	n.role.Store(&name)
	return got, nil
}

func nodeRoleFrom(answer []byte, asked time.Time) (temporary, error) {
	var r struct {
		TmpSecretID  token.Secret `json:"TmpSecretId"`
		TmpSecretKey token.Secret
		Token        token.Secret
		ExpiredTime  int64 // Unix seconds
		Code         string
	}
	if json.Unmarshal(answer, &r) != nil { // its error quotes the answer
		return temporary{}, errors.New("the metadata server's answer cannot be read")
	}
	if r.Code != "Success" {
		return temporary{}, fmt.Errorf("%w: the metadata server has no credentials of it (code %q); check that CVM may assume the role", token.ErrDenied, cleanCode(r.Code))
	}
	return temporary{
		Credentials: Credentials{SecretID: r.TmpSecretID, SecretKey: r.TmpSecretKey, SessionToken: r.Token},
		asked:       asked, expires: time.Unix(r.ExpiredTime, 0),
	}, nil
}

// get reads one page of the metadata server. Errors hold nothing of it.
func (n *nodeRole) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.base+path, nil)
	if err != nil {
		return nil, errors.New("no node role: the address of the metadata server is not one")
	}
	resp, err := n.client.Do(req)
	if err != nil {
		n.observe(nodeRoleAction, "ClientError.NetworkError")
		return nil, absentError("no node role: the metadata server cannot be reached: " + strings.ReplaceAll(network(err), "the API's", "its"))
	}
	defer func() { _ = resp.Body.Close() }() // read to its end, or given up
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		n.observe(nodeRoleAction, "ClientError.NetworkError")
		return nil, errors.New("no node role: the metadata server breaks off its answer")
	case resp.StatusCode == http.StatusNotFound:
		n.observe(nodeRoleAction, "ResourceNotFound")
		return nil, absentError("no node role: none is bound to this node; bind one to its CVM instance, or choose another identity")
	case resp.StatusCode != http.StatusOK:
		n.observe(nodeRoleAction, "ClientError.HttpStatusCodeError")
		return nil, fmt.Errorf("no node role: the metadata server answers with status %d", resp.StatusCode)
	}
	n.observe(nodeRoleAction, "OK")
	return body, nil
}
