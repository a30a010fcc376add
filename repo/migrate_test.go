package repo

import (
	"fmt"
	"log/slog"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/testserver"
	"github.com/gim-im/gim/migrations"
)

// shipped are the checksums of migrations, which never change once a release
// has them: a database that has run one would not be what a new one becomes.
// Add those of a new migration; change one only if it was never released.
var shipped = map[string]map[string]string{
	"mysql": {
		"0001_create_core":                "79008fd49b22dac28fb53b7d6584f215966c93ba321f1b5185ed72ea6ce93f63",
		"0002_create_last_seen":           "6e4b079324133e65765f3f3e59a8533142a8b255f5942710611921bc31aa1a65",
		"0003_grow_groups":                "6df9761f5ad4273fe4166597daeaac75b5919897e6c5970d2244a542eb50a89c",
		"0004_create_blocks":              "2c9bffecd3afe6889adf916ba06dc8afff61e4daafc1d1a701fabaf50111f591",
		"0005_large_groups":               "710a4e0c972f63e5f3153f858e3d6eb91fd9f68f287bae7c5914f1ead3cf6277",
		"0006_create_pending_fanout":      "f235a45a79793e658fa30314e0bd935627f06d7e3101cdaea57a9d06c85564a8",
		"0007_create_contacts":            "cf1b3bfa21fe52a16797c96ad1c1b921aaf896d1998071c02ba87217fd6af2ed",
		"0008_edit_messages":              "8fe31f06c6fa480982e9ef9255a26bfdeeefbd47e0483a433baac357d038e28d",
		"0009_create_conversation_states": "69b5773807e620f179c2f7d66c8ce677848dd556966e27c0f94c01f009b4e8c9",
		"0010_add_friends_only":           "1b13061e2ec14f2e9a1f77eb4885cbac1483b70e27aeb176ba5f93f41c296ff6",
		"0011_create_log_digests":         "7e20e910b52c31da7d1d51630fb5412d543a4754a335fe44ee7bad70e80da15b",
		"0012_create_mentions":            "9dce168e8cf1038791e301fcae8fdbaa2827d53475cab299f44846ee88c809d5",
		"0013_create_search":              "77a05a7a50321a7053aba75b614540f775f9a8cba54a4184c782546c27986dfa",
		"0014_create_deliveries":          "67de4f71503dba3842bce7045c499788b58ea72994bbccfe76253bb2da91ad91",
		"0015_create_reactions":           "40da54f86481cc4165f0946d1eabe11362b8ca348c7ff847b49cd2026901c526",
		"0016_add_replies":                "20a4d0c2d9f75995dfe0d62fd89c6437bb01b514521389fc8923cac3be752175",
		"0017_create_message_deletes":     "74763c126dbd8504cebe037de9754c88cc29fb096e9c1101fcb3608c9e3bf440",
		"0018_add_quiet_events":           "aff03158f260e9cb0956ce12f34ebe20fca9d46a304ee71acc72a4c77d1953f5",
	},
	"sqlite": {
		"0001_create_core":                "e13835cc9b88e271138c0b5b7a04fb4ecc741fdb9c01276c7834260d51cbbbaa",
		"0002_create_last_seen":           "3124c8395083bf0adf58e6d9a59a3bbd6edc32177beef95f2c1835bbf8805f59",
		"0003_grow_groups":                "58dd509f43cd429ea310ed6a51323f616aece2d14aa94da3b2dccde74cb90561",
		"0004_create_blocks":              "0c32a6b9d4944cc316153a3eaede0f692ecb8a9bb3fc1529d592e7e90e52ba23",
		"0005_large_groups":               "b1e35c05e90a02d5d063a35ddd28620514152d2b22fad72f9b6400652ac74ca3",
		"0006_create_pending_fanout":      "444f0afc89235a71edead7f290c9efa89e0d9fda634fd54c84015d1717670705",
		"0007_create_contacts":            "0fb550159194657842f167d667a541902365bdc5f72de8a9ffdb38cb8432ea66",
		"0008_edit_messages":              "aead4cb3aaa9c46518f609957bff47374e1806f3c431816d43d3a4bb549d3a08",
		"0009_create_conversation_states": "54be10918d0c7e946bf59a8779f4b28290aedffd4fd281b2477bfd627b884195",
		"0010_add_friends_only":           "1b337ac09df21361aa7a7319053fdb383c14f2f02f1bf9d43c7cfb7834e08574",
		"0011_create_log_digests":         "45544bf2aaeee65c6ff998681bd9a9cc05de88b22c7c18edc6419adc09f3959d",
		"0012_create_mentions":            "062585e24b4982e4d74cf51e43814ea1228d9a0a5cfd0e192528d58f51440a9b",
		"0013_create_search":              "0a44ab28adf7a497d6a434d02f907ac39191859cf0036544a22b70e17bc21fd1",
		"0014_create_deliveries":          "45e8bf221d38fa3832ecd789e60394f4db0880e777784f68c8759c0b8f5dfa3c",
		"0015_create_reactions":           "4a7556fecc3e73f1ea7bac09b2ff5edc28575a1439b39ec7ae7313533481a08a",
		"0016_add_replies":                "83ab3550110ef5057cf4970ce2ad08ba9f509ff29f70787b706d6feb62118391",
		"0017_create_message_deletes":     "06ab718f3d991dfb5cc059182194bd067815f24f5227c43328d53798c7144a7c",
		"0018_add_quiet_events":           "a8f654c9dbafe3718908dff690a472da6d21b3bfc788091de84b3ce0f9f68405",
	},
}

func TestMigrations_AreAsTheyShipped(t *testing.T) {
	t.Parallel()
	for dir, want := range shipped {
		known, err := knownMigrations(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range known {
			if m.Checksum != want[m.Name] {
				t.Errorf("%s/%s has the checksum %s, recorded is %q", dir, m.Name, m.Checksum, want[m.Name])
			}
		}
		if len(known) != len(want) {
			t.Errorf("%s has %d migrations, %d are recorded", dir, len(known), len(want))
		}
	}
}

func TestMigrations_ArePairedAndNumbered(t *testing.T) {
	t.Parallel()
	ours, err := knownMigrations(sqliteDialect.name)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := knownMigrations(mysqlDialect.name)
	if err != nil {
		t.Fatal(err)
	}
	if len(ours) != len(theirs) || len(ours) == 0 {
		t.Fatalf("%d migrations for SQLite, %d for MySQL", len(ours), len(theirs))
	}
	for i := range ours {
		if ours[i].Name != theirs[i].Name {
			t.Errorf("%s has no counterpart: MySQL has %s", ours[i].Name, theirs[i].Name)
		}
		if ours[i].Version != i+1 || !strings.HasPrefix(ours[i].Name, fmt.Sprintf("%04d_", i+1)) {
			t.Errorf("%s has the number %d, want %d", ours[i].Name, ours[i].Version, i+1)
		}
	}
}

// databases are fresh ones of each kind.
func databases(t *testing.T, test func(t *testing.T, o Options)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, Options{DataDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	})
	t.Run("mysql", func(t *testing.T) {
		t.Parallel()
		test(t, Options{MySQLDSN: testserver.MariaDB(t), Logger: slog.New(slog.DiscardHandler)})
	})
}

// tamper runs a statement on a database behind the program's back.
func tamper(t *testing.T, o Options, stmts ...string) {
	t.Helper()
	s, err := connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, stmt := range stmts {
		if _, err := s.write.ExecContext(t.Context(), stmt); err != nil {
			t.Errorf("%s: %v", stmt, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestMigrate_TellsWhatItDid(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, o Options) {
		for _, step := range []struct {
			run  func() ([]Migration, error)
			want bool
		}{
			{func() ([]Migration, error) { return MigrationStatus(t.Context(), o) }, false},
			{func() ([]Migration, error) { return Migrate(t.Context(), o) }, true},
			{func() ([]Migration, error) { return Migrate(t.Context(), o) }, true},
			{func() ([]Migration, error) { return MigrationStatus(t.Context(), o) }, true},
		} {
			all, err := step.run()
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range all {
				if m.Applied != step.want {
					t.Errorf("%s is applied: %v, want %v", m.Name, m.Applied, step.want)
				}
			}
		}
	})
}

func TestMigrate_RefusesDatabasesOfOtherBuilds(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, o Options) {
		all, err := Migrate(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ stmt, undo, want string }{
			{
				`UPDATE schema_migrations SET checksum = 'x' WHERE version = 1`,
				`UPDATE schema_migrations SET checksum = '` + all[0].Checksum + `' WHERE version = 1`, "other content",
			},
			{
				`INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (9999, '9999_from_later', 'x', 0)`,
				`DELETE FROM schema_migrations WHERE version = 9999`, "newer than this program",
			},
		} {
			tamper(t, o, c.stmt)
			if s, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open: got %v, want an error with %q", err, c.want)
				if s != nil {
					_ = s.Close() // the test has failed
				}
			}
			tamper(t, o, c.undo)
			reopen(t, o)
		}
	})
}

func reopen(t *testing.T, o Options) {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A server that is killed leaves the first n statements of a migration behind,
// without a record of it.
func TestMigrate_GoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	body, err := migrations.Files.ReadFile(path.Join(mysqlDialect.name, "0001_create_core.sql"))
	if err != nil {
		t.Fatal(err)
	}
	total := len(statements(string(body)))
	for _, n := range []int{1, 2, total / 2, total} {
		t.Run(fmt.Sprint("after ", n), func(t *testing.T) {
			t.Parallel()
			databases(t, func(t *testing.T, o Options) {
				dir := sqliteDialect.name
				if o.MySQLDSN != "" {
					dir = mysqlDialect.name
				}
				body, err := migrations.Files.ReadFile(path.Join(dir, "0001_create_core.sql"))
				if err != nil {
					t.Fatal(err)
				}
				all := statements(string(body))
				tamper(t, o, all[:min(n, len(all))]...)
				reopen(t, o)
				tamper(t, o, all...) // each can be run again at any time
				reopen(t, o)
			})
		})
	}
}

// Groups that are there when members begin to be counted have their number, also
// where MySQL has done a part of the migration before.
func TestMigrate_CountsMembersThatAreThere(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, o Options) {
		reopen(t, o)
		undo := []string{
			`DROP TABLE uncounted`, `DROP TABLE group_acks`, `DELETE FROM schema_migrations WHERE version = 5`,
			`ALTER TABLE chat_groups DROP COLUMN member_count`, `ALTER TABLE chat_groups DROP COLUMN history`,
			`ALTER TABLE chat_groups DROP COLUMN live_audience`, `ALTER TABLE chat_groups DROP COLUMN large_since`,
		}
		if o.MySQLDSN != "" {
			undo = append(undo, `ALTER TABLE members DROP KEY members_by_role, DROP KEY members_by_user, DROP COLUMN kind,
				ADD KEY members_by_user (app_id, user_id, conversation_id)`)
		} else {
			undo = append(undo, `DROP INDEX members_by_role`, `DROP INDEX members_by_user`, `ALTER TABLE members DROP COLUMN kind`)
		}
		tamper(t, o, undo...)
		for group := range 3 {
			tamper(t, o, fmt.Sprintf(`INSERT INTO chat_groups (app_id, id, group_id, type, name, introduction, avatar_url, extra, created_at, updated_at)
				VALUES (1, %d, 'g%d', 'normal', '', '', '', x'7b7d', 0, 0)`, group, group))
			for user := range group {
				tamper(t, o, fmt.Sprintf(`INSERT INTO members (app_id, conversation_id, user_id, role, label, extra, joined_seq, joined_at, read_seq)
					VALUES (1, %d, %d, 'member', '', x'7b7d', 0, 0, 0)`, group, user))
			}
		}
		want := []int{0, 1, 2}
		check := func() {
			t.Helper()
			s, err := Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			for group, members := range want {
				g, err := s.Group(t.Context(), 1, domain.GroupID(fmt.Sprint("g", group)), 0)
				if err != nil || g.MemberCount != members || g.Settings.History != domain.HistoryJoined {
					t.Errorf("got %+v, %v, want %d members", g, err, members)
				}
			}
			var other int
			if err := s.read.GetContext(t.Context(), &other, `SELECT COUNT(*) FROM members WHERE kind <> ?`, kindNormal); err != nil || other != 0 {
				t.Errorf("%d memberships are not known to be of groups, %v", other, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		check()
		if o.MySQLDSN != "" {
			tamper(t, o, `DELETE FROM schema_migrations WHERE version = 5`)
			check()
		}
	})
}

func TestMigrate_NodesTakeTurns(t *testing.T) {
	t.Parallel()
	o := Options{MySQLDSN: testserver.MariaDB(t), Logger: slog.New(slog.DiscardHandler)}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { // ends with the test
			s, err := Open(t.Context(), o)
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			var n int
			if err := s.read.GetContext(t.Context(), &n, `SELECT COUNT(*) FROM schema_migrations`); err != nil || n == 0 {
				t.Errorf("%d migrations are recorded, %v", n, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestMigrate_SplitsStatementsAtTheEndOfLines(t *testing.T) {
	t.Parallel()
	got := statements("-- a comment; with a semicolon\nCREATE a (\n  b,\n-- inside\n  c);\n\nINSERT ';' x;\n")
	want := []string{"CREATE a (\n  b,\n  c)", "INSERT ';' x"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", got, want)
	}
}
