// Package credentials holds tests of the whole system under faults and under
// load: three replicas as processes of their own behind a Service, a real API
// server, and tokens that live for less than a minute, so that what takes hours
// elsewhere takes minutes here. A ledger writes down every version of every
// pull Secret, and at the end of each test it must hold nothing that may not
// happen.
package credentials
