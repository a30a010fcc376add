// Package bench puts load on a running gim and judges what comes out: not only
// how fast, but whether anything was lost, doubled or out of order. It sees what
// any client sees.
//
// There is a function for each workload: [Single], [Group], [Crowd], [Storm], [Idle],
// [Sync],
// [Growth]. All but the last make users of their own; they are bounded in count and time, and end early,
// with what was measured until then, when their context ends. What hangs is
// given up after Options.Patience and judged as lost.
package bench
