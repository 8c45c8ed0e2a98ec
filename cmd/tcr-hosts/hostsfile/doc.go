// Package hostsfile decides what a node's hosts file should hold: every byte
// that others wrote, and one marked block of ours with the names of registries.
//
// It is pure: it reads no file, no clock and no logger. Our lines are known by
// themselves, the markers by their text and the entries by their tag, so that
// neither half a block nor a block that somebody wrote into makes a line of
// somebody else ours. Only cmd/tcr-hosts imports it.
package hostsfile
