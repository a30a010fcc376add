#!/usr/bin/env bash
# Runs the Go benchmarks and compares them with the figures in docs/bench.txt.
# RECORD=1 makes today's figures the recorded ones. Times depend on the machine;
# allocations do not, and are what to look at.
set -euo pipefail
cd "$(dirname "$0")/.."

recorded=docs/bench.txt
today=bin/bench.txt
mkdir -p bin
go test -run '^$' -bench . -benchmem -count "${COUNT:-6}" ./... | sed -E '/^([?]|ok|PASS)/d' | tee "$today"

if [ -n "${RECORD:-}" ]; then
	mkdir -p docs
	cp "$today" "$recorded"
	echo "Recorded in $recorded."
elif [ -f "$recorded" ]; then
	go tool -modfile=tools.mod benchstat "$recorded" "$today"
else
	echo "There are no recorded figures to compare with. Record these: make bench-go RECORD=1"
fi
