// Package sts is the emulator's Security Token Service, version 2018-08-13:
// who am I, and temporary credentials for a role, by key or by an OIDC token
// (TKE's pod identity).
//
// Roles and sessions live in package account, where the TCR API finds them
// again; this package decides what the actions answer.
package sts
