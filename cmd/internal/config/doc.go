// Package config is the configuration file of the commands: its shape, its
// strict decoding, its validation with positions, and watching it for change.
//
// A file is taken whole or not at all: every mistake found in it is reported
// with its line, and nothing of a file with a mistake comes into force.
package config
