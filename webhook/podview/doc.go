// Package podview reads the few fields of an AdmissionReview and of its Pod
// that admission decides by, knows every place of a Pod where an image stands,
// and writes the patch operations that change one.
//
// A Pod is decoded partly and never encoded again, so that fields newer than
// any library of ours survive, and at a thirtieth of a typed decode's price.
// For the same reason a Patch has no way to remove anything.
//
// Everything here is a pure function of its arguments: no clock, no client, no
// logger, no Kubernetes type. Of a Namespace it reads what a review of one is
// decided by, in the same way. The webhook imports it, and whoever else has a
// Pod as JSON.
package podview
