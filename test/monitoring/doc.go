// Package monitoring reads the alerts and the dashboard that the chart ships,
// for the tests of them: which metrics they use, what they ask Prometheus, and
// the same with shorter times.
//
// It is for tests alone, starts nothing, and knows no metric itself.
package monitoring
