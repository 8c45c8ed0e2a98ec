// Package tencent is Tencent Cloud on loopback: the TCR API, STS, the registries
// of TCR instances, and the metadata server of a machine, in one process.
//
//	cloud, err := tencent.Start(ctx, tencent.Options{})
//	cloud.AddInstance(tencent.Instance{ID: "tcr-m3ut3qxx", Name: "demo"})
//	digest, err := cloud.Push(ctx, "demo.tencentcloudcr.com/team/hello:1")
//
// The project's real SDK client works against Endpoint (with HttpProfile
// Scheme "HTTP") unchanged, and any registry client through Transport. Several
// Clouds run side by side in a process; Close frees all of one. It is for
// tests and demonstrations alone: nothing of it may reach the program that is
// shipped.
package tencent
