package repo

import (
	"context"
	"fmt"
	"strings"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

// Durability tells what a commit survives.
type Durability struct {
	Full bool     // a loss of power
	Why  []string // what stands against it, one sentence each
}

// Durability asks the database how it commits. Settings that a server does not
// have, because it is another engine, count as full.
func (s *Store) Durability(ctx context.Context) (Durability, error) {
	if s.dialect.name == sqliteDialect.name {
		return Durability{Full: true}, nil // this process opens it with synchronous=FULL itself
	}
	const safe = "1"
	got := map[string]string{}
	err := each(ctx, s.read, func(rows *sqlx.Rows) error {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return err
		}
		got[strings.ToLower(name)] = strings.ToUpper(value)
		return nil
	}, `SHOW GLOBAL VARIABLES WHERE Variable_name IN ('innodb_flush_log_at_trx_commit', 'sync_binlog', 'log_bin')`)
	if err != nil {
		return Durability{}, domain.Trace(fmt.Errorf("read durability: %w", err))
	}
	d := Durability{Full: true}
	for _, name := range []string{"innodb_flush_log_at_trx_commit", "sync_binlog"} {
		value, known := got[name]
		isBinlogOff := name == "sync_binlog" && got["log_bin"] == "OFF"
		if !known || isBinlogOff || value == safe {
			continue
		}
		d.Full = false
		d.Why = append(d.Why, fmt.Sprintf("%s is %s: an acknowledged message may be lost when the database server loses power; 1 is safe", name, value))
	}
	return d, nil
}
