// Command emulator serves what stands in for Tencent Cloud, for trying the
// project without an account: the TCR API, STS, and a TCR instance with an
// image to pull. It prints how to use it and ends with Ctrl-C.
//
//	go run ./test/emulator
//
// All of it is on loopback and in memory; the keys are made at start. Programs
// and tests use the package tencent below instead.
package main
