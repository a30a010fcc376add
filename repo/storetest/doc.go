// Package storetest is the conformance suite of gim's store: what the doc
// comments of the interfaces in domain promise, as tests that any backend runs.
//
// [Exercise] holds every method and every documented error, [ExerciseNodes] what
// several nodes on one database may count on, [ExerciseModel] compares a store
// with a model of it under random use. A suite opens stores through a function
// of the backend's own test, runs them and closes them.
package storetest
