package tcr

import (
	"github.com/tcr-webhook/tcr-webhook/test/emulator/account"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/instance"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencentcloud"
)

// API is the state the actions work on.
type API struct {
	Book      *account.Book
	Instances *instance.Store

	// UnknownInstance is the code CreateInstanceToken answers for an instance
	// that does not exist. Empty: ResourceNotFound.TcrResourceNotFound.
	UnknownInstance string
}

// Requests a second and account, from the API's documentation: 20 unless said
// otherwise (cloud.tencent.com/document/api/1141/41571 for CreateInstanceToken).
const (
	defaultRate = 20
	tokenRate   = 100
	domainRate  = 1
)

// Service is the API for the gateway.
func (a *API) Service() tencentcloud.Service {
	actions := map[string]tencentcloud.Action{
		"CreateInstanceToken":               {Rate: tokenRate, Run: a.createToken},
		"DescribeInstanceToken":             {Run: a.describeTokens},
		"ModifyInstanceToken":               {Run: a.modifyToken},
		"DeleteInstanceToken":               {Run: a.deleteToken},
		"DescribeInstances":                 {Run: a.describeInstances},
		"DescribeInstanceStatus":            {Run: a.describeStatus},
		"DescribeInternalEndpoints":         {Run: a.describeLinks},
		"ManageInternalEndpoint":            {Run: a.manageLink},
		"CreateInternalEndpointDns":         {Run: a.createDNS},
		"DeleteInternalEndpointDns":         {Run: a.deleteDNS},
		"DescribeInternalEndpointDnsStatus": {Run: a.describeDNS},
		"CreateInstanceCustomizedDomain":    {Rate: domainRate, Run: a.createDomain},
		"DeleteInstanceCustomizedDomain":    {Run: a.deleteDomain},
		"DescribeInstanceCustomizedDomain":  {Run: a.describeDomains},
	}
	for name, action := range actions {
		if action.Rate == 0 {
			action.Rate = defaultRate
			actions[name] = action
		}
	}
	return tencentcloud.Service{Name: "tcr", Version: "2019-09-24", Actions: actions}
}

// instance finds the instance that a request is about, after checking that
// its caller may do this to it.
func (a *API) instance(r *tencentcloud.Request, parameter, id string) (instance.Instance, error) {
	if id == "" {
		return instance.Instance{}, tencentcloud.Missing(parameter)
	}
	if err := r.Authorize("instance/" + id); err != nil {
		return instance.Instance{}, err
	}
	i, ok := a.Instances.Get(id)
	if !ok {
		return instance.Instance{}, a.unknown(r.Action)
	}
	return i, nil
}

// unknown is the answer about an instance that does not exist. The code is
// documented for two actions; all others are known to answer a database error.
func (a *API) unknown(action string) error {
	code := "InternalError.DbError"
	switch action {
	case "CreateInstanceToken":
		code = "ResourceNotFound.TcrResourceNotFound"
		if a.UnknownInstance != "" {
			code = a.UnknownInstance
		}
	case "ManageInternalEndpoint":
		code = "ResourceNotFound"
	}
	return tencentcloud.Errorf(code, "The TCR instance is not found.")
}

// pageOf cuts one page out of a list. The limit defaults to 20 and is capped
// at 100, as documented for DescribeInstances.
func pageOf[T any](all []T, offset, limit *int64) []T {
	from, size := int64(0), int64(20)
	if offset != nil {
		from = max(0, *offset)
	}
	if limit != nil && *limit > 0 {
		size = min(*limit, 100)
	}
	from = min(from, int64(len(all)))
	return all[from:min(from+size, int64(len(all)))]
}
