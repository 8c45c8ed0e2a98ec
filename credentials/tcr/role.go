package tcr

import (
	"fmt"
	"regexp"
	"strings"
)

// role is the ARN of a CAM role.
type role string

// rolePattern has the forms of the API's reference, by id or by name, of the
// user's own roles and of services': cloud.tencent.com/document/api/598/33164.
var rolePattern = regexp.MustCompile(`^qcs::cam::uin/[0-9]{1,20}:(role|roleName)/[\w+=,.@/-]{1,160}$`)

func parseRole(arn string) (role, error) {
	if !rolePattern.MatchString(arn) {
		return "", fmt.Errorf("%q is not the ARN of a role such as qcs::cam::uin/100000000001:roleName/tcr-puller", arn)
	}
	return role(arn), nil
}

// name is the role's name, or its id where the ARN has that.
func (r role) name() string { return string(r[strings.LastIndexByte(string(r), '/')+1:]) }
