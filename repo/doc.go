// Package repo is gim's store: the only place that speaks SQL. It runs on
// SQLite (the embedded default) and on databases that speak MySQL, with the
// same statements but for a few words that the dialect supplies.
//
// Every method names the app whose rows it touches; the numbers of users and
// conversations mean nothing without it. What may change together is changed in
// one transaction; a transaction that loses a race for a lock is run again as a
// whole. Messages are written by group commit: see Append.
//
// Errors that the caller can do something about are *domain.Error; everything
// else is traced where it comes from the driver. A Store is safe for concurrent use.
package repo
