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
}

func (a *api) instances(*http.Request) (any, error) {
	list := []instance{}
	for _, i := range a.cloud.Instances() {
		entry := instance{ID: i.ID, Name: i.Name, Region: i.Region, Status: i.Status}
		for _, d := range i.CustomDomains {
			entry.CustomDomains = append(entry.CustomDomains, d.Name)
		}
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
	i := tencent.Instance{ID: id, Name: in.Name, Region: in.Region, Status: in.Status}
	for _, name := range in.CustomDomains {
		i.CustomDomains = append(i.CustomDomains, tencent.CustomDomain{Name: name})
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
