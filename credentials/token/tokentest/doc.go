// Package tokentest is for tests of and with package token: what every Issuer
// must do, and an Issuer that does what the test says. Nothing but tests may
// import it.
package tokentest
