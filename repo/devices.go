package repo

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/jmoiron/sqlx"
)

var _ domain.DeviceStore = (*Store)(nil)

const deviceColumns = `d.device_id, d.user_id, u.user_id, d.type, d.brand, d.model, d.system_version, d.sdk_version, d.push_token,
	d.created_at, d.last_seen_at, d.acked_seq`

const deviceTables = ` FROM devices d JOIN users u ON u.app_id = d.app_id AND u.id = d.user_id `

func scanDevice(row interface{ Scan(dest ...any) error }) (domain.Device, error) {
	var d domain.Device
	var created, seen int64
	err := row.Scan(&d.ID, &d.User.Num, &d.User.ID, &d.Type, &d.Brand, &d.Model, &d.SystemVersion, &d.SDKVersion, &d.PushToken, &created, &seen, &d.AckedSeq)
	d.CreatedAt = time.UnixMilli(created).UTC()
	if seen > 0 {
		d.LastSeenAt = time.UnixMilli(seen).UTC()
	}
	return d, err
}

// CreateDevice implements [domain.DeviceStore].
func (s *Store) CreateDevice(ctx context.Context, app domain.AppNum, d domain.Device) (domain.Device, error) {
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		u, err := userByID(ctx, tx, app, d.User.ID, s.dialect.forUpdate)
		if err != nil {
			return err
		}
		if u.Num != d.User.Num {
			return domain.ErrUserNotFound // another user by now, of the same name
		}
		var n int
		if err := tx.GetContext(ctx, &n, `SELECT COUNT(*) FROM devices WHERE app_id = ? AND device_id = ?`, app, string(d.ID)); err != nil {
			return err
		}
		if n > 0 {
			return domain.ErrDeviceExists
		}
		if err := checkDeviceLimit(ctx, tx, app, d.User.Num); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO devices (app_id, device_id, user_id, type, brand, model, system_version, sdk_version, push_token,
			created_at, last_seen_at, acked_seq, session) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0)`,
			app, string(d.ID), d.User.Num, string(d.Type), d.Brand, d.Model, d.SystemVersion, d.SDKVersion, d.PushToken, d.CreatedAt.UnixMilli())
		return err
	})
	return d, err
}

// checkDeviceLimit is called with the user locked.
func checkDeviceLimit(ctx context.Context, tx *sqlx.Tx, app domain.AppNum, user domain.UserNum) error {
	settings, err := appSettings(ctx, tx, app)
	if err != nil {
		return err
	}
	var n int
	if err := tx.GetContext(ctx, &n, `SELECT COUNT(*) FROM devices WHERE app_id = ? AND user_id = ?`, app, user); err != nil {
		return err
	}
	if n >= settings.MaxDevicesPerUser {
		return domain.ErrDeviceLimit
	}
	return nil
}

// Device implements [domain.DeviceStore].
func (s *Store) Device(ctx context.Context, app domain.AppNum, user domain.UserNum, id domain.DeviceID) (domain.Device, error) {
	d, err := scanDevice(s.read.QueryRowxContext(ctx, `SELECT `+deviceColumns+deviceTables+
		`WHERE d.app_id = ? AND d.device_id = ? AND d.user_id = ?`, app, string(id), user))
	if errors.Is(err, sql.ErrNoRows) {
		return d, domain.ErrDeviceNotFound
	} else if err != nil {
		return d, s.readError("read device", err)
	}
	return d, nil
}

// Devices implements [domain.DeviceStore].
func (s *Store) Devices(ctx context.Context, app domain.AppNum, user domain.UserNum, p domain.Page) (domain.List[domain.Device], error) {
	const query = `SELECT ` + deviceColumns + deviceTables + `WHERE d.app_id = ? AND d.user_id = ? AND d.device_id > ? ORDER BY d.device_id LIMIT ?`
	return list(ctx, s, p, func(d domain.Device) string { return string(d.ID) },
		func(rows *sqlx.Rows) (domain.Device, error) { return scanDevice(rows) }, query, app, user, p.Cursor, p.Limit+1)
}

// DeleteDevice implements [domain.DeviceStore]. What the device has acknowledged stays
// delivered.
func (s *Store) DeleteDevice(ctx context.Context, app domain.AppNum, user domain.UserNum, id domain.DeviceID, at time.Time) error {
	return s.revoking(s.inTx(ctx, func(tx *sqlx.Tx) error {
		var acked int64
		query := `SELECT acked_seq FROM devices WHERE app_id = ? AND device_id = ? AND user_id = ?` + s.dialect.forUpdate
		if err := tx.GetContext(ctx, &acked, query, app, string(id), user); errors.Is(err, sql.ErrNoRows) {
			return domain.ErrDeviceNotFound
		} else if err != nil {
			return err
		}
		if err := insert(ctx, tx, insertUserAcks, s.dialect.raise([]string{"app_id", "user_id"}, "acked_seq"), 4, []any{app, user, acked, 0}); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM group_acks WHERE app_id = ? AND user_id = ? AND device_id = ?`, app, user, string(id)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM devices WHERE app_id = ? AND device_id = ? AND user_id = ?`, app, string(id), user); err != nil {
			return err
		}
		return s.revoke(ctx, tx, domain.Revocation{Kind: domain.RevokedDevice, App: app, User: user, Name: string(id), At: at})
	}))
}

// changeDevice runs a statement that concerns one device, and then more in the
// same transaction. When there was none it is ErrDeviceNotFound.
func (s *Store) changeDevice(ctx context.Context, more func(*sqlx.Tx) error, query string, args ...any) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		res, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 { // rows matched, changed or not: see newMySQLConnector
			return errors.Join(err, domain.ErrDeviceNotFound)
		}
		return more(tx)
	})
}

// AckDevice implements [domain.DeviceStore].
func (s *Store) AckDevice(ctx context.Context, app domain.AppNum, user domain.UserNum, id domain.DeviceID, seq int64, at time.Time) (int64, error) {
	heads, err := s.Heads(ctx, app, []domain.UserNum{user})
	if err != nil {
		return 0, err
	}
	if seq > heads[user] {
		return 0, domain.ErrBadAck
	}
	var acked int64
	err = s.changeDevice(ctx, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &acked, `SELECT acked_seq FROM devices WHERE app_id = ? AND device_id = ?`, app, string(id))
	}, `UPDATE devices SET last_seen_at = ?, acked_seq = CASE WHEN acked_seq < ? THEN ? ELSE acked_seq END
		WHERE app_id = ? AND device_id = ? AND user_id = ?`, at.UnixMilli(), seq, seq, app, string(id), user)
	return acked, err
}

// OpenSession implements [domain.DeviceStore].
func (s *Store) OpenSession(ctx context.Context, app domain.AppNum, user domain.UserNum, id domain.DeviceID, at time.Time) (domain.DeviceSession, error) {
	var session domain.DeviceSession
	err := s.changeDevice(ctx, func(tx *sqlx.Tx) error {
		if err := tx.QueryRowxContext(ctx, `SELECT session, type FROM devices WHERE app_id = ? AND device_id = ?`, app, string(id)).
			Scan(&session.Number, &session.Type); err != nil {
			return err
		}
		settings, err := appSettings(ctx, tx, app)
		session.Policy = settings.DevicePolicy
		return err
	}, `UPDATE devices SET last_seen_at = ?, session = session + 1 WHERE app_id = ? AND device_id = ? AND user_id = ?`, at.UnixMilli(), app, string(id), user)
	return session, err
}

// Sessions implements [domain.DeviceStore].
func (s *Store) Sessions(ctx context.Context, app domain.AppNum, devices []domain.DeviceID) (map[domain.DeviceID]int64, error) {
	sessions := make(map[domain.DeviceID]int64, len(devices))
	err := selectIn(ctx, s.read, `SELECT device_id, session FROM devices WHERE app_id = ? AND device_id IN`, "", []any{app}, devices, func(rows *sqlx.Rows) error {
		var id domain.DeviceID
		var session int64
		if err := rows.Scan(&id, &session); err != nil {
			return err
		}
		sessions[id] = session
		return nil
	})
	if err != nil {
		return nil, s.readError("read sessions", err)
	}
	return sessions, nil
}
