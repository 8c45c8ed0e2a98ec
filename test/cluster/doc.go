// Package cluster runs a real kube-apiserver and etcd on loopback, for tests
// and for the demo.
//
// The binaries come from $KUBEBUILDER_ASSETS, or are built once from the
// module in the folder kubernetes. Each cluster has free ports, a data folder
// and certificates of its own, so any number of them run side by side, as any
// user. There is no controller-manager, scheduler or kubelet: a pod is stored
// and never runs, a namespace gets no default ServiceAccount, a deleted
// namespace stays Terminating, and the built-in roles that are put together of
// others (admin, edit, view) grant nothing. The package node below has all that.
//
// The package never touches anything outside the data folder and the
// checkout's bin folder. Linux and macOS only; on Linux the children die with
// their parent even when it is killed. Tests and programs under test and cmd
// may import it; the packages that make up the product may not.
package cluster
