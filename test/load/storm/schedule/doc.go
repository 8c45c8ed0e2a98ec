// Package schedule plans which faults come when in a storm. A plan is a pure
// function of a seed and a length: whoever has these two has the same storm
// again. It knows what faults are called, how long they last and what they
// excuse, and breaks nothing itself. The storm alone imports it.
package schedule
