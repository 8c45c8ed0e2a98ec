package tcr

import (
	"slices"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/instance"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencentcloud"
)

func (a *API) describeLinks(r *tencentcloud.Request) (tencentcloud.Fields, error) {
	var in struct{ RegistryId string }
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	i, err := a.instance(r, "RegistryId", in.RegistryId)
	if err != nil {
		return nil, err
	}
	list := []tencentcloud.Fields{}
	for _, l := range i.Links {
		list = append(list, tencentcloud.Fields{
			"VpcId": l.VPC, "SubnetId": l.Subnet, "Status": l.Status, "AccessIp": l.IP,
		})
	}
	return tencentcloud.Fields{"AccessVpcSet": listOf(i, list), "TotalCount": len(list)}, nil
}

// listOf is the list, or null where the instance sends that for an empty one.
func listOf(i instance.Instance, list []tencentcloud.Fields) any {
	if len(list) == 0 && i.NullLists {
		return nil
	}
	return list
}

func (a *API) manageLink(r *tencentcloud.Request) (tencentcloud.Fields, error) {
	var in struct {
		RegistryId, Operation, VpcId, SubnetId, RegionName string
		RegionId                                           uint64
	}
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	i, err := a.instance(r, "RegistryId", in.RegistryId)
	if err != nil {
		return nil, err
	}
	switch {
	case in.Operation == "":
		return nil, tencentcloud.Missing("Operation")
	case in.VpcId == "":
		return nil, tencentcloud.Missing("VpcId")
	case in.SubnetId == "":
		return nil, tencentcloud.Missing("SubnetId")
	case in.Operation == "Create":
		err = a.Instances.Change(i.ID, func(i *instance.Instance) error { return a.createLink(i, in.VpcId, in.SubnetId) })
	case in.Operation == "Delete":
		err = a.Instances.Change(i.ID, func(i *instance.Instance) error { return deleteLink(i, in.VpcId, in.SubnetId) })
	default:
		return nil, tencentcloud.Invalid("Operation must be Create or Delete.")
	}
	if err != nil {
		return nil, err
	}
	return tencentcloud.Fields{"RegistryId": in.RegistryId}, nil
}

// createLink starts a link: it has no address until it is Running.
func (a *API) createLink(i *instance.Instance, vpc, subnet string) error {
	if slices.ContainsFunc(i.Links, func(l instance.Link) bool { return l.VPC == vpc }) {
		return tencentcloud.Errorf("InternalError.ErrorConflict", "The VPC has a link already.")
	}
	if len(i.Links) >= i.LinkLimit() {
		return tencentcloud.Errorf("InternalError.ErrorOverLimit", "The instance has as many links as its type allows.")
	}
	i.AddLink(vpc, subnet, a.Instances.Ready())
	return nil
}

// deleteLink removes a link. DNS records that point at it stay, as orphans.
func deleteLink(i *instance.Instance, vpc, subnet string) error {
	n := slices.IndexFunc(i.Links, func(l instance.Link) bool { return l.VPC == vpc && l.Subnet == subnet })
	if n < 0 {
		return tencentcloud.Errorf("ResourceNotFound", "The VPC has no such link.")
	}
	i.Links = slices.Delete(i.Links, n, n+1)
	return nil
}
