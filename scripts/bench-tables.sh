#!/usr/bin/env bash
# Measures every workload of gim bench on each store and transport and prints
# tables:
#
#	scripts/bench-tables.sh                                  # about half an hour
#	STORES=sqlite WORKLOADS=group scripts/bench-tables.sh    # a part of it
#
# Each table comes from a freshly started gim on an empty store; all servers are
# private, on this machine, and end with the script. The load average stands
# beside each table: on a machine that does other things too, compare only
# figures of one run.
set -euo pipefail
cd "$(dirname "$0")/.."

STORES=${STORES:-sqlite mariadb} # mariadb is with Redis
TRANSPORTS=${TRANSPORTS:-ws tcp}
WORKLOADS=${WORKLOADS:-single rest group large crowd storm room idle sync} # rest is single chats sent by REST
DURATION=${DURATION:-5s}
IN_FLIGHT=${IN_FLIGHT:-1,10,50,200}
MEMBERS=${MEMBERS:-100,500}
LARGE_MEMBERS=${LARGE_MEMBERS:-2000,5000}
CROWD_MEMBERS=${CROWD_MEMBERS:-100,100000}
STORM_SENDERS=${STORM_SENDERS:-50}
STORM_DURATION=${STORM_DURATION:-10s}
ROOM_MEMBERS=${ROOM_MEMBERS:-100,500,2000}
CONNECTIONS=${CONNECTIONS:-5000}
IDLE_DURATION=${IDLE_DURATION:-30s}
MESSAGES=${MESSAGES:-10000}

if [[ " $STORES " == *" mariadb "* && -z "${GIM_TEST_MYSQL_DSN:-}" ]]; then
	exec scripts/with-test-servers.sh "$0"
fi
PATH="$PATH:/usr/sbin:/usr/local/sbin"
ulimit -n "$(ulimit -Hn)"

mkdir -p bin
go build -o bin/gim ./cmd/gim
dir=$(mktemp -d /tmp/gim-bench-XXXXXX)
gim= redis= status=0
stop() { # PID
	if [ -n "$1" ]; then
		kill "$1" 2>/dev/null || true
		wait "$1" || true
	fi
}
finish() {
	stop "$gim"
	stop "$redis"
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

export GIM_ADMIN_KEY=bench-tables-bench-tables

# field NAME reads an address from the line that says gim is ready.
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$dir/ready"; }

# start_gim STORE starts a gim on an empty store, with an app for the load. It
# sets gim, pids, GIM_URL, GIM_APP_KEY, tcp and admin.
start_gim() {
	local flags=(--data-dir "$dir/data" --rate-limit-sends 0 --rest-addr 127.0.0.1:0 --tcp-addr 127.0.0.1:0 --admin-addr 127.0.0.1:0)
	local others=
	rm -rf "$dir/data" "$dir/ready"
	if [ "$1" = mariadb ]; then
		local socket=${GIM_TEST_MYSQL_DSN#*unix(}
		socket=${socket%%)*}
		mariadb --no-defaults --socket="$socket" --user=root -e 'DROP DATABASE IF EXISTS gim_bench; CREATE DATABASE gim_bench'
		redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --appendonly no >"$dir/redis.log" 2>&1 &
		redis=$!
		flags+=(--mysql-dsn "root@unix($socket)/gim_bench" --redis-url "unix://$dir/redis.sock?db=0")
		others=,$redis,$(cat "$(dirname "$socket")/pid")
	fi
	bin/gim serve "${flags[@]}" >"$dir/ready" 2>"$dir/gim.log" &
	gim=$!
	local tries=300 # of 0.1 s
	until [ -s "$dir/ready" ]; do
		if ! kill -0 "$gim" 2>/dev/null || [ $((tries -= 1)) = 0 ]; then
			echo "gim did not start:" >&2
			cat "$dir/gim.log" >&2
			exit 1
		fi
		sleep 0.1
	done
	pids=$gim$others
	GIM_URL=http://$(field rest) tcp=$(field tcp) admin=http://$(field admin)
	export GIM_URL
	GIM_APP_KEY=$(bin/gim app create bench 2>/dev/null | sed -n 's/^key *//p')
	export GIM_APP_KEY
	curl -sS -o "$dir/patched" -X PATCH "$GIM_URL/v1/apps/bench" -H "Authorization: Bearer $GIM_ADMIN_KEY" \
		-H 'Content-Type: application/json' -d '{"settings":{"max_group_members":5000}}'
}

# measure STORE TRANSPORT WORKLOAD prints one table.
measure() {
	local bench=(bin/gim bench) for_connections=(--tcp-addr)
	start_gim "$1"
	for_connections+=("$tcp")
	case $3 in
	rest) bench+=(single --via rest --receive "$2" --in-flight "$IN_FLIGHT" --duration "$DURATION") ;;
	single) bench+=(single --via "$2" --in-flight "$IN_FLIGHT" --duration "$DURATION") ;;
	group) bench+=(group --via "$2" --members "$MEMBERS" --duration "$DURATION") ;;
	large) bench+=(group --type large --via "$2" --members "$LARGE_MEMBERS" --duration "$DURATION") ;;
	crowd) bench+=(crowd --via "$2" --members "$CROWD_MEMBERS" --duration "$DURATION" --admin-url "$admin") ;;
	storm) bench+=(storm --via "$2" --senders "$STORM_SENDERS" --duration "$STORM_DURATION") ;;
	room) bench+=(room --via "$2" --members "$ROOM_MEMBERS" --duration "$DURATION") ;;
	idle) bench+=(idle --via "$2" --connections "$CONNECTIONS" --duration "$IDLE_DURATION" --admin-url "$admin") ;;
	sync) bench+=(sync --via "$2" --messages "$MESSAGES" --clients 1,10) ;;
	*)
		echo "there is no workload $3" >&2
		exit 1
		;;
	esac
	if [ "$3" = idle ]; then
		pids=$gim # the memory of the database is another matter
	fi
	printf '\n%s over %s on %s, load average %s\n' "$3" "$2" "$1" "$(cut -d' ' -f1-3 /proc/loadavg)"
	timeout 600 "${bench[@]}" "${for_connections[@]}" --pids "$pids" 2>"$dir/progress" || {
		status=1
		grep '^gim:\|^  ' "$dir/progress" || true
	}
	stop "$gim"
	stop "$redis"
	gim= redis=
}

for store in $STORES; do
	for transport in $TRANSPORTS; do
		for workload in $WORKLOADS; do
			measure "$store" "$transport" "$workload"
		done
	done
done
exit $status
