// Package testserver starts private MariaDB and Redis servers, and a TCP proxy
// that misbehaves on request, for the tests of gim. Nothing outside test code
// may import it.
//
// Every server lives in its own directory below the system's temporary
// directory, has an address nobody else uses, and ends with the test that asked
// for it. What is shared is the MariaDB server behind [MariaDB], because
// preparing one takes seconds: it is started at first use and kept for the whole
// test binary, or taken from the environment (see [EnvMySQLDSN]).
//
// A test whose server program is not installed is skipped with a sentence that
// names the package to install; with [EnvAll] set it fails instead, so that a
// full run cannot pass by leaving things out. All of it is left out of
// `go test -short`.
//
// Functions and methods report trouble through the testing.TB they were given
// and are called from the goroutine of that test.
package testserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const (
	// EnvAll names the variable that turns "skipped, because it is not
	// installed" into a failure. `make test` sets it to 1.
	EnvAll = "GIM_TEST_ALL"

	// EnvMySQLDSN names the variable that holds the DSN of a running MySQL or
	// MariaDB server, without a database name: "root@unix(/run/mysqld.sock)/".
	// Its user must be allowed to create and drop databases. With it, [MariaDB]
	// starts no server of its own, so many test binaries share one.
	EnvMySQLDSN = "GIM_TEST_MYSQL_DSN"
)

// TestingM is the part of *testing.M that this package uses.
type TestingM interface{ Run() int }

// Main runs the tests of m, ends the shared server and returns the exit code. A
// package that calls [MariaDB] has
//
//	func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }
//
// On Linux the kernel ends the server with the test binary even without this;
// Main does it in good order and removes the files at once.
func Main(m TestingM) int {
	defer Close()
	return m.Run()
}

// Closing returns m with [Close] after its run, for callers that want to look
// around when everything has ended:
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(testserver.Closing(m)) }
func Closing(m TestingM) TestingM { return closing{m} }

type closing struct{ m TestingM }

func (c closing) Run() int { return Main(c.m) }

// require returns the path of an installed program. If it is missing it ends
// the test, naming the Debian package that holds it.
func require(tb testing.TB, program, debianPackage string) string {
	tb.Helper()
	if testing.Short() {
		tb.Skipf("needs %s, which -short leaves out", program)
	}
	path, err := find(program)
	if err == nil {
		return path
	}
	missing(tb, "the program "+program, debianPackage)
	return ""
}

// requireFile is require for a file that is not a program, wherever it may be.
func requireFile(tb testing.TB, debianPackage string, paths ...string) string {
	tb.Helper()
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	missing(tb, paths[0], debianPackage)
	return ""
}

func missing(tb testing.TB, what, debianPackage string) {
	tb.Helper()
	message := fmt.Sprintf("needs %s: run `make deps`, or install the package %s", what, debianPackage)
	if os.Getenv(EnvAll) != "" {
		tb.Fatalf("%s (%s is set, so this is not skipped)", message, EnvAll)
	}
	tb.Skip(message)
}

// find looks where PATH points, and where servers are kept out of the PATH of
// people who are not root.
func find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/usr/libexec"} {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path, nil
		}
	}
	return "", err
}

// must ends the test if doing what failed.
func must(tb testing.TB, doing string, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatalf("%s: %v", doing, err)
	}
}
