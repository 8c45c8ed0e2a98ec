// Package reviews holds what the contenders are asked: AdmissionReviews of
// three usual sizes, recorded from a real API server, and some that are made to
// hurt.
package reviews
