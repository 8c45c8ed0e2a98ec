package main

import (
	"fmt"
	"io"
	"net"
	"text/template"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/admin"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

// image is what every instance starts with.
const image = "team/hello:1"

// guide is printed at start. The pull is two commands: a login and a manifest.
const guide = `Tencent Cloud is being emulated on this machine, until you press Ctrl-C.

TCR API    {{.Endpoint}}
STS        https://{{.STS}} and {{.STSPlain}}
metadata   {{.Metadata}}, of a CVM without a role
registry   {{.Registry}} (TLS), with {{.Image}} in:{{range .Instances}}
           {{.ID}}  {{.PublicHost}}  {{.VPCHost}}{{end}}
CA         {{.CA}}
admin      http://{{.Admin}}

A throw-away key, good for this run only:

  SecretId   {{.SecretID}}
  SecretKey  {{.SecretKey}}

Configuration of tcr-webhook for it:

  apiVersion: tcr-webhook.io/v1alpha1
  kind: Config
  tencentCloud:
    region: {{(index .Instances 0).Region}}
    identity: SecretKey
    endpoint: {{.Endpoint}}
    stsEndpoint: {{.STSPlain}}
  registries:{{range .Instances}}
  - instance: {{.ID}}
    hosts: {public: {{.PublicHost}}, private: {{.VPCHost}}}
    route: Private{{end}}

Pull with curl, in two commands:

  BEARER=$(curl -s --cacert {{.CA}} --resolve {{.Host}}:{{.Port}}:{{.IP}} \
    -u "$(curl -s -X POST http://{{.Admin}}/pull-token)" \
    'https://{{.Host}}:{{.Port}}/service/token?service=harbor-registry&scope=repository:team/hello:pull' \
    | sed -e 's/.*"token":"//' -e 's/".*//')
  curl --cacert {{.CA}} --resolve {{.Host}}:{{.Port}}:{{.IP}} -H "Authorization: Bearer $BEARER" \
    -H 'Accept: application/vnd.oci.image.manifest.v1+json' https://{{.Host}}:{{.Port}}/v2/team/hello/manifests/1

Make it go wrong, for example for three calls, and mend it:

  curl -X PUT http://{{.Admin}}/faults/CreateInstanceToken -d '{"code": "RequestLimitExceeded", "times": 3}'
  curl -X DELETE http://{{.Admin}}/faults

All that the admin endpoint can do:

{{.Help}}
`

// howTo prints the guide.
func howTo(w io.Writer, cloud *tencent.Cloud, o options, ca, adminAddress string) error {
	ip, port, err := net.SplitHostPort(cloud.RegistryAddr())
	if err != nil {
		return fmt.Errorf("print how-to: %w", err)
	}
	if parsed := net.ParseIP(ip); parsed != nil && parsed.IsUnspecified() {
		ip = "127.0.0.1" // what listens everywhere listens there
	}
	key := cloud.DefaultIdentity()
	err = template.Must(template.New("guide").Parse(guide)).Execute(w, map[string]any{
		"Endpoint": cloud.Endpoint(), "STS": cloud.STSEndpoint(), "STSPlain": cloud.STSURL(), "Metadata": cloud.MetadataURL(),
		"Registry": cloud.RegistryAddr(), "Image": image,
		"Instances": o.instances, "CA": ca, "Admin": adminAddress,
		"SecretID": key.SecretID, "SecretKey": key.SecretKey,
		"Host": o.instances[0].PublicHost(), "IP": ip, "Port": port, "Help": admin.Help,
	})
	if err != nil {
		return fmt.Errorf("print how-to: %w", err)
	}
	return nil
}
