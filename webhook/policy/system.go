package policy

// TKESystem names the built-in set of patterns for what TKE's own components
// are pulled from.
const TKESystem = "tke-system"

// systemPatterns are the set TKESystem. The namespaces tkeimages and library of
// the Personal Edition are Tencent's own in every region; others may be
// anybody's. The names under TCR's suffix are mirrors and catalogues that
// Tencent runs for everybody and are nobody's instance.
func systemPatterns() []Pattern {
	var patterns []Pattern
	for _, region := range []string{
		"", "hk", "sg", "usw", "use", "de", "sao", "th", "jkt", "ca", "kr", "jp", "in", "tpe", "shjr", "bjjr", "szjr",
	} {
		for _, namespace := range []string{"tkeimages", "library"} {
			patterns = append(patterns, Pattern{Written: TKESystem, Host: region + "ccr.ccs.tencentyun.com", Path: []string{namespace}, Rest: true})
		}
	}
	for _, host := range []string{
		"mirror.ccs.tencentyun.com",
		"quay.tencentcloudcr.com", "nvcr.tencentcloudcr.com", "market-tke.tencentcloudcr.com",
		"helmhub.tencentcloudcr.com", "superedge.tencentcloudcr.com",
	} {
		patterns = append(patterns, Pattern{Written: TKESystem, Host: host, Rest: true})
	}
	return patterns
}
