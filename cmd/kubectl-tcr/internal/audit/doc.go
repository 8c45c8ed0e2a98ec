// Package audit tells what an allow-list would refuse of what runs in a
// cluster, by workload: three hundred pods of one Deployment are one finding.
//
// It is told of pods and templates, one after the other, and keeps nothing of
// those that no rule objects to but their number. It never asks an API; the
// command line plugin does that, and is the only one to import it.
package audit
