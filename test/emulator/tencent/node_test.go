package tencent_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

const rolesPath = "/latest/meta-data/cam/security-credentials/"

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, string(body)
}

func TestTheMetadataServerGivesTheRoleOfTheNode(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	status, _ := fetch(t, cloud.MetadataURL()+rolesPath)
	assert.Equal(t, http.StatusNotFound, status, "no role is bound")

	role := cloud.AddRole(tencent.Role{Name: "node"})
	cloud.BindNodeRole(role.ARN())
	status, body := fetch(t, cloud.MetadataURL()+rolesPath)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "node", body)
	var got struct {
		TmpSecretId, TmpSecretKey, Token, Code string
		ExpiredTime                            int64
	}
	_, body = fetch(t, cloud.MetadataURL()+rolesPath+"node")
	require.NoError(t, json.Unmarshal([]byte(body), &got))
	assert.Equal(t, "Success", got.Code)
	assert.WithinDuration(t, time.Now().Add(6*time.Hour), time.Unix(got.ExpiredTime, 0), time.Minute)
	pullToken := token(t, clientWith(t, cloud, common.NewTokenCredential(got.TmpSecretId, got.TmpSecretKey, got.Token), region), "temp")
	assert.Equal(t, role.UIN, *pullToken.Username)
	_, again := fetch(t, cloud.MetadataURL()+rolesPath+"node")
	assert.Equal(t, body, again, "the same until half of their life")

	cloud.SetFault("NodeRole", tencent.Fault{Code: "Busy", Times: 1})
	_, body = fetch(t, cloud.MetadataURL()+rolesPath+"node")
	assert.JSONEq(t, `{"Code":"Busy"}`, body)
	assert.Len(t, cloud.Calls("NodeRole"), 5)
}

func TestSessionsEndEarly(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	cloud.SetSessionLifetime(time.Minute)
	role := cloud.AddRole(tencent.Role{Name: "tcr-puller"})
	i := cloud.DefaultIdentity()
	response, err := stsClient(t, cloud, common.NewCredential(i.SecretID, i.SecretKey), "").AssumeRoleWithContext(t.Context(), assumeRole(role.ARN(), 7200))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(time.Minute), time.Unix(*response.Response.ExpiredTime, 0), 30*time.Second)

	cloud.EndSessions()
	got := response.Response.Credentials
	credential := common.NewTokenCredential(*got.TmpSecretId, *got.TmpSecretKey, *got.Token)
	_, err = clientWith(t, cloud, credential, region).CreateInstanceTokenWithContext(t.Context(), tokenRequest())
	assert.ErrorContains(t, err, "AuthFailure.TokenFailure")
}

func TestAssumingARoleTakesARight(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	poor := cloud.NewIdentity()
	poor.Actions = []string{"tcr:*"}
	cloud.AddIdentity(poor)
	role := cloud.AddRole(tencent.Role{Name: "tcr-puller"})
	_, err := stsClient(t, cloud, common.NewCredential(poor.SecretID, poor.SecretKey), "").AssumeRoleWithContext(t.Context(), assumeRole(role.ARN(), 60))
	assert.ErrorContains(t, err, "UnauthorizedOperation")
}
