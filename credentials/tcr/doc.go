// Package tcr talks to the API of Tencent Container Registry: it issues
// tokens and finds out what an instance is called.
//
// It is the only importer of tencentcloud-sdk-go. The SDK's retries are off,
// since they sleep without regard to a context, and its messages go nowhere:
// they can quote the answer and with it a token. What leaves this package is
// an error of our own words with the code and the request id of the API's.
//
// The package keeps no token, decides nothing about retries (package token
// does, by the classes of errors) and knows nothing of Kubernetes. Commands
// import it; nothing else needs to.
package tcr
