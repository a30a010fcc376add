// Package config holds the settings of gim: what they are called, what they may
// be and where they come from. A setting is taken from the command line, else
// from its environment variable, else from the YAML file, else it has its
// default; the same name stands in all of them (--rest-addr, GIM_REST_ADDR,
// rest-addr).
//
// The struct tags of [Config] are the one place where a setting is described.
// Nothing here prints or returns a [Secret] unless asked by name.
//
// A [Config] is a plain value. A [Source] is used by one goroutine.
package config

import "time"

// Config is every setting of `gim serve`. Check it with [Config.Validate].
type Config struct {
	Storage `embed:"" group:"Storage:"`
	Network `embed:"" group:"Network:"`
	TCP     `embed:"" group:"Raw TCP:"`
	Access  `embed:"" group:"Access:"`
	Timers  `embed:"" group:"Timers:"`
	Trace   `embed:"" group:"Delivery trace:"`
	Logging `embed:"" group:"Logging:"`

	Demo bool `name:"demo" group:"Demo:" help:"Run with a demo app whose users, alice and bob, anyone on this machine can sign in as. Needs a loopback --rest-addr."`
}

// Storage says where gim keeps what it must not lose.
type Storage struct {
	DataDir  string `name:"data-dir" default:"gim-data" placeholder:"DIR" help:"Directory of the embedded database and of gim's own secret; made at first start. Used by one process at a time."`
	MySQLDSN Secret `name:"mysql-dsn" placeholder:"DSN" help:"MySQL or MariaDB to use instead of the embedded database, as user:password@tcp(host:3306)/database. Several gims may share it. Of several nodes with the same data, as tcp(a:3306,b:3306), the first that works is used."`
	Search   string `name:"search" default:"on" enum:"on,off" placeholder:"MODE" help:"Whether messages are indexed, so that users can search theirs, of: ${enum}. Off, a search answers search_unavailable; what comes meanwhile is indexed when it is on again."`
}

// Searches reports whether messages can be searched.
func (s *Storage) Searches() bool { return s.Search == "on" }

// Network says what gim listens on and how nodes reach each other.
type Network struct {
	Roles          []string `name:"roles" default:"rest,ws,tcp" placeholder:"ROLE,..." help:"What this process serves, of: rest (the REST API and the pages), ws (WebSocket), tcp (the same over raw TCP)."`
	RESTAddr       string   `name:"rest-addr" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address for REST and WebSocket, not used without those roles; port 0 takes a free one, an empty host means all interfaces."`
	AdminAddr      string   `name:"admin-addr" default:"127.0.0.1:8081" placeholder:"HOST:PORT" help:"Address for /livez, /readyz, /metrics and /debug/pprof. It asks for no credentials: keep it private."`
	RedisURL       Secret   `name:"redis-url" placeholder:"URL" help:"Redis that carries messages between nodes, as redis://user:password@host:6379/0. Without it each node pushes only what it was sent itself, and knows only of its own connections; the rest is found at the next sync."`
	AllowedOrigins []string `name:"allowed-origins" placeholder:"ORIGIN,..." help:"Other web sites whose pages may connect, like https://chat.example.com. The server's own pages always may."`
}

// TCP says how native apps connect without WebSocket. It counts with the role tcp.
type TCP struct {
	TCPAddr      string   `name:"tcp-addr" default:"127.0.0.1:7272" placeholder:"HOST:PORT" help:"Address for raw TCP; port 0 takes a free one. Beyond this machine it needs --tcp-tls-cert, or --tcp-plain."`
	TCPTLSCert   string   `name:"tcp-tls-cert" placeholder:"FILE" help:"Certificate, with its chain, in PEM, for TLS on --tcp-addr. A file that changes is read again without a restart."`
	TCPTLSKey    string   `name:"tcp-tls-key" placeholder:"FILE" help:"Private key of --tcp-tls-cert, in PEM."`
	TCPPlain     bool     `name:"tcp-plain" help:"Let --tcp-addr be reached from other machines without TLS, because something in front of gim does it, or the network is private."`
	TCPProxyFrom []string `name:"tcp-proxy-from" placeholder:"NETWORK,..." help:"Networks of the proxies in front of --tcp-addr, like 10.0.0.0/8. Connections from there must begin with the PROXY protocol, version 2, which gives the client's address."`
}

// Access says who may do what, how often.
type Access struct {
	AdminKey       Secret `name:"admin-key" placeholder:"KEY" help:"The operator's key, at least 16 characters. Without it one is made at first start and shown once."`
	SecretKey      Secret `name:"secret-key" placeholder:"KEY" help:"32 random bytes in hex or base64, from which gim derives the keys that sign its tokens. Without it one is made in the data directory."`
	RateLimitSends int    `name:"rate-limit-sends" default:"100" placeholder:"N" help:"Messages that a user may send in a second, with bursts of twice as many; 0 turns the limit off. Signals have the same limit of their own."`
	RateLimitGroup int    `name:"rate-limit-group" default:"0" placeholder:"N" help:"Deliveries that the messages to one group may make in a second on this process, one for each member, with bursts of twice as many; 0 is no limit."`
	RateLimitApp   int    `name:"rate-limit-app" default:"0" placeholder:"N" help:"Deliveries that all messages of one app may make in a second on this process, one for each user who gets them, the sender too, with bursts of twice as many; 0 is no limit."`

	MaxConnectionsPerAddress int `name:"max-connections-per-address" default:"0" placeholder:"N" help:"Long connections that one address may have on this process, signed in or not; 0 is no limit. Behind a proxy all clients may have one address."`
	MaxConnectionsPerApp     int `name:"max-connections-per-app" default:"0" placeholder:"N" help:"Long connections that may be signed in for one app on this process; 0 is no limit."`
}

// Timers are durations such as 30s, 1m30s or 500ms; none may be under 100ms.
type Timers struct {
	Heartbeat     time.Duration `name:"heartbeat" default:"30s" placeholder:"TIME" help:"How often a connected client shows that it lives. Silence for 2.5 times as long closes the connection."`
	SignInTimeout time.Duration `name:"sign-in-timeout" default:"10s" placeholder:"TIME" help:"How long a connection may take to sign in."`
	PresenceTTL   time.Duration `name:"presence-ttl" default:"20s" placeholder:"TIME" help:"How long a node that is no longer heard of counts as alive, and its users as online; at most 1h. It is heard of four times as often."`
	DrainTimeout  time.Duration `name:"drain-timeout" default:"15s" placeholder:"TIME" help:"How long stopping may take: connections are told to go elsewhere, requests under way are finished."`
}

// Trace says of which messages gim keeps, in memory, when they were written to connections.
type Trace struct {
	Trace     string        `name:"trace" default:"auto" enum:"auto,off,sampled,all" placeholder:"MODE" help:"Of which messages it is kept when they were written to connections, of: ${enum}. sampled is one of 16; auto is all on the embedded database without Redis, and sampled elsewhere."`
	TraceKeep time.Duration `name:"trace-keep" default:"1h" placeholder:"TIME" help:"How long that is kept, at most: memory for it is bounded, and what is oldest goes first."`
}

// TraceMode is Trace with auto resolved.
func (c *Config) TraceMode() string {
	switch {
	case c.Trace.Trace != "auto":
		return c.Trace.Trace
	case c.MySQLDSN == "" && c.RedisURL == "":
		return "all"
	}
	return "sampled"
}

// Logging says what is logged, on stderr, and how.
type Logging struct {
	LogLevel  string `name:"log-level" default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"Least important level that is logged, of: ${enum}."`
	LogFormat string `name:"log-format" default:"auto" enum:"auto,text,json" placeholder:"FORMAT" help:"Form of the log, of: ${enum}. auto is text on a terminal and json elsewhere."`
}

// Roles are what a process may serve, in Network.Roles.
const (
	RoleREST = "rest"
	RoleWS   = "ws"
	RoleTCP  = "tcp"
)

// Default returns the settings of a gim that was told nothing.
func Default() Config {
	c, _, err := Load(nil, nil)
	if err != nil {
		panic("the defaults are not valid: " + err.Error()) // impossible: a test loads them
	}
	return c
}
