package arch

const module = "github.com/gim-im/gim"

// root is the package at the top of the module.
const root = "."

// mayImport is the import table: package by package, which of our own it may
// import. Paths are relative to the module. Packages in testOnly have no limit.
var mayImport = map[string][]string{
	// The rules of the service. Everything else is arranged around it.
	"domain": {},

	// Data and small tools that know nothing of the service.
	root:                  {},
	"migrations":          {},
	"web":                 {},
	"handlers/api":        {},
	"internal/config":     {},
	"internal/metrics":    {},
	"internal/nowait":     {},
	"internal/redisconn":  {},
	"internal/strictjson": {},
	"internal/words":      {},

	// Adapters. They meet in the interfaces of domain, never one another.
	"wire":               {"domain", "internal/strictjson"},
	"repo":               {"domain", "migrations", "internal/metrics", "internal/words"},
	"handlers":           {"domain", "handlers/api", root, "internal/metrics", "internal/strictjson"},
	"internal/auth":      {"domain", "internal/metrics"},
	"internal/occupancy": {"domain", "internal/redisconn"},
	"internal/presence":  {"domain", "internal/metrics", "internal/redisconn"},
	"internal/notify":    {"domain", "internal/metrics"},
	"internal/ratelimit": {"domain", "internal/metrics"},
	"internal/trace":     {"domain", "internal/redisconn"},
	"internal/webhook":   {"domain", "internal/metrics"},
	"internal/bus":       {"domain", "wire", "internal/metrics", "internal/redisconn"},

	// The long connection: what all transports share, then the transports.
	"internal/gateway": {"domain", "wire", "internal/metrics", "internal/trace"},
	"realtime":         {"internal/gateway", "wire", "domain", "internal/metrics", "internal/nowait"},
	"tcpgw":            {"internal/gateway", "wire", "domain", "internal/metrics", "internal/nowait"},

	// The Go SDK. It sees what any client could see.
	"client": {"wire"},

	// Who is in a store that is filled for a measurement of growth, and what fills it.
	"internal/population": {},
	"internal/fill":       {"domain", "repo", "internal/population"},

	// The load generator, built on the SDK, and what draws its figures.
	"internal/chart": {},
	"internal/bench": {"client", "wire", "internal/chart", "internal/population"},

	// The terminal client, built on it too.
	"internal/chat":        {"client", "wire"},
	"internal/chat/screen": {"internal/chat", "client", "wire"},
	"internal/chat/script": {"internal/chat", "client", "wire"},

	// The one place that knows them all, and the command around it.
	"internal/app": {
		root, "domain", "migrations", "web", "wire", "repo", "handlers", "handlers/api", "realtime", "tcpgw",
		"internal/auth", "internal/bus", "internal/config", "internal/gateway", "internal/metrics",
		"internal/notify", "internal/occupancy", "internal/presence", "internal/ratelimit", "internal/redisconn", "internal/strictjson",
		"internal/trace", "internal/webhook",
	},
	"cmd/gim": {
		"internal/app", "internal/config", "internal/auth", "internal/bench", "internal/fill", "internal/population",
		"client", "domain",
		"internal/chat", "internal/chat/screen", "internal/chat/script",
	},
}

// testOnly are the packages that exist for tests. Only test files, and packages
// of this list, may import them; they themselves may import anything.
var testOnly = map[string]bool{
	"internal/allocs":                true,
	"internal/arch":                  true,
	"internal/bus/bustest":           true,
	"internal/contracttest":          true,
	"internal/e2e":                   true,
	"internal/e2e/history":           true,
	"internal/gateway/conntest":      true,
	"internal/gimtest":               true,
	"internal/presence/presencetest": true,
	"internal/testserver":            true,
	"repo/storetest":                 true,
}

// testsMayImport is what the test files of every package may import besides
// what the table gives their package, and besides testOnly.
var testsMayImport = []string{"client", "internal/fill"}

// fences are the third-party modules that stay in few packages, so that each
// could be replaced by changing those. Test files and testOnly are free.
var fences = map[string][]string{
	"github.com/jmoiron/sqlx":        {"repo"},
	"github.com/go-sql-driver/mysql": {"repo"},
	"modernc.org/sqlite":             {"repo"},
	"github.com/redis/go-redis":      {"internal/redisconn", "internal/bus", "internal/occupancy", "internal/presence", "internal/ratelimit", "internal/trace"},
	"github.com/go-chi/chi":          {"handlers", "handlers/api", "internal/app"}, // api: the generated routes
	"github.com/coder/websocket":     {"realtime", "client"},
	"golang.org/x/text":              {"internal/words"},
	"github.com/lmittmann/tint":      {"internal/app"},
	"github.com/pires/go-proxyproto": {"tcpgw"},
	"github.com/gdamore/tcell":       {"internal/chat/screen"},
	"github.com/clipperhouse":        {"internal/chat/screen"},
}

// standardLibraryOnly are the packages that import no third-party module at all.
var standardLibraryOnly = map[string]bool{"domain": true}

// vagueNames say nothing about what a package is for.
var vagueNames = map[string]bool{
	"util": true, "utils": true, "common": true, "helper": true, "helpers": true,
	"base": true, "types": true, "models": true,
}

const (
	maxFileLines     = 400 // tests too; generated files are free
	maxFunctionLines = 80  // outside tests: a table of cases is long and still easy
)
