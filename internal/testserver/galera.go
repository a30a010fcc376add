package testserver

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// GaleraCluster is a Galera cluster of MariaDB nodes of one test, each with the
// database "gim". A transaction that is committed on one node was given to all the
// others, which may not have applied it yet.
type GaleraCluster struct {
	nodes []*GaleraNode
}

// GaleraNode is one node of a [GaleraCluster]. Its methods are for one goroutine
// at a time.
type GaleraNode struct {
	*MariaDBServer
	provider string
	address  string // gcomm://… of all nodes
	ports    galeraPorts
}

// galeraPorts are those of one node: of the group, of transactions that it has
// missed, and of the program that prepares for them.
type galeraPorts struct{ group, missed, prepare int }

// NewGalera starts a cluster and returns when all nodes serve. It takes some eight
// seconds, because a node joins after the other.
func NewGalera(tb testing.TB, nodes int) *GaleraCluster {
	tb.Helper()
	programs := requireMariaDB(tb)
	require(tb, "rsync", "rsync") // a node that joins is told by it where it stands
	provider := requireFile(tb, "galera-4", "/usr/lib/galera/libgalera_smm.so", "/usr/lib64/galera-4/libgalera_smm.so", "/usr/lib64/galera/libgalera_smm.so")
	c := &GaleraCluster{nodes: make([]*GaleraNode, nodes)}
	groups := make([]string, nodes)
	for i := range c.nodes {
		n := &GaleraNode{provider: provider}
		for _, port := range []*int{&n.ports.group, &n.ports.missed, &n.ports.prepare} {
			var err error
			if *port, err = freePort(); err != nil {
				tb.Fatal(err)
			}
		}
		groups[i] = fmt.Sprintf("127.0.0.1:%d", n.ports.group)
		c.nodes[i] = n
	}
	for i, n := range c.nodes {
		n.address = "gcomm://" + strings.Join(groups, ",")
		db, err := n.make(programs, c.nodes[0])
		if err != nil {
			tb.Fatalf("prepare a node of Galera: %v", err)
		}
		tb.Cleanup(db.close)
		n.MariaDBServer = &MariaDBServer{tb: tb, db: db}
		if i == 0 {
			must(tb, "begin the history of Galera", n.begin())
		}
	}
	for i, n := range c.nodes {
		var err error
		if i == 0 {
			err = n.start("--wsrep-new-cluster")
		} else {
			err = n.start()
		}
		must(tb, "start a node of Galera", err)
	}
	return c
}

// Node returns the i-th node, counted from 0.
func (c *GaleraCluster) Node(i int) *GaleraNode { return c.nodes[i] }

// DSN returns the DSN of the database "gim" by all nodes, in an order that begins
// with the i-th.
func (c *GaleraCluster) DSN(first int) string {
	sockets := make([]string, len(c.nodes))
	for i := range c.nodes {
		sockets[i] = c.nodes[(first+i)%len(c.nodes)].Socket()
	}
	return "root@unix(" + strings.Join(sockets, ",") + ")/gim"
}

// Restart starts the node again, after ending it in good order if it still runs,
// and returns when it has got from the others what it missed and serves.
func (n *GaleraNode) Restart() {
	n.tb.Helper()
	n.db.proc.stop()
	position, err := n.recover()
	if err == nil {
		err = n.setPosition(position)
	}
	if err == nil {
		err = n.start("--wsrep-start-position=" + position)
	}
	must(n.tb, "restart a node of Galera", err)
}

// make gives the node its files: the first node those that every server begins
// with, the others those of the first, so that they begin where it does and nothing
// has to be copied between running servers.
func (n *GaleraNode) make(programs mariaDBPrograms, first *GaleraNode) (*mariaDB, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.prepared == "" {
		if err := prepare(programs); err != nil {
			return nil, err
		}
	}
	from := shared.prepared
	if n != first {
		from = first.db.data()
	}
	dir, err := tempDir("galera")
	if err != nil {
		return nil, err
	}
	m := &mariaDB{programs: programs, dir: dir}
	if err = os.CopyFS(m.data(), os.DirFS(from)); err == nil && os.Geteuid() == 0 {
		// What rsync receives for root it writes as nobody.
		if err = os.Chmod(dir, 0o755); err == nil {
			err = os.Chmod(m.data(), 0o777)
		}
	}
	if err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// begin makes the database, as the first transaction of the cluster.
func (n *GaleraNode) begin() error {
	if err := n.start("--wsrep-new-cluster"); err != nil {
		return err
	}
	if err := execSQL(n.db.dsn(""), "CREATE DATABASE gim"); err != nil {
		return err
	}
	n.db.proc.stop()
	err := os.Remove(filepath.Join(n.db.data(), "galera.cache")) // 32 MiB of nothing
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func (n *GaleraNode) start(more ...string) error {
	n.db.flags = append(n.galeraFlags(), more...)
	if err := n.db.start(); err != nil {
		return err
	}
	return n.db.proc.ready(n.isReady)
}

// galeraFlags makes nodes notice sooner than in earnest that another has gone.
func (n *GaleraNode) galeraFlags() []string {
	return []string{
		"--binlog-format=ROW", "--innodb-autoinc-lock-mode=2",
		"--wsrep-on=ON", "--wsrep-provider=" + n.provider,
		"--wsrep-cluster-name=gim", "--wsrep-cluster-address=" + n.address,
		"--wsrep-node-address=127.0.0.1",
		"--wsrep-sst-method=rsync", fmt.Sprintf("--wsrep-sst-receive-address=127.0.0.1:%d", n.ports.prepare),
		"--wsrep-provider-options=" + strings.Join([]string{
			"base_host=127.0.0.1", fmt.Sprintf("base_port=%d", n.ports.group),
			fmt.Sprintf("gmcast.listen_addr=tcp://127.0.0.1:%d", n.ports.group),
			fmt.Sprintf("ist.recv_addr=127.0.0.1:%d", n.ports.missed),
			"gcache.size=32M", "gmcast.peer_timeout=PT1S", "evs.keepalive_period=PT0.5S",
			"evs.inactive_check_period=PT0.25S", "evs.suspect_timeout=PT2S", "evs.inactive_timeout=PT4S",
		}, ";"),
	}
}

// isReady returns nil when the node serves.
func (n *GaleraNode) isReady() error {
	db, err := sql.Open("mysql", n.db.dsn(""))
	if err != nil {
		return err
	}
	defer db.Close()
	var name, value string
	if err := db.QueryRow("SHOW STATUS LIKE 'wsrep_ready'").Scan(&name, &value); err != nil {
		return err
	}
	if value != "ON" {
		return errors.New("it has not joined its cluster")
	}
	return nil
}

var recoveredPosition = regexp.MustCompile(`Recovered position: *(\S+)`)

// recover asks the files of a node that ended somehow for its last transaction, as
// the service of Debian does before each start.
func (n *GaleraNode) recover() (string, error) {
	args := append(commonFlags(n.db.data()), "--tmpdir="+n.db.dir, "--skip-networking", "--wsrep-recover")
	out, err := exec.Command(n.db.programs.server, append(args, n.galeraFlags()...)...).CombinedOutput()
	if found := recoveredPosition.FindSubmatch(out); err == nil && found != nil {
		return string(found[1]), nil
	}
	return "", fmt.Errorf("recover the position: %w:\n%s", err, out)
}

// setPosition writes down where the node stands. One that was killed soon after it
// joined does not trust its files, and would want a copy of everything.
func (n *GaleraNode) setPosition(position string) error {
	history, seq, _ := strings.Cut(position, ":")
	seq, _, _ = strings.Cut(seq, ",")
	state := fmt.Sprintf("# GALERA saved state\nversion: 2.1\nuuid:    %s\nseqno:   %s\nsafe_to_bootstrap: 0\n", history, seq)
	return os.WriteFile(filepath.Join(n.db.data(), "grastate.dat"), []byte(state), 0o600)
}

// WaitSize returns when the node knows of so many nodes that are there.
func (n *GaleraNode) WaitSize(size int) {
	n.tb.Helper()
	db, err := sql.Open("mysql", n.DSN())
	must(n.tb, "open a node of Galera", err)
	defer db.Close()
	var name, got string
	for deadline := time.Now().Add(readyTimeout); got != fmt.Sprint(size); {
		if err := db.QueryRow("SHOW STATUS LIKE 'wsrep_cluster_size'").Scan(&name, &got); time.Now().After(deadline) {
			n.tb.Fatalf("the cluster has %s nodes (%v), want %d", got, err, size)
		}
		time.Sleep(pollInterval)
	}
}
