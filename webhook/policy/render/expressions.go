package render

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

// matchConditions keep everything else from ever being judged: they come
// first, and what they pass over costs next to nothing.
func matchConditions(namespaces string) []admissionregistrationv1.MatchCondition {
	return []admissionregistrationv1.MatchCondition{
		{Name: "namespace", Expression: namespaces},
		{Name: "is-nobody-elses", Expression: `object.kind == 'Pod' || !object.metadata.?ownerReferences.orValue([]).exists(o, o.?controller.orValue(false))`},
		{Name: "brings-an-image", Expression: "request.operation == 'CREATE'\n|| (" + specOf("object") + ")\n   != (" + specOf("oldObject") + ")"},
	}
}

// specOf is what holds the images of a pod, or of pods to be.
func specOf(object string) string {
	return fmt.Sprintf(`%[1]s.kind == 'Pod' ? dyn(%[1]s).spec
: %[1]s.kind == 'CronJob' ? dyn(%[1]s).spec.jobTemplate.spec.template.spec
: dyn(%[1]s).spec.?template.?spec.orValue({})`, object)
}

// sitesOf are all places with an image in a spec.
func sitesOf(spec string) string {
	lists := []struct{ list, image string }{
		{"initContainers", "c.?image"}, {"containers", "c.?image"}, {"ephemeralContainers", "c.?image"}, {"volumes", "c.?image.?reference"},
	}
	texts := make([]string, len(lists))
	for i, l := range lists {
		texts[i] = fmt.Sprintf("optional.ofNonZeroValue(%s.?%s.orValue([])).orValue([]).map(c, {'at': '%s/' + c.name, 'image': string(%s.orValue(''))})", spec, l.list, l.list, l.image)
	}
	return "(" + strings.Join(texts, "\n+ ") + ")\n.filter(s, s.image != '')"
}

// The grammar of image references as distribution/reference has it: its
// regular expressions, with the digests that it goes on to take.
const (
	domainName = `[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?`
	domain     = `(?:` + domainName + `(?:\.` + domainName + `)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?`
	component  = `[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*`
	grammar    = `^(?:` + domain + `/)?` + component + `(?:/` + component + `)*(?::[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?` +
		`(?:@(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}))?$`
	// identifier is what the grammar leaves to image ids.
	identifier = `^[a-f0-9]{64}$`
	// hosted is the host of an image that names one, with the slash behind it.
	hosted = `^(?:localhost|[^/]*[.:A-Z][^/]*)/`
)

// variables bring every image into canonical form and judge it, step by step.
// Each is evaluated once, and only where images are judged at all.
func variables(r policy.CanonicalRule, aliases map[string]string) []admissionregistrationv1.Variable {
	list := []admissionregistrationv1.Variable{
		{Name: "spec", Expression: specOf("object")},
		{Name: "oldSpec", Expression: "request.operation != 'UPDATE' ? {} : " + specOf("oldObject")},
		{Name: "sites", Expression: sitesOf("variables.spec")},
		{Name: "oldSites", Expression: sitesOf("variables.oldSpec")},
		{Name: "images", Expression: "variables.sites.filter(s, !(s in variables.oldSites) && (object.kind == 'Pod' || s.image != 'auto'))"},
		// From here on a text is empty where it is no reference.
		{Name: "texts", Expression: fmt.Sprintf(`variables.images.map(i, {'at': i.at, 'image': i.image,
  'text': i.image.size() <= %d && i.image.matches(r'%s') && !i.image.matches(r'%s') ? i.image : ''})`, MaxImage, grammar, identifier)},
		{Name: "written", Expression: fmt.Sprintf("variables.texts.map(i, {'at': i.at, 'image': i.image, 'text': i.text, 'host': i.text.find(r'%s')})", hosted)},
	}
	list = append(list, reading(r, aliases)...)
	return append(list, judging(r)...)
}

// reading takes references apart: host, port and path.
func reading(r policy.CanonicalRule, aliases map[string]string) []admissionregistrationv1.Variable {
	patterns := slices.Concat(r.Allow, r.Deny)
	host := `i.host.lowerAscii().find(r'^(?:\[[^/]*\]|[^:/]*)')`
	if slices.ContainsFunc(patterns, func(p policy.Pattern) bool { return strings.HasPrefix(p.Host, "[") }) {
		host = `[` + host + `].map(h, isIP(h.replace('[', '').replace(']', '')) && h.startsWith('[') ? '[' + string(ip(h.replace('[', '').replace(']', ''))) + ']' : h)[0]`
	}
	needed, named := neededAliases(patterns, aliases), "i.host"
	if len(needed) > 0 {
		named = "i.port in ['', '443'] && i.host in variables.aliases ? variables.aliases[i.host] : i.host"
	}
	return []admissionregistrationv1.Variable{
		{Name: "cut", Expression: `variables.written.map(i, {'at': i.at, 'image': i.image, 'written': i.host,
  'host': i.host == '' ? 'docker.io' : ` + host + `,
  'port': i.host.matches(r':[0-9]+/$') ? i.host.find(r'(?:[1-9][0-9]*|0)/$').replace('/', '') : '',
  'path': i.text.substring(i.host.size()).find(r'^[^:@]*')})`},
		{Name: "aliases", Expression: literalMap(needed)},
		// The grammar takes paths of 255 characters, "library/" included. Behind
		// what is no domain name, the path begins before the first slash.
		{Name: "known", Expression: `variables.cut.map(i, {'at': i.at, 'image': i.image,
  'host': ` + named + `,
  'port': i.port in ['', '443'] ? '' : ':' + i.port,
  'path': i.path.size() + (i.written in ['', 'docker.io/', 'index.docker.io/'] ? (i.path.contains('/') ? 0 : 8)
    : i.written.contains('_') ? i.written.size() : 0) <= 255 ? i.path : ''})`},
		{Name: "references", Expression: `variables.known.map(i, {'at': i.at, 'image': i.image, 'host': i.host, 'port': i.port,
  'repository': i.path == '' ? '' : i.host
    + (i.port != '' ? i.port : i.host.matches(r'[.:]') || i.host == 'localhost' ? '' : ':443')
    + (i.host == 'docker.io' && i.port == '' && !i.path.contains('/') ? '/library/' : '/')
    + i.path})`},
	}
}

// neededAliases are those that make a difference to patterns: all, in a big
// installation, would be too long for an expression.
func neededAliases(patterns []policy.Pattern, aliases map[string]string) map[string]string {
	needed := map[string]string{}
	for from, to := range aliases {
		if slices.ContainsFunc(patterns, func(p policy.Pattern) bool { return hostMatches(p.Host, from) || hostMatches(p.Host, to) }) {
			needed[from] = to
		}
	}
	return needed
}

// judging says what the rule has against each image: the pattern that denies
// it, and then the text.
func judging(r policy.CanonicalRule) []admissionregistrationv1.Variable {
	denied := "''"
	if len(r.Deny) > 0 {
		denied = newShapes(r.Deny).found()
	}
	return []admissionregistrationv1.Variable{
		{Name: "verdicts", Expression: `variables.references.map(i, {'at': i.at, 'image': i.image, 'host': i.host, 'port': i.port,
  'repository': i.repository, 'denied': ` + denied + `})`},
		{Name: "objections", Expression: objections(r)},
	}
}

// literalMap is m in CEL, in order.
func literalMap(m map[string]string) string {
	entries := make([]string, 0, len(m))
	for _, k := range sortedKeys(m) {
		entries = append(entries, literal(k)+": "+literal(m[k]))
	}
	if len(entries) == 0 {
		return "{}"
	}
	return "{\n  " + strings.Join(entries, ",\n  ") + "\n}"
}

// literalList is a list in CEL, in order and each text once.
func literalList(texts []string) string {
	texts = slices.Clone(texts)
	slices.Sort(texts)
	texts = slices.Compact(texts)
	for i, t := range texts {
		texts[i] = literal(t)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// literal is a text in CEL, whose escapes are Go's.
func literal(text string) string {
	quoted := strconv.Quote(text)
	if !strings.ContainsAny(quoted, `\'`) {
		return "'" + quoted[1:len(quoted)-1] + "'"
	}
	return quoted
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
