// Package tcr is the emulator's TCR API, version 2019-09-24: pull tokens,
// instances, private links, their DNS records and custom domains, with the
// odd spellings of the real one (Registryids, TokenId here and Id there,
// InstanceId for RegistryId in the DNS actions).
//
// It decides what an action answers. Signatures, limits and envelopes are
// package tencentcloud's, state is in the packages account and instance.
package tcr
