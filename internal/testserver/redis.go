package testserver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// RedisServer is a Redis server of one test, which may mistreat it. It listens
// on a loopback port and keeps nothing on disk: after [RedisServer.Kill] and
// [RedisServer.Restart] it is empty. Its methods are for one goroutine at a time.
type RedisServer struct {
	tb    testing.TB
	bin   string
	dir   string
	port  int
	flags []string
	conf  string // what a file of settings holds; Sentinel writes to its own
	proc  *process
}

// NewRedis starts an empty Redis server for this test alone, with flags added
// to the command line, for instance "--maxmemory", "10mb". It takes some tens
// of milliseconds.
func NewRedis(tb testing.TB, flags ...string) *RedisServer {
	tb.Helper()
	return newRedis(tb, "", flags)
}

func newRedis(tb testing.TB, conf string, flags []string) *RedisServer {
	tb.Helper()
	s := &RedisServer{tb: tb, bin: require(tb, "redis-server", "redis-server"), conf: conf, flags: flags}
	var err error
	if s.dir, err = tempDir("redis"); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if s.proc != nil {
			s.proc.kill()
		}
		_ = os.RemoveAll(s.dir)
	})
	for range 5 { // somebody may take the port between our look and the start
		if s.port, err = freePort(); err != nil {
			tb.Fatal(err)
		}
		if err = s.start(); !errors.Is(err, errEnded) {
			break
		}
	}
	if err != nil {
		tb.Fatalf("start Redis: %v", err)
	}
	return s
}

// Addr returns the host and port, which stay the same when the server is restarted.
func (s *RedisServer) Addr() string { return "127.0.0.1:" + strconv.Itoa(s.port) }

// URL returns the address as redis://host:port/0.
func (s *RedisServer) URL() string { return "redis://" + s.Addr() + "/0" }

// Kill ends the server with SIGKILL.
func (s *RedisServer) Kill() { s.proc.kill() }

// Pause stops the server in its tracks (SIGSTOP): connections stay open and
// nothing is answered until [RedisServer.Resume].
func (s *RedisServer) Pause() { must(s.tb, "pause Redis", s.proc.pause()) }

// Resume lets a paused server go on.
func (s *RedisServer) Resume() { must(s.tb, "resume Redis", s.proc.resume()) }

// Restart starts the server again at the same address, after ending it if it
// still runs. It returns when the server answers.
func (s *RedisServer) Restart() {
	s.tb.Helper()
	s.proc.kill()
	must(s.tb, "restart Redis", s.start())
}

// FlushAll removes every key.
func (s *RedisServer) FlushAll() {
	s.tb.Helper()
	s.do("FLUSHALL")
}

// do runs a command whose words hold no spaces and returns its reply.
func (s *RedisServer) do(command string) string {
	s.tb.Helper()
	reply, err := redisCommand(s.Addr(), command)
	if err != nil {
		s.tb.Fatalf("redis %s: %v", command, err)
	}
	return reply
}

func (s *RedisServer) start() error {
	socket := filepath.Join(s.dir, "s.sock")
	args := append([]string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--unixsocket", socket,
		"--dir", s.dir, "--save", "", "--appendonly", "no",
	}, s.flags...)
	if s.conf != "" {
		file := filepath.Join(s.dir, "redis.conf")
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			if err := os.WriteFile(file, []byte(s.conf), 0o600); err != nil {
				return err
			}
		}
		args = append([]string{file}, args...)
	}
	var err error
	if s.proc, err = startProcess(s.bin, args, filepath.Join(s.dir, "log")); err != nil {
		return err
	}
	return s.proc.ready(func() error {
		// The socket is in our own directory, so that a stranger on the same
		// port cannot answer for this server.
		_, err := redisCommand(socket, "PING")
		return err
	})
}

// redisCommand runs one command on a connection of its own, in the inline form
// of the protocol. addr is host:port or the path of a unix socket.
func redisCommand(addr, command string) (string, error) {
	conn, err := net.DialTimeout(network(addr), addr, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, command+"\r\n"); err != nil {
		return "", err
	}
	return readReply(bufio.NewReader(conn))
}

// readReply reads the kinds of reply that are one line or one string, which is
// all that the commands of this package give.
func readReply(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return "", errors.New("empty reply")
	}
	switch kind, rest := line[0], line[1:]; kind {
	case '+', ':':
		return rest, nil
	case '$':
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			return "", err
		}
		body := make([]byte, n+len("\r\n"))
		_, err = io.ReadFull(r, body)
		return string(body[:n]), err
	default:
		return "", errors.New(line)
	}
}

// network tells a unix socket's path from a TCP address.
func network(addr string) string {
	if strings.HasPrefix(addr, "/") {
		return "unix"
	}
	return "tcp"
}

// busOffset is the distance from a node's port to that of its cluster bus.
const busOffset = 10_000

// Ports are handed out in order from blocks of blockSize, which begin between
// firstPort and lastPort. A process holds a block by listening on its first port, so
// that test programs that run at the same time never get the same one.
const (
	firstPort = 11_000
	lastPort  = 21_000
	blockSize = 50
)

var ports struct {
	mu   sync.Mutex
	next int
	left int // of the block
	held []net.Listener
}

// freePort finds a loopback port that is free together with its cluster bus
// port. Both are below the range that the system hands out for outgoing
// connections, so that a restarted server finds its port still free.
func freePort() (int, error) {
	ports.mu.Lock()
	defer ports.mu.Unlock()
	for range 20 * blockSize {
		if ports.left == 0 {
			block := firstPort + blockSize*rand.IntN((lastPort-firstPort)/blockSize)
			l, err := net.Listen("tcp", loopback(block))
			if err != nil {
				continue
			}
			ports.held = append(ports.held, l) // until the process ends
			ports.next, ports.left = block+1, blockSize-1
		}
		port := ports.next
		ports.next, ports.left = port+1, ports.left-1
		if isFree(port) && isFree(port+busOffset) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d", firstPort, lastPort)
}

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

func isFree(port int) bool {
	l, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}
