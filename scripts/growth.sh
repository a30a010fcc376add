#!/usr/bin/env bash
# Measures how costs grow with a store, on each store, and writes docs/growth.svg and
# the tables of docs/growth.md:
#
#	scripts/growth.sh                                            # more than an hour
#	STORES=sqlite MESSAGES='10000 100000' USERS= scripts/growth.sh   # two minutes
#
# Stores are filled with one size after the other, and for each a gim is freshly
# started. All servers are private, on this machine, and end with the script. What is
# measured is kept in bin/growth; the stores are not: ten million messages take 5 GB.
# FILL and MEASURE are commands that are put in front of the two kinds of work, such
# as nice.
set -euo pipefail
cd "$(dirname "$0")/.."

STORES=${STORES-sqlite mariadb}
MESSAGES=${MESSAGES-10000 100000 1000000 10000000} # stored, of 100,000 users
USERS=${USERS-1000 10000 100000}                   # with 100,000 messages each, on sqlite
DURATION=${DURATION:-4s}
FILL=${FILL:-} MEASURE=${MEASURE:-}
export INNODB_BUFFER_POOL=${INNODB_BUFFER_POOL:-1G}

if [[ " $STORES " == *" mariadb "* && -z "${GIM_TEST_MYSQL_DSN:-}" ]]; then
	exec scripts/with-test-servers.sh "$0"
fi
mkdir -p bin/growth
go build -o bin/gim ./cmd/gim
dir=$(mktemp -d /tmp/gim-growth-XXXXXX)
gim=
stop() {
	if [ -n "$gim" ]; then
		kill "$gim" 2>/dev/null || true
		wait "$gim" || true
	fi
	gim=
}
trap 'stop; rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
export GIM_ADMIN_KEY=growth-growth-growth

# start starts a gim on the store.
start() {
	rm -f "$dir/ready"
	bin/gim serve "${store[@]}" --rate-limit-sends 0 --rest-addr 127.0.0.1:0 --tcp-addr 127.0.0.1:0 --admin-addr 127.0.0.1:0 \
		>"$dir/ready" 2>"$dir/gim.log" &
	gim=$!
	local tries=300 # of 0.1 s
	until [ -s "$dir/ready" ]; do
		if ! kill -0 "$gim" 2>/dev/null || [ $((tries -= 1)) = 0 ]; then
			cat "$dir/gim.log" >&2
			exit 1
		fi
		sleep 0.1
	done
	GIM_URL=http://$(sed -n 's/.*"rest":"\([^"]*\)".*/\1/p' "$dir/ready")
	export GIM_URL
}

# fresh STORE makes an empty store with an app: it sets store, files and others.
fresh() {
	rm -rf "$dir/data"
	store=(--data-dir "$dir/data") files=$dir/data others=
	if [ "$1" = mariadb ]; then
		local socket=${GIM_TEST_MYSQL_DSN#*unix(}
		socket=${socket%%)*}
		mariadb --no-defaults --socket="$socket" --user=root -e 'DROP DATABASE IF EXISTS gim_growth; CREATE DATABASE gim_growth'
		store+=(--mysql-dsn "root@unix($socket)/gim_growth")
		files=$(dirname "$socket")/data/gim_growth others=,$(cat "$(dirname "$socket")/pid")
	fi
	start
	GIM_APP_KEY=$(bin/gim app create growth 2>/dev/null | sed -n 's/^key *//p')
	export GIM_APP_KEY
	stop
}

# measure LABEL FILE USERS MESSAGES fills and measures one size.
measure() {
	$FILL bin/gim bench fill "${store[@]}" --users "$3" --messages "$4"
	start
	$MEASURE bin/gim bench growth --label "$1" --store-files "$files" --pids "$gim$others" --duration "$DURATION" --json >>"$2"
	stop
}

pictures=()
for name in $STORES; do
	label=SQLite
	if [ "$name" = mariadb ]; then
		label=MariaDB
	fi
	out=bin/growth/$name.json
	pictures+=("$out")
	: >"$out"
	fresh "$name"
	for messages in $MESSAGES; do
		measure "$label" "$out" 100000 "$messages"
	done
done
if [ -n "$USERS" ]; then
	out=bin/growth/users.json
	pictures+=("$out")
	: >"$out"
	for users in $USERS; do
		fresh sqlite
		measure SQLite "$out" "$users" 100000
	done
fi
bin/gim bench draw "${pictures[@]}" >docs/growth.svg
bin/gim bench draw --table "${pictures[@]}"
