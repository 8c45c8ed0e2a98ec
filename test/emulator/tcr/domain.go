package tcr

import (
	"slices"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/instance"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencentcloud"
)

func (a *API) describeDomains(r *tencentcloud.Request) (tencentcloud.Fields, error) {
	var in struct {
		RegistryId    string
		Limit, Offset *int64
	}
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	i, err := a.instance(r, "RegistryId", in.RegistryId)
	if err != nil {
		return nil, err
	}
	list := []tencentcloud.Fields{}
	for _, d := range pageOf(i.CustomDomains, in.Offset, in.Limit) {
		list = append(list, tencentcloud.Fields{
			"RegistryId": i.ID, "CertId": d.CertID, "DomainName": d.Name, "Status": d.Status,
		})
	}
	return tencentcloud.Fields{"DomainInfoList": listOf(i, list), "TotalCount": len(i.CustomDomains)}, nil
}

func (a *API) createDomain(r *tencentcloud.Request) (tencentcloud.Fields, error) {
	var in struct{ RegistryId, DomainName, CertificateId string }
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	i, err := a.instance(r, "RegistryId", in.RegistryId)
	switch {
	case err != nil:
		return nil, err
	case in.DomainName == "":
		return nil, tencentcloud.Missing("DomainName")
	case in.CertificateId == "":
		return nil, tencentcloud.Missing("CertificateId")
	}
	if _, taken := a.Instances.ByHost(in.DomainName); taken {
		return nil, tencentcloud.Invalid("The domain is in use.")
	}
	return tencentcloud.Fields{}, a.Instances.Change(i.ID, func(i *instance.Instance) error {
		i.CustomDomains = append(i.CustomDomains, instance.CustomDomain{
			Name: in.DomainName, CertID: in.CertificateId, Status: "CREATING", Ready: a.Instances.Ready(),
		})
		return nil
	})
}

func (a *API) deleteDomain(r *tencentcloud.Request) (tencentcloud.Fields, error) {
	var in struct{ RegistryId, DomainName, CertificateId string }
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	i, err := a.instance(r, "RegistryId", in.RegistryId)
	if err != nil {
		return nil, err
	}
	return tencentcloud.Fields{}, a.Instances.Change(i.ID, func(i *instance.Instance) error {
		n := slices.IndexFunc(i.CustomDomains, func(d instance.CustomDomain) bool { return d.Name == in.DomainName })
		if n < 0 {
			return tencentcloud.Invalid("The domain does not exist.")
		}
		i.CustomDomains = slices.Delete(i.CustomDomains, n, n+1)
		return nil
	})
}
