// Package app puts gim together: it is the only place that knows the store, the
// bus, the gateway and the handlers at once, and it holds no rule of its own.
//
// [New] takes the listeners, [App.Run] opens everything, serves, and drains when
// its context ends. Several Apps may live in one process: nothing is global.
// Methods of an App may be called concurrently, Run once.
package app
