package image

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// sbomMediaType is CycloneDX's own, registered for its JSON.
const sbomMediaType = "application/vnd.cyclonedx+json"

// sbomVersion is the newest that scanners in use read.
const sbomVersion = cyclonedx.SpecVersion1_6

// sbom lists what the programs in dir are made of, by what the compiler wrote
// into them. It has no serial number, which would differ each time.
func sbom(dir string, revision Revision) ([]byte, error) {
	list := inventory{seen: map[string]bool{}}
	var applications []string
	for _, p := range programs() {
		ref, err := list.addProgram(filepath.Join(dir, p), revision)
		if err != nil {
			return nil, err
		}
		applications = append(applications, ref)
	}
	slices.SortFunc(list.components, func(a, b cyclonedx.Component) int { return strings.Compare(a.BOMRef, b.BOMRef) })
	bom := cyclonedx.NewBOM()
	const whole = "tcr-webhook-image"
	bom.Metadata = &cyclonedx.Metadata{
		Timestamp: revision.Time.Format(time.RFC3339),
		Component: &cyclonedx.Component{BOMRef: whole, Type: cyclonedx.ComponentTypeContainer, Name: "tcr-webhook", Version: revision.Commit},
	}
	bom.Components = &list.components
	list.dependencies = append(list.dependencies, cyclonedx.Dependency{Ref: whole, Dependencies: &applications})
	bom.Dependencies = &list.dependencies
	var out bytes.Buffer
	if err := cyclonedx.NewBOMEncoder(&out, cyclonedx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, sbomVersion); err != nil {
		return nil, fmt.Errorf("write the list of modules: %w", err)
	}
	return out.Bytes(), nil
}

// inventory is what is known so far.
type inventory struct {
	components   []cyclonedx.Component
	dependencies []cyclonedx.Dependency
	seen         map[string]bool // by reference
}

// addProgram adds a program and its modules, and returns its reference.
func (l *inventory) addProgram(path string, revision Revision) (ref string, err error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read what %s is made of: %w", filepath.Base(path), err)
	}
	ref = filepath.Base(path)
	l.components = append(l.components, cyclonedx.Component{
		BOMRef: ref, Type: cyclonedx.ComponentTypeApplication, Name: info.Path, Version: revision.Commit,
	})
	needs := []string{l.addLibrary("std", strings.TrimPrefix(info.GoVersion, "go"), "pkg:golang/std@"+strings.TrimPrefix(info.GoVersion, "go"), "")}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		needs = append(needs, l.addLibrary(m.Path, m.Version, "pkg:golang/"+m.Path+"@"+m.Version, m.Sum))
	}
	l.dependencies = append(l.dependencies, cyclonedx.Dependency{Ref: ref, Dependencies: &needs})
	return ref, nil
}

// addLibrary adds a module, once, and returns its reference. The sum is go.sum's.
func (l *inventory) addLibrary(name, version, purl, sum string) (ref string) {
	if l.seen[purl] {
		return purl
	}
	l.seen[purl] = true
	c := cyclonedx.Component{BOMRef: purl, Type: cyclonedx.ComponentTypeLibrary, Name: name, Version: version, PackageURL: purl}
	if sum != "" {
		c.Properties = &[]cyclonedx.Property{{Name: "go:sum", Value: sum}}
	}
	l.components = append(l.components, c)
	return purl
}
