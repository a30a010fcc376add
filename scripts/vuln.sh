#!/usr/bin/env bash
# Runs govulncheck, unless its database is out of reach from here.
set -euo pipefail
cd "$(dirname "$0")/.."

reachable() {
	if command -v curl >/dev/null; then
		curl -fsS --max-time 10 -o /dev/null https://vuln.go.dev/index/db.json
	else
		timeout 10 bash -c ': </dev/tcp/vuln.go.dev/443'
	fi 2>/dev/null
}

if reachable; then
	go tool -modfile=tools.mod govulncheck ./...
else
	echo "govulncheck was left out: its database at vuln.go.dev cannot be reached from here."
fi
