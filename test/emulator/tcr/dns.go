package tcr

import (
	"cmp"
	"slices"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/instance"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencentcloud"
)

// vpcDomain names a DNS record. The instance is an InstanceId here.
type vpcDomain struct {
	InstanceId, VpcId, EniLBIp, RegionName string
	UsePublicDomain                        bool
}

func (v vpcDomain) missing() error {
	switch {
	case v.VpcId == "":
		return tencentcloud.Missing("VpcId")
	case v.EniLBIp == "":
		return tencentcloud.Missing("EniLBIp")
	}
	return nil
}

// in finds the record of an instance that v names; -1 if there is none. The
// region is the instance's unless v says otherwise.
func (v vpcDomain) in(i *instance.Instance) int {
	region := cmp.Or(v.RegionName, i.Region)
	return slices.IndexFunc(i.DNS, func(r instance.DNSRecord) bool {
		return r.VPC == v.VpcId && r.IP == v.EniLBIp && r.Public == v.UsePublicDomain && r.Region == region
	})
}

func (a *API) createDNS(r *tencentcloud.Request) (tencentcloud.Fields, error) {
	var in struct {
		vpcDomain
		RegionId uint64
	}
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	return a.changeDNS(r, in.vpcDomain, func(i *instance.Instance) error {
		if in.in(i) >= 0 {
			return tencentcloud.Errorf("InternalError.CreatePrivateZoneRecord", "The record exists.")
		}
		i.DNS = append(i.DNS, instance.DNSRecord{
			VPC: in.VpcId, IP: in.EniLBIp, Public: in.UsePublicDomain, Region: cmp.Or(in.RegionName, i.Region), Status: "ENABLED",
		})
		return nil
	})
}

func (a *API) deleteDNS(r *tencentcloud.Request) (tencentcloud.Fields, error) {
	var in vpcDomain
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	return a.changeDNS(r, in, func(i *instance.Instance) error {
		n := in.in(i)
		if n < 0 {
			return tencentcloud.Errorf("InternalError.DeletePrivateZoneRecord", "There is no such record.")
		}
		i.DNS = slices.Delete(i.DNS, n, n+1)
		return nil
	})
}

func (a *API) changeDNS(r *tencentcloud.Request, in vpcDomain, change func(*instance.Instance) error) (tencentcloud.Fields, error) {
	i, err := a.instance(r, "InstanceId", in.InstanceId)
	if err != nil {
		return nil, err
	}
	if err := in.missing(); err != nil {
		return nil, err
	}
	return tencentcloud.Fields{}, a.Instances.Change(i.ID, change)
}

func (a *API) describeDNS(r *tencentcloud.Request) (tencentcloud.Fields, error) {
	var in struct{ VpcSet []vpcDomain }
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if len(in.VpcSet) == 0 {
		return nil, tencentcloud.Missing("VpcSet")
	}
	list := []tencentcloud.Fields{}
	for _, v := range in.VpcSet {
		i, err := a.instance(r, "VpcSet.InstanceId", v.InstanceId)
		if err != nil {
			return nil, err
		}
		if err := v.missing(); err != nil {
			return nil, err
		}
		region, status := cmp.Or(v.RegionName, i.Region), "DISABLED"
		if n := v.in(&i); n >= 0 {
			status = i.DNS[n].Status
		}
		list = append(list, tencentcloud.Fields{"Region": region, "VpcId": v.VpcId, "Status": status})
	}
	return tencentcloud.Fields{"VpcSet": list}, nil
}
