package tencent

import (
	"github.com/tcr-webhook/tcr-webhook/test/emulator/account"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/harbor"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/instance"
)

// guard lets the registry ask the account about logins and rights.
type guard struct {
	book      *account.Book
	instances *instance.Store
}

// Login implements harbor.Guard.
func (g guard) Login(user, password string) error { return g.book.Login(user, password) }

// Allows implements harbor.Guard with the CAM rights of the user.
func (g guard) Allows(user, action, instanceID, repository string) bool {
	rights := map[string]string{"pull": "tcr:PullRepository", "push": "tcr:PushRepository"}
	i, ok := g.instances.Get(instanceID)
	if !ok || rights[action] == "" {
		return false
	}
	resource := "qcs::tcr:" + i.Region + ":uin/" + g.book.Owner() + ":repository/" + instanceID + "/" + repository
	return g.book.Allows(user, rights[action], resource)
}

// resolver tells the registry which instance a host belongs to.
func resolver(instances *instance.Store) func(string) (harbor.Site, bool) {
	return func(host string) (harbor.Site, bool) {
		i, ok := instances.ByHost(host)
		return harbor.Site{ID: i.ID, PublicHost: i.PublicHost()}, ok
	}
}
