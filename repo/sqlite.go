package repo

import (
	"net/url"
)

// sqliteReaders bounds the connections that read beside the one that writes.
const sqliteReaders = 8

// sqliteDSN returns how to open file. WAL lets readers go on beside the writer;
// synchronous FULL makes a commit survive a loss of power; extra is appended.
func sqliteDSN(file, extra string) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath()}
	u.RawQuery = "_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=cache_size(-65536)&" + extra
	return u.String()
}
