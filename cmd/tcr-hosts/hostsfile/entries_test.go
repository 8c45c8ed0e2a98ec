package hostsfile

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	demo := Entry{"demo.tencentcloudcr.com", netip.MustParseAddr("10.0.0.2")}
	tests := map[string]struct {
		yaml string
		want []Entry
	}{
		"nothing":                             {yaml: ""},
		"a comment":                           {yaml: "# none\n"},
		"an empty list":                       {yaml: "[]\n"},
		"null":                                {yaml: "null\n"},
		"the form of the add-on":              {yaml: "- domain: demo.tencentcloudcr.com\n  ip: 10.0.0.2\n  disabled: false\n", want: []Entry{demo}},
		"without disabled":                    {yaml: "- {domain: demo.tencentcloudcr.com, ip: 10.0.0.2}\n", want: []Entry{demo}},
		"JSON":                                {yaml: `[{"domain":"demo.tencentcloudcr.com","ip":"10.0.0.2","disabled":false}]`, want: []Entry{demo}},
		"in upper case":                       {yaml: "- {domain: DEMO.tencentcloudcr.com, ip: 10.0.0.2}\n", want: []Entry{demo}},
		"an IPv4 address in IPv6's form":      {yaml: "- {domain: demo.tencentcloudcr.com, ip: '::ffff:10.0.0.2'}\n", want: []Entry{demo}},
		"IPv6":                                {yaml: "- {domain: a.example, ip: '2001:DB8::1'}\n", want: []Entry{{"a.example", netip.MustParseAddr("2001:db8::1")}}},
		"disabled":                            {yaml: "- {domain: demo.tencentcloudcr.com, ip: 10.0.0.2, disabled: true}\n"},
		"disabled and without an address":     {yaml: "- {domain: demo.tencentcloudcr.com, ip: '', disabled: true}\n"},
		"twice alike":                         {yaml: "- {domain: demo.tencentcloudcr.com, ip: 10.0.0.2}\n- {domain: Demo.tencentcloudcr.com, ip: 10.0.0.2}\n", want: []Entry{demo}},
		"disabled once, with another address": {yaml: "- {domain: demo.tencentcloudcr.com, ip: 10.0.0.9, disabled: true}\n- {domain: demo.tencentcloudcr.com, ip: 10.0.0.2}\n", want: []Entry{demo}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Decode("hosts.yaml", []byte(tt.yaml))
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestDecodeSaysWhatIsWrongAndWhere(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ yaml, want string }{
		"an unknown key":         {"- domain: a.example\n  ip: 10.0.0.2\n  disable: true\n", `hosts.yaml:3: unknown key "disable"; known here: domain, ip, disabled`},
		"a repeated key":         {"- domain: a.example\n  domain: b.example\n", `hosts.yaml:2: mapping key "domain" already defined at line 1`},
		"no list":                {"domain: a.example\n", "hosts.yaml:1: is not a list of entries with domain, ip and disabled"},
		"a string":               {"a.example\n", "hosts.yaml:1: is not a list of entries with domain, ip and disabled"},
		"no YAML":                {"- {", "hosts.yaml:1: did not find expected node content"},
		"two documents":          {"[]\n---\n[]\n", "hosts.yaml: holds more than one YAML document; keep the first alone"},
		"a flag that is none":    {"- {domain: a.example, ip: 10.0.0.2, disabled: perhaps}\n", "hosts.yaml:1: cannot unmarshal !!str `perhaps` into bool"},
		"no address":             {"- domain: a.example\n", `hosts.yaml:1: ip: "" is not the address of a host, such as 10.0.0.2`},
		"a network":              {"- {domain: a.example, ip: 10.0.0.0/8}\n", `hosts.yaml:1: ip: "10.0.0.0/8" is not the address of a host, such as 10.0.0.2`},
		"an address of nobody":   {"- {domain: a.example, ip: 0.0.0.0}\n", `hosts.yaml:1: ip: "0.0.0.0" is not the address of a host, such as 10.0.0.2`},
		"an address with a zone": {"- {domain: a.example, ip: 'fe80::1%eth0'}\n", `hosts.yaml:1: ip: "fe80::1%eth0" is not the address of a host, such as 10.0.0.2`},
		"a line break in an address": {
			"- {domain: a.example, ip: \"10.0.0.2\\n1.1.1.1 evil.example\"}\n",
			`hosts.yaml:1: ip: "10.0.0.2\n1.1.1.1 evil.example" is not the address of a host, such as 10.0.0.2`,
		},
		"a line break in a name": {
			"\n- {domain: \"a.example\\n1.1.1.1 evil.example\", ip: 10.0.0.2}\n",
			`hosts.yaml:2: domain: "a.example\n1.1.1.1 evil.example" is not a host name: want labels of a-z, 0-9 and - between dots`,
		},
		"two names":           {"- {domain: a.example b.example, ip: 10.0.0.2}\n", `hosts.yaml:1: domain: "a.example b.example" is not a host name: want labels of a-z, 0-9 and - between dots`},
		"a name of one label": {"- {domain: localhost, ip: 10.0.0.2}\n", `hosts.yaml:1: domain: "localhost" is not a host name with a dot in it, such as demo.tencentcloudcr.com`},
		"an address for a name": {
			"- {domain: 10.0.0.2, ip: 10.0.0.2}\n", `hosts.yaml:1: domain: "10.0.0.2" ends in a number, as no host name does`,
		},
		"two addresses for one name": {
			"- {domain: a.example, ip: 10.0.0.2}\n- {domain: a.example, ip: 10.0.0.3}\n",
			`hosts.yaml:2: domain: "a.example" is listed before, with 10.0.0.2; keep one of the two`,
		},
		"an entry of nothing": {"- \n", `hosts.yaml:1: is an entry of nothing; want domain, ip and disabled`},
		"all of several": {
			"- {domain: a, ip: 10.0.0.2}\n- {domain: a.example, ip: x}\n",
			"hosts.yaml:1: domain: \"a\" is not a host name with a dot in it, such as demo.tencentcloudcr.com\n" +
				`hosts.yaml:2: ip: "x" is not the address of a host, such as 10.0.0.2`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Decode("hosts.yaml", []byte(tt.yaml))
			assert.EqualError(t, err, tt.want)
			assert.Nil(t, got)
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("- domain: demo.tencentcloudcr.com\n  ip: 10.0.0.2\n  disabled: false\n"))
	f.Add([]byte("- &a {domain: a.example, ip: '2001:db8::1'}\n- *a\n"))
	f.Add([]byte("&a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := Decode("hosts.yaml", data)
		if err != nil {
			assert.Empty(t, entries)
			return
		}
		// What is accepted makes lines of ours, and of nobody else.
		block := Apply(nil, entries)
		assert.Equal(t, len(entries), Entries(block))
		assert.Empty(t, Apply(block, nil))
		names := map[string]bool{}
		for _, e := range entries {
			assert.False(t, names[e.Domain], "listed twice: %s", e.Domain)
			names[e.Domain] = true
		}
	})
}

func TestDomains(t *testing.T) {
	t.Parallel()
	d, err := NewDomains([]string{".tencentcloudcr.com", "R.Example.com"})
	require.NoError(t, err)
	for name, want := range map[string]bool{
		"demo.tencentcloudcr.com":              true,
		"demo-vpc.tencentcloudcr.com":          true,
		"a.b.tencentcloudcr.com":               true,
		"r.example.com":                        true,
		"tencentcloudcr.com":                   false,
		".tencentcloudcr.com":                  false,
		"eviltencentcloudcr.com":               false,
		"demo.tencentcloudcr.com.evil.example": false,
		"x.r.example.com":                      false,
		"example.com":                          false,
		"kubernetes.default.svc":               false,
	} {
		assert.Equal(t, want, d.Allow(name), name)
	}
	_, err = NewDomains([]string{".com", "", "*.example.com", strings.Repeat("a.", 130) + "example"})
	assert.EqualError(t, err, `".com": is not a host name with a dot in it, such as demo.tencentcloudcr.com
"": is not a host name with a dot in it, such as demo.tencentcloudcr.com
"*.example.com": is not a host name: want labels of a-z, 0-9 and - between dots
"`+strings.Repeat("a.", 130)+`example": is longer than 253 characters`)
}
