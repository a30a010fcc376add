#!/usr/bin/env bash
# Runs all tests there are: Go with the race detector and every backend, then
# the browser. Nothing is skipped; a test that wants to be is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install-test-deps.sh
export GIM_TEST_ALL=1 CGO_ENABLED=1 # the race detector needs cgo

mkdir -p bin
events=bin/test.jsonl
scripts/with-test-servers.sh go tool -modfile=tools.mod gotestsum \
	--format pkgname-and-test-fails --format-hide-empty-pkg --jsonfile "$events" -- \
	-race -timeout 15m ./...

skipped=$(sed -n '/"Action":"skip"/s/.*"Package":"\([^"]*\)","Test":"\([^"]*\)".*/  \1 \2/p' "$events")
if [ -n "$skipped" ]; then
	printf 'These tests were skipped, which a full run does not allow:\n%s\n' "$skipped" >&2
	exit 1
fi

# The race detector adds allocations, so they are counted in a build without it.
echo "Allocations of the hot paths"
git ls-files '*/testdata/allocs.txt' | sed 's|^|./|; s|/testdata/allocs.txt$||' | xargs go test -run '^TestAllocations'
go test -count=1 -run 'Alloc|EncodedOnce' ./internal/gateway ./wire

echo "Browser tests"
cd web
npm ci --no-audit --no-fund --loglevel=error
npm test
