//go:build !unix

package bench

// checkFiles knows no limit here.
func checkFiles(int) error { return nil }
