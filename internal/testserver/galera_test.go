package testserver

import "testing"

func TestGalera_KeepsWhatWasCommittedWhileANodeWasAway(t *testing.T) {
	t.Parallel()
	c := NewGalera(t, 3)
	first := openDB(t, c.Node(0).DSN())
	mustExec(t, first, "CREATE TABLE t (id INT PRIMARY KEY)")
	c.Node(1).Kill()
	c.Node(0).WaitSize(2)
	mustExec(t, first, "INSERT INTO t VALUES (7)")

	c.Node(1).Restart()
	c.Node(2).WaitSize(3)
	for i := range 3 {
		db := openDB(t, c.Node(i).DSN()+"?wsrep_sync_wait=1")
		var id int
		if err := db.QueryRow("SELECT id FROM t").Scan(&id); err != nil || id != 7 {
			t.Errorf("node %d has %d, %v; want 7", i, id, err)
		}
	}
}
