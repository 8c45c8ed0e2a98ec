// Package node runs a whole Kubernetes cluster of one real node, for tests:
// test/cluster's API server with controller-manager, scheduler, kubelet,
// kube-proxy and containerd, in which pods run and pull images.
//
// Main runs the calling program again in network, mount, host name and process
// namespaces of its own, where Start starts the cluster: nothing can leave the
// machine, and all of it ends with the program, however that ends. What lies
// outside of namespaces, cgroups and a temporary folder, is removed by a second
// process that outlives the first. Several may run side by side.
//
// It takes Linux, root, cgroups (version 1 or 2), and four packages of Debian
// that it installs where they are missing. Tests import it, nothing else does.
package node
