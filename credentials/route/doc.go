// Package route decides how an instance is reached from the cluster's VPC: by
// its public name, by its "-vpc" name, by the nodes' hosts files, or by no
// private route at all, and why.
//
// It is pure. Package tcr observes, package credentials keeps the decisions and
// shares them between the replicas.
package route
