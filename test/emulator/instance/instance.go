package instance

import (
	"fmt"
	"regexp"
	"time"
)

// Instance is a TCR Enterprise instance.
type Instance struct {
	ID     string // tcr-m3ut3qxx
	Name   string // 5–50 of [a-z0-9-]; the first label of its host names. Shorter ones are let through, for "demo"
	Region string // default ap-guangzhou

	Type   string // basic, standard or premium; default premium
	Status string // default Running; the others are Pending, Deploying, Unhealthy, FailedCreated, FailedUpdated, Bucket-Error, Isolate, Deleting, DeleteBucketFailed, DeleteFailed
	Tags   map[string]string

	Links         []Link
	DNS           []DNSRecord
	CustomDomains []CustomDomain

	// NullLists makes empty lists of this instance null in answers, as some
	// regions send them, instead of [].
	NullLists bool

	Created time.Time // default: when it was added
}

// Link is private access from a VPC.
type Link struct {
	VPC    string
	Subnet string
	Status string // default Running; Pending turns to Running when Ready has come
	IP     string // default: made up; a Pending link shows none

	Ready time.Time
}

// DNSRecord lets a VPC resolve one of the instance's names to a link's IP.
type DNSRecord struct {
	VPC    string
	IP     string // of the link
	Public bool   // the public name; else the -vpc name
	Region string // of the VPC; default: the instance's
	Status string // default ENABLED
}

// CustomDomain is a host name of the user's own.
type CustomDomain struct {
	Name   string
	CertID string
	Status string // default SUCCESS; only such a domain is served. The others are CREATING, FAILURE, DELETING

	Ready time.Time // when CREATING turns to SUCCESS
}

// Domain is the root of all host names but the custom ones.
const Domain = "tencentcloudcr.com"

// PublicHost is the name that DescribeInstances reports.
func (i Instance) PublicHost() string { return i.Name + "." + Domain }

// VPCHost is the private name, which no API reports.
func (i Instance) VPCHost() string { return i.Name + "-vpc." + Domain }

// Hosts are all names the registry serves the instance under at a time.
func (i Instance) Hosts(now time.Time) []string {
	hosts := []string{i.PublicHost(), i.VPCHost()}
	for _, d := range i.CustomDomains {
		if d.at(now).Status == "SUCCESS" {
			hosts = append(hosts, d.Name)
		}
	}
	return hosts
}

// LinkLimit is the number of private links the instance's type may have.
func (i Instance) LinkLimit() int {
	switch i.Type {
	case "basic":
		return 5
	case "standard":
		return 10
	}
	return 20
}

var (
	idPattern   = regexp.MustCompile(`^tcr-[a-z0-9]{4,32}$`)
	namePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$`)
)

// complete checks an instance and fills in its defaults.
func (i Instance) complete(now time.Time) (Instance, error) {
	if !idPattern.MatchString(i.ID) {
		return i, fmt.Errorf("instance id %q: want tcr- and lower-case letters or digits, as in tcr-m3ut3qxx", i.ID)
	}
	if !namePattern.MatchString(i.Name) {
		return i, fmt.Errorf("instance name %q: want 1 to 50 lower-case letters, digits or hyphens, as in demo", i.Name)
	}
	i = i.clone()
	setDefault(&i.Region, "ap-guangzhou")
	setDefault(&i.Type, "premium")
	setDefault(&i.Status, "Running")
	if i.Created.IsZero() {
		i.Created = now
	}
	for n := range i.Links {
		setDefault(&i.Links[n].Status, "Running")
		setDefault(&i.Links[n].IP, madeUpIP(n))
	}
	for n := range i.DNS {
		setDefault(&i.DNS[n].Status, "ENABLED")
		setDefault(&i.DNS[n].Region, i.Region)
	}
	for n := range i.CustomDomains {
		setDefault(&i.CustomDomains[n].Status, "SUCCESS")
	}
	return i, nil
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// madeUpIP is the address of the nth link.
func madeUpIP(n int) string { return fmt.Sprintf("10.0.%d.%d", n/200, 2+n%200) }

// at is the link as it is at a time.
func (l Link) at(now time.Time) Link {
	if l.Status != "Pending" {
		return l
	}
	if l.Ready.IsZero() || now.Before(l.Ready) {
		l.IP = ""
		return l
	}
	l.Status = "Running"
	return l
}

func (d CustomDomain) at(now time.Time) CustomDomain {
	if d.Status == "CREATING" && !d.Ready.IsZero() && !now.Before(d.Ready) {
		d.Status = "SUCCESS"
	}
	return d
}

// at is the instance as it is at a time.
func (i Instance) at(now time.Time) Instance {
	i = i.clone()
	for n, l := range i.Links {
		i.Links[n] = l.at(now)
	}
	for n, d := range i.CustomDomains {
		i.CustomDomains[n] = d.at(now)
	}
	return i
}
