//go:build linux

// Package nodefile changes a file of the node that others write as well, such
// as /etc/hosts.
//
// It replaces the file by rename, which readers and a crash find either done or
// not done. Where that cannot be, because the file itself is a mount point, has
// a second name, is in a folder that may not be written, or has an owner, an
// ACL or a label that cannot be given to another file, it writes in place: the
// space is reserved first, and a journal in a folder of our own, synced before
// the first byte changes, lets the next run finish what a crash cut short.
//
// It knows nothing of what is in the file. Only cmd/tcr-hosts imports it.
package nodefile
