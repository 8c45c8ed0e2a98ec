// Package certs keeps the certificate that the API server sees when it calls
// us, and the caBundle by which the API server trusts it: made by ourselves,
// mounted, or cert-manager's.
//
// Of our own making, one Secret holds up to three kinds of authorities (CAs).
// All of them are in the caBundle of our registrations; one, current, signs.
// Another comes in three steps, each of which leaves every certificate that is
// served trusted:
//
//	prepare  next is made, and put into every caBundle
//	promote  when every API server has had time to see that: next becomes
//	         current, and replicas have their certificates signed by it
//	retire   when the last certificate has expired that the old one can have
//	         signed, which is no later than the old one itself
//
// What to do next follows from the Secret, the caBundles and the time alone, by
// pure functions (Decide, Choose, Patch). So nobody has to be heard of, a step
// that was cut off is done by whoever looks next, and two who do the same step
// at once do no harm: each write names the version that it was decided on.
//
// A replica never gives up a certificate that a caBundle trusts for one that it
// does not. Handshakes read an atomic pointer and nothing else. Private keys
// are in the Secret and in memory, and never in a log, an error or an Event.
//
// The package knows neither admission nor credentials. The server's command
// imports it.
package certs
