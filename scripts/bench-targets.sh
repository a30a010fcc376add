#!/usr/bin/env bash
# Compares tables of scripts/bench-tables.sh with the targets in docs/targets.tsv and
# prints one row for each target that was measured:
#
#	scripts/bench-targets.sh                        # measures the short form first, about five minutes
#	scripts/bench-tables.sh | scripts/bench-targets.sh -
#
# The ratio is above 1 where a target is passed, also where less is better.
set -euo pipefail
cd "$(dirname "$0")/.."

compare() {
	awk -v targets=docs/targets.tsv '
	BEGIN {
		while ((getline line < targets) > 0)
			if (line !~ /^#/ && split(line, f, "\t") == 6) {
				n++
				for (i = 1; i <= 6; i++) target[n, i] = f[i]
			}
		print "| workload | store | over | row | figure | target | measured | ratio |"
		print "|---|---|---|---|---|---|---|---|"
	}
	# fields splits a line of a table at two spaces and more.
	function fields(line, into) {
		gsub(/^ +| +$/, "", line)
		return split(line, into, /  +/)
	}
	function matches(row,   parts, i, kv, m) {
		if (row == "-") return 1
		m = split(row, parts, /, /)
		for (i = 1; i <= m; i++) {
			split(parts[i], kv, "=")
			if (value[kv[1]] != kv[2]) return 0
		}
		return 1
	}
	/^[a-z]+ over (ws|tcp) on [a-z]+, load average/ {
		workload = $1; over = $3; store = $5; sub(/,$/, "", store); header = 1; next
	}
	/^$/ { workload = ""; next }
	workload == "" { next }
	header { columns = fields($0, column); header = 0; next }
	{
		if (fields($0, cell) != columns) next
		for (i = 1; i <= columns; i++) {
			gsub(/,/, "", cell[i])
			value[column[i]] = cell[i]
		}
		if (value["lost"] + value["doubled"] + value["out of order"] > 0) bad = bad "\n" workload " over " over " on " store ": " $0
		for (t = 1; t <= n; t++) {
			if (target[t, 1] != workload || target[t, 2] != "*" && target[t, 2] != store || !matches(target[t, 3])) continue
			measured = value[target[t, 4]]
			if (measured + 0 <= 0) continue
			ratio = target[t, 6] == "more" ? measured / target[t, 5] : target[t, 5] / measured
			printf "| %s | %s | %s | %s | %s | %s | %s | %.2f |\n", workload, store, over, target[t, 3], target[t, 4], target[t, 5], measured, ratio
			rows++
			passed += ratio >= 1
		}
	}
	END {
		printf "\n%d of %d targets passed.\n", passed, rows
		if (bad != "") print "Lost, doubled or out of order:" bad
		exit rows == 0 || bad != ""
	}'
}

if [ "${1:-}" = - ]; then
	compare
else
	DURATION=${DURATION:-2s} STORM_DURATION=${STORM_DURATION:-3s} IDLE_DURATION=${IDLE_DURATION:-15s} TRANSPORTS=${TRANSPORTS:-ws} \
		WORKLOADS=${WORKLOADS:-single rest group large storm sync idle} scripts/bench-tables.sh | tee /dev/stderr | compare
fi
