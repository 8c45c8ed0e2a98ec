// Package contender holds the webhooks that are measured against each other:
// ours, a usual one that does the same job, and two that do less and show what
// the ground costs. Each is an http.Handler that answers AdmissionReviews.
//
// It also tells what an answer makes of a pod, so that whoever does another job
// than ours can be disqualified. It measures nothing itself.
package contender
