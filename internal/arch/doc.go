// Package arch holds the shape of the code as tests: which package may import
// which, where third-party libraries may appear, how packages are named and how
// long a file or a function may be. It has no code for others to use.
//
// A new package is welcome when it has one job that its name states; it then
// gets its row in rules_test.go, and in the table of ARCHITECTURE.md.
package arch
