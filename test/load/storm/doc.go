// Command storm is what make chaos and make soak run: three replicas as
// processes, a real API server and the emulated cloud, under faults that come at
// random and several at a time, while namespaces and pods keep coming. A storm
// is a pure function of its seed and length, so that one that broke something
// comes again:
//
//	go -C test/load run ./storm --seed 7 --for 2m
//
// Everything that happens is written down, and held to what must hold in any
// storm. It ends with an error if something did not. Linux only.
package main
