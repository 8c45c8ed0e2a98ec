// Package account is the emulator's access management: who may call, what
// they may do, and the pull tokens they were given.
//
// A Book holds identities (a SecretId, its key and its rights), roles with
// the temporary credentials made for them, and signs and checks the JWTs that
// log in at the registry. It serves no HTTP and reads no environment. Both
// halves of the emulator, the API and the registry, ask the same Book, which
// is why revoking an identity stops both at once.
package account
