package tcr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/tcr/v20190924"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

const (
	describeInstances = "DescribeInstances"
	describeDomains   = "DescribeInstanceCustomizedDomain"

	// pageSize is the most that the Describe actions return at once. One page
	// is read: of one instance, and of its domains, there are few.
	pageSize = 100
)

// Instance is what the API says of an instance.
type Instance struct {
	ID     registry.ID
	Name   string
	Status string // "Running" for one that works
	Region string // "" if the API does not say
	Hosts  registry.Hosts
	// CustomErr is why the custom domains are not among Hosts: nil, or that
	// the identity may not list them.
	CustomErr error
}

// Hosts returns the names of an instance. Custom domains that the identity
// may not list are left out, and a log line says so.
func (c *Client) Hosts(ctx context.Context, id registry.ID) (registry.Hosts, error) {
	instance, err := c.Describe(ctx, id)
	if err != nil {
		return registry.Hosts{}, err
	}
	if instance.CustomErr != nil {
		logf.FromContext(ctx).Info("custom domains of an instance are not known", "instance", id, "reason", instance.CustomErr.Error())
	}
	return instance.Hosts, nil
}

// Describe returns what the API says of an instance, in two calls. The right
// to the second is dispensable: see Instance.CustomErr.
func (c *Client) Describe(ctx context.Context, id registry.ID) (Instance, error) {
	instance, err := c.instance(ctx, id)
	if err != nil {
		return Instance{}, err
	}
	instance.Hosts.Custom, err = c.customDomains(ctx, id)
	switch {
	case errors.Is(err, token.ErrDenied), errors.Is(err, token.ErrBadRequest):
		instance.CustomErr = err // it would be the same the next time
	case err != nil:
		return Instance{}, err
	}
	return instance, nil
}

// instance finds id in the client's region, or else, where it may look there,
// in another.
func (c *Client) instance(ctx context.Context, id registry.ID) (Instance, error) {
	found, err := c.find(ctx, id, false)
	if err == nil {
		c.homes.Delete(id)
	}
	if !errors.Is(err, token.ErrNotFound) {
		return found, err
	}
	if abroad, failed := c.find(ctx, id, true); failed == nil && regionPattern.MatchString(abroad.Region) {
		c.homes.Store(id, abroad.Region)
		return abroad, nil
	}
	return found, err
}

func (c *Client) find(ctx context.Context, id registry.ID, everywhere bool) (Instance, error) {
	if err := c.describes.Wait(ctx); err != nil {
		return Instance{}, fmt.Errorf("wait to describe %s: %w", id, err)
	}
	req := sdk.NewDescribeInstancesRequest()
	req.Registryids = common.StringPtrs([]string{string(id)})
	req.Limit = common.Int64Ptr(pageSize)
	if everywhere {
		req.AllRegion = common.BoolPtr(true)
	}
	answer, err := call(ctx, c, describeInstances, id, func(ctx context.Context, client api) (*sdk.DescribeInstancesResponse, error) {
		return client.DescribeInstancesWithContext(ctx, req)
	})
	if err != nil {
		return Instance{}, err
	}
	instance, err := instanceFrom(answer, id)
	if err != nil {
		return Instance{}, fmt.Errorf("%s for %s in %s: %w", describeInstances, id, c.region, err)
	}
	return instance, nil
}

// instanceFrom finds id in an answer. It trusts neither the API's filter nor
// any field to be there.
func instanceFrom(answer *sdk.DescribeInstancesResponse, id registry.ID) (Instance, error) {
	if answer == nil || answer.Response == nil {
		return Instance{}, errors.New("the answer is empty")
	}
	i := slices.IndexFunc(answer.Response.Registries, func(r *sdk.Registry) bool {
		return r != nil && value(r.RegistryId) == string(id)
	})
	if i < 0 {
		return Instance{}, fmt.Errorf("%w: check the instance id, the region and the account", token.ErrNotFound)
	}
	r := answer.Response.Registries[i]
	hosts, err := hostsOf(value(r.RegistryName), value(r.PublicDomain))
	if err != nil {
		return Instance{}, err
	}
	return Instance{ID: id, Name: value(r.RegistryName), Status: value(r.Status), Region: value(r.RegionName), Hosts: hosts}, nil
}

// hostsOf derives the default host names of an instance. The private one is
// in no answer: it is the instance's name and "-vpc" under the domain that
// the public one is under.
func hostsOf(name, public string) (registry.Hosts, error) {
	if public == "" {
		public = name + registry.Suffix
	}
	host, err := registry.ParseHost(strings.ToLower(public))
	if err != nil {
		return registry.Hosts{}, errors.New("the answer has a public domain that is no host name")
	}
	_, root, _ := strings.Cut(string(host), ".")
	private, err := registry.ParseHost(name + "-vpc." + root)
	if err != nil {
		return registry.Hosts{}, errors.New("the answer has a registry name that makes no host name")
	}
	return registry.Hosts{Public: host, Private: private}, nil
}

func (c *Client) customDomains(ctx context.Context, id registry.ID) ([]registry.Host, error) {
	if err := c.describes.Wait(ctx); err != nil {
		return nil, fmt.Errorf("wait to list the domains of %s: %w", id, err)
	}
	req := sdk.NewDescribeInstanceCustomizedDomainRequest()
	req.RegistryId = common.StringPtr(string(id))
	req.Limit = common.Int64Ptr(pageSize)
	answer, err := call(ctx, c, describeDomains, id, func(ctx context.Context, client api) (*sdk.DescribeInstanceCustomizedDomainResponse, error) {
		return client.DescribeInstanceCustomizedDomainWithContext(ctx, req)
	})
	if err != nil {
		return nil, err
	}
	hosts, err := customFrom(answer, id)
	if err != nil {
		return nil, fmt.Errorf("%s for %s: %w", describeDomains, id, err)
	}
	return hosts, nil
}

// customFrom lists the domains of id that are in service. What is no host
// name cannot be in an image reference either, and is left out.
func customFrom(answer *sdk.DescribeInstanceCustomizedDomainResponse, id registry.ID) ([]registry.Host, error) {
	if answer == nil || answer.Response == nil {
		return nil, errors.New("the answer is empty")
	}
	var hosts []registry.Host
	for _, d := range answer.Response.DomainInfoList {
		// The reference has SUCCESS, its examples success and Success.
		if d == nil || !strings.EqualFold(value(d.Status), "success") {
			continue
		}
		if of := value(d.RegistryId); of != "" && of != string(id) {
			continue
		}
		host, err := registry.ParseHost(strings.ToLower(value(d.DomainName)))
		if err == nil && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return hosts, nil
}
