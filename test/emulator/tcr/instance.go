package tcr

import (
	"slices"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/account"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/instance"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencentcloud"
)

type filter struct {
	Name   string
	Values []string
}

func (a *API) describeInstances(r *tencentcloud.Request) (tencentcloud.Fields, error) {
	var in struct {
		Registryids   []string // sic
		Offset, Limit *int64
		Filters       []filter
		AllRegion     bool
	}
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if err := authorizeEach(r, in.Registryids); err != nil {
		return nil, err
	}
	found := []instance.Instance{}
	for _, i := range a.Instances.All() {
		keep, err := passes(i, in.Filters)
		if err != nil {
			return nil, err
		}
		here := in.AllRegion || i.Region == r.Region
		asked := len(in.Registryids) == 0 || slices.Contains(in.Registryids, i.ID)
		if keep && here && asked {
			found = append(found, i)
		}
	}
	list := []tencentcloud.Fields{}
	for _, i := range pageOf(found, in.Offset, in.Limit) {
		list = append(list, describe(i))
	}
	return tencentcloud.Fields{"TotalCount": len(found), "Registries": list}, nil
}

// authorizeEach checks the right on every instance asked for, or on all of
// them where none is.
func authorizeEach(r *tencentcloud.Request, ids []string) error {
	if len(ids) == 0 {
		return r.Authorize("instance/*")
	}
	for _, id := range ids {
		if err := r.Authorize("instance/" + id); err != nil {
			return err
		}
	}
	return nil
}

// passes reports whether an instance meets all filters. RegistryName is
// fuzzy: it finds a part of the name.
func passes(i instance.Instance, filters []filter) (bool, error) {
	for _, f := range filters {
		var match func(string) bool
		switch f.Name {
		case "RegistryName":
			match = func(v string) bool { return strings.Contains(i.Name, v) }
		case "Tags":
			match = func(v string) bool { key, value, _ := strings.Cut(v, ":"); return i.Tags[key] == value }
		default:
			return false, tencentcloud.Invalid("Filter " + f.Name + " is not supported.")
		}
		if !slices.ContainsFunc(f.Values, match) {
			return false, nil
		}
	}
	return true, nil
}

func describe(i instance.Instance) tencentcloud.Fields {
	internal := ""
	for _, l := range i.Links {
		if l.Status == "Running" {
			internal = l.IP
			break
		}
	}
	return tencentcloud.Fields{
		"RegistryId": i.ID, "RegistryName": i.Name, "RegistryType": i.Type, "Status": i.Status,
		"PublicDomain": i.PublicHost(), "CreatedAt": beijing(i.Created),
		"RegionName": i.Region, "RegionId": tencentcloud.RegionIDs()[i.Region],
		"EnableAnonymous": false, "TokenValidTime": int(account.LongTermLife.Hours()),
		"InternalEndpoint": internal, "TagSpecification": tags(i),
		"ExpiredAt": nil, "PayMod": 0, "RenewFlag": 0,
	}
}

// tags are null for an instance without any.
func tags(i instance.Instance) any {
	if len(i.Tags) == 0 {
		return nil
	}
	list := []tencentcloud.Fields{}
	for key, value := range i.Tags {
		list = append(list, tencentcloud.Fields{"Key": key, "Value": value})
	}
	return tencentcloud.Fields{"ResourceType": "instance", "Tags": list}
}

func (a *API) describeStatus(r *tencentcloud.Request) (tencentcloud.Fields, error) {
	var in struct{ RegistryIds []string }
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if len(in.RegistryIds) == 0 {
		return nil, tencentcloud.Missing("RegistryIds")
	}
	list := []tencentcloud.Fields{}
	for _, id := range in.RegistryIds {
		i, err := a.instance(r, "RegistryIds", id)
		if err != nil {
			return nil, err
		}
		list = append(list, tencentcloud.Fields{"RegistryId": i.ID, "Status": i.Status, "Conditions": nil})
	}
	return tencentcloud.Fields{"RegistryStatusSet": list}, nil
}
