package admin

import (
	"net/http"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

// instance is what a person says about a tencent.Instance.
type instance struct {
	ID            string   `json:"id,omitempty"`
	Name          string   `json:"name"`
	Region        string   `json:"region,omitempty"`
	Status        string   `json:"status,omitempty"`
	CustomDomains []string `json:"customDomains,omitempty"`

	Links     []link   `json:"links,omitempty"`
	DNS       []record `json:"dns,omitempty"`
	NullLists bool     `json:"nullLists,omitempty"`
}

// link is a tencent.Link.
type link struct {
	VPC    string `json:"vpc"`
	Subnet string `json:"subnet,omitempty"`
	Status string `json:"status,omitempty"`
	IP     string `json:"ip,omitempty"`
}

// record is a tencent.DNSRecord.
type record struct {
	VPC    string `json:"vpc"`
	IP     string `json:"ip"`
	Public bool   `json:"public,omitempty"`
	Region string `json:"region,omitempty"`
	Status string `json:"status,omitempty"`
}

func (a *api) instances(*http.Request) (any, error) {
	list := []instance{}
	for _, i := range a.cloud.Instances() {
		entry := instance{ID: i.ID, Name: i.Name, Region: i.Region, Status: i.Status}
		for _, d := range i.CustomDomains {
			entry.CustomDomains = append(entry.CustomDomains, d.Name)
		}
		for _, l := range i.Links {
			entry.Links = append(entry.Links, link{VPC: l.VPC, Subnet: l.Subnet, Status: l.Status, IP: l.IP})
		}
		for _, d := range i.DNS {
			entry.DNS = append(entry.DNS, record(d))
		}
		entry.NullLists = i.NullLists
		list = append(list, entry)
	}
	return list, nil
}

func (a *api) putInstance(r *http.Request) (any, error) {
	var in instance
	if err := read(r, &in, `{"name": "demo", "region": "ap-guangzhou"}`); err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	if in.ID != "" && in.ID != id {
		return nil, wrong("the body is about %s, the path about %s", in.ID, id)
	}
	i := tencent.Instance{ID: id, Name: in.Name, Region: in.Region, Status: in.Status, NullLists: in.NullLists}
	for _, name := range in.CustomDomains {
		i.CustomDomains = append(i.CustomDomains, tencent.CustomDomain{Name: name})
	}
	for _, l := range in.Links {
		i.Links = append(i.Links, tencent.Link{VPC: l.VPC, Subnet: l.Subnet, Status: l.Status, IP: l.IP})
	}
	for _, d := range in.DNS {
		i.DNS = append(i.DNS, tencent.DNSRecord(d))
	}
	if err := a.cloud.PutInstance(i); err != nil {
		return nil, wrong("%w", err)
	}
	return a.instances(r)
}

func (a *api) removeInstance(r *http.Request) (any, error) {
	if id := r.PathValue("id"); !a.cloud.RemoveInstance(id) {
		return nil, missing("there is no instance %q; GET /instances lists them", id)
	}
	return a.instances(r)
}

func (a *api) pushImage(r *http.Request) (any, error) {
	var in struct {
		Ref string `json:"ref"`
	}
	if err := read(r, &in, `{"ref": "demo.tencentcloudcr.com/team/hello:2"}`); err != nil {
		return nil, err
	}
	digest, err := a.cloud.Push(r.Context(), in.Ref)
	if err != nil {
		return nil, wrong("%w", err)
	}
	return map[string]string{"ref": in.Ref, "digest": digest}, nil
}
