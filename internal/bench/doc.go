// Package bench puts load on a running gim and judges what comes out: not only
// how fast, but whether anything was lost, doubled or out of order. It sees what
// any client sees.
package bench
