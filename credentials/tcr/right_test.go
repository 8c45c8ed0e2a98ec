package tcr

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

func TestMissingRight(t *testing.T) {
	t.Parallel()
	const id = registry.ID("tcr-demo0001")
	read := func(code string) (string, error) { return interpret(code, "CreateInstanceToken", id) }
	refused := func(code string) error {
		return translate("CreateInstanceToken", string(id), sdkerrors.NewTencentCloudSDKError(code, "tcr:Nothing on anything", "r"), read)
	}
	const right = "tcr:CreateInstanceToken on qcs::tcr:::instance/tcr-demo0001"
	assert.Equal(t, right, MissingRight(refused("UnauthorizedOperation.CamNoAuth")))
	assert.Equal(t, right, MissingRight(fmt.Errorf("issue token: %w", refused("AuthFailure.UnauthorizedOperation"))))
	assert.Equal(t, "sts:AssumeRole on qcs::cam::uin/1:roleName/a", MissingRight(&apiError{
		meaning: "the trust policy of the role must name the caller (x), and the caller needs sts:AssumeRole on qcs::cam::uin/1:roleName/a",
	}))
	assert.Empty(t, MissingRight(refused("AuthFailure.SecretIdNotFound")))
	assert.Empty(t, MissingRight(refused("InternalError")))
	assert.Empty(t, MissingRight(errors.New("the identity needs tcr:Everything on *")), "an error of somebody else's")
	assert.Empty(t, MissingRight(nil))
}

// A right is known by what the API answered last, and a failure that says nothing
// of it changes nothing.
func TestRights(t *testing.T) {
	t.Parallel()
	const id = registry.ID("tcr-demo0001")
	c := &Client{}
	refused := translate("CreateInstanceToken", string(id), sdkerrors.NewTencentCloudSDKError("UnauthorizedOperation", "", "r"), func(code string) (string, error) {
		return interpret(code, "CreateInstanceToken", id)
	})
	assert.Empty(t, c.Rights(id))
	c.learn(right{"CreateInstanceToken", id}, refused)
	c.learn(right{"DescribeInstances", id}, nil)
	c.learn(right{"DescribeInstances", id}, errors.New("a network that is down"))
	c.learn(right{"DescribeInstances", "tcr-other001"}, refused)
	assert.Equal(t, map[string]bool{"tcr:CreateInstanceToken": false, "tcr:DescribeInstances": true}, c.Rights(id))
	c.learn(right{"CreateInstanceToken", id}, nil)
	assert.True(t, c.Rights(id)["tcr:CreateInstanceToken"])
}
