package doctor

import "github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"

// kind is a check that there is: its codes, and the thing that must have been
// looked at.
type kind struct {
	group, name string
	codes       []string
	thing, why  string
}

// The things that the doctor looks at beyond those of health.
const (
	ThingCluster   = "cluster"
	ThingRights    = "rights"
	ThingPod       = "dry-run pod"
	ThingAddon     = "add-on"
	ThingMistakes  = "mistakes"
	ThingInstall   = "may install"
	ThingImage     = "own image"
	ThingNetwork   = "network policies"
	ThingHolder    = "pods of the installation"
	ThingPulls     = "pulls"
	ThingLogin     = "dry-run Secret"
	ThingOurs      = "names of Secrets"
	ThingService   = "Service"
	ThingIdentity  = "identity"
	thingRightOf   = "right "
	ThingPodServed = "served pod"
)

// NotNeeded is why a check is left out that the installation has no need of.
const NotNeeded = ""

// kinds are all checks, causes before what comes of them.
func kinds() []kind {
	all := []kind{
		{"kubernetes", "the API server is new enough", []string{"TCR111"}, ThingCluster, "conditions of registrations came with 1.28: without them every pod of the cluster would wait for us"},
		{"kubernetes", "you may install", []string{"TCR112"}, ThingInstall, "the chart makes objects that only an administrator may make"},
		{"installation", "it is there", []string{"TCR101"}, health.ThingDeployment, "all else is done by it"},
		{"installation", "its ServiceAccount has its rights", []string{"TCR113"}, ThingRights, "without them pull Secrets are not written, or nothing is watched"},
		{"installation", "its own image needs no login of its own", []string{"TCR116"}, ThingImage, "a pod of ours that cannot be pulled without us does not come back"},
		{"installation", "network policies let it be called", []string{"TCR117"}, ThingNetwork, "the API server calls it from outside the pod network"},
		{"configuration", "it can be read", []string{"TCR603"}, health.ThingConfiguration, "while it is refused, the last good one stays, and a new replica has none"},
		{"webhook", "the Service is there", []string{"TCR124"}, ThingService, "the API server calls us by it"},
		{"webhook", "registrations have a caBundle", []string{"TCR108"}, health.ThingRegistrations, "the API server trusts us by it"},
		{"webhook", "the certificate holds", []string{"TCR106", "TCR128"}, health.ThingDocument, "the API server trusts us by it"},
		{"webhook", "registrations have the right failurePolicy", []string{"TCR115"}, health.ThingRegistrations, "it says what becomes of pods while nobody answers"},
		{"webhook", "registrations have their matchConditions", []string{"TCR114"}, health.ThingRegistrations, "they keep pods without an image of yours from waiting for us"},
		{"webhook", "registrations let all through that is served", []string{"TCR104"}, health.ThingRegistrations, "what they leave out gets no login"},
	}
	all = append(all, serving()...)
	all = append(all, cloud()...)
	return append(all, delivery()...)
}

// serving are the checks of what runs.
func serving() []kind {
	return []kind{
		{"installation", "replicas are ready", []string{"TCR102"}, health.ThingDeployment, "without one, pods with images of yours are not created"},
		{"webhook", "the Service has endpoints", []string{"TCR105"}, health.ThingEndpoints, "the API server calls us by it"},
		{"webhook", "somebody answers for the registrations", []string{"TCR110"}, health.ThingRegistrations, "pods with images of yours are not created otherwise"},
		{"webhook", "the API server reaches it (dry run)", []string{"TCR121", "TCR122", "TCR123", "TCR127"}, ThingPod, "it is how every pod comes to us"},
		{"webhook", "a pod is served (dry run)", []string{"TCR125", "TCR126", "TCR129", "TCR130", "TCR131"}, ThingPodServed, "it is what the installation is for"},
		{"installation", "a replica leads", []string{"TCR103", "TCR107", "TCR118"}, health.ThingLease, "the leader renews, and keeps the status that most of this is read from"},
		{"configuration", "it is in force", []string{"TCR604"}, health.ThingConfiguration, "while it is refused, the last good one stays"},
		{"configuration", "it says what is meant", []string{"TCR610", "TCR611"}, ThingMistakes, "what is hardly meant surprises later"},
	}
}

// cloud are the checks of what Tencent Cloud says.
func cloud() []kind {
	all := []kind{
		{"cloud", "clocks agree", []string{"TCR203"}, health.ThingDocument, "the API takes no signature that is 5 minutes off"},
		{"cloud", "it knows the identity", []string{"TCR201"}, ThingIdentity, "every call is signed by it"},
		{"cloud", "its API answers", []string{"TCR202", "TCR205"}, ThingIdentity, "tokens come from there, and last for an hour"},
		{"cloud", "it has the instances", []string{"TCR204", "TCR309"}, ThingIdentity, "nothing can be asked about others"},
		{"credentials", "fixed logins can be read", []string{"TCR207"}, ThingIdentity, "there is nothing else to pull with from their registries"},
	}
	for _, r := range camRights() {
		all = append(all, kind{"cloud", "it grants tcr:" + r.action, []string{r.code}, thingRightOf + r.action, r.why})
	}
	return append(all,
		kind{"cloud", "hosts of instances are known", []string{"TCR404"}, health.ThingDocument, "images of an instance are found by them"},
		kind{"route", "instances are reached privately", []string{"TCR301", "TCR302", "TCR303", "TCR304", "TCR305", "TCR306", "TCR307", "TCR308", "TCR310"}, health.ThingDocument, "otherwise layers come by the internet, or not at all"},
		kind{"credentials", "tokens are renewed", []string{"TCR401", "TCR402", "TCR403"}, health.ThingDocument, "they work for an hour"},
	)
}

// delivery are the checks of what reaches namespaces and nodes, and of leftovers.
func delivery() []kind {
	return []kind{
		{"credentials", "namespaces take the pull Secret", []string{"TCR408"}, ThingLogin, "a quota, a policy or another webhook may refuse it"},
		{"credentials", "pull Secrets are as they should be", []string{"TCR405"}, health.ThingDocument, "the kubelet pulls with them"},
		{"credentials", "no other Secret has our name", []string{"TCR409"}, ThingOurs, "it is used in place of ours, and never overwritten"},
		{"nodes", "they reach registry and bucket", []string{"TCR311", "TCR312", "TCR313", "TCR314"}, ThingPulls, "only a node can tell: the layers come from a bucket of COS, whose name no API tells us"},
		{"nodes", "the registry takes the login", []string{"TCR406", "TCR410"}, ThingPulls, "it is what everything else is for"},
		{"installation", "nothing unknown is wrong", []string{"TCR109"}, health.ThingDocument, "a newer server may know more than this plugin"},
		{"leftovers", "nothing of the TCR add-on", []string{"TCR701"}, ThingAddon, "it edits hosts files, and its tokens live for ten years"},
		{"leftovers", "no Secret that nobody uses", []string{"TCR407"}, ThingOurs, "a login that nobody needs is one that can be lost"},
	}
}

// camRight is a right of deploy/cam-policy.json, or of the one for
// privateNetwork.manage.
type camRight struct{ action, code, why string }

func camRights() []camRight {
	return []camRight{
		{"CreateInstanceToken", "TCR211", "without it there is no login"},
		{"DescribeInstances", "TCR212", "it tells the hosts of an instance"},
		{"DescribeInstanceCustomizedDomain", "TCR213", "it tells the custom domains, whose images get no login otherwise"},
		{"DescribeInternalEndpoints", "TCR214", "it tells whether there is a private link"},
		{"DescribeInternalEndpointDnsStatus", "TCR215", "it tells which name resolves to the link"},
		{"ManageInternalEndpoint", "TCR216", "privateNetwork.manage makes the link by it"},
		{"CreateInternalEndpointDns", "TCR217", "privateNetwork.manage makes the name resolve by it"},
	}
}

// Codes are all that findings of the doctor have, those of package health too.
// They stay what they are.
func Codes() []string {
	var codes []string
	for _, k := range kinds() {
		codes = append(codes, k.codes...)
	}
	return codes
}
