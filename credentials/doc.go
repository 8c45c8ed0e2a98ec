// Package credentials keeps one pull Secret in every namespace that needs it:
// it creates the Secret with the first pod, renews it before its logins
// expire, and repairs it when somebody changes it.
//
// What should happen to a namespace is decided by the pure function Decide;
// Keeper carries the answer out, for the first pod of a namespace (Ensure) and
// for everything later (Reconciler). Instances learns the host names of the
// configured registries. The package never calls Tencent Cloud itself: tokens
// come from a Tokens, host names from a Describer.
package credentials
