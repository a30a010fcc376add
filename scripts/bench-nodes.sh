#!/usr/bin/env bash
# Measures what more nodes of gim do and cost, on one MariaDB and one Redis and on
# a Galera cluster of three and a Redis Cluster of six, and prints a line for each:
#
#	scripts/bench-nodes.sh                                       # some five minutes
#	ENGINES=mariadb NODES='1 2' WORKLOADS=single scripts/bench-nodes.sh
#
# galera has all gims use the same node of Galera, galera-spread a different one
# each. CPU is in milliseconds for each message, of the whole run with its warm-up
# and connecting, so that it is a little too high; "bench" is the load itself.
# Commands are those that Redis counted, for each message. All servers are private,
# on this machine, and end with the script.
set -euo pipefail
cd "$(dirname "$0")/.."

ENGINES=${ENGINES:-mariadb galera galera-spread}
NODES=${NODES:-1 2 4}
WORKLOADS=${WORKLOADS:-single group}
TRANSPORT=${TRANSPORT:-tcp}
DURATION=${DURATION:-5s}
IN_FLIGHT=${IN_FLIGHT:-50}
MEMBERS=${MEMBERS:-100}

PATH="$PATH:/usr/sbin:/usr/local/sbin"
ulimit -n "$(ulimit -Hn)"
provider=/usr/lib/galera/libgalera_smm.so

mkdir -p bin
go build -o bin/gim ./cmd/gim
dir=$(mktemp -d /tmp/gim-bench-XXXXXX)
chmod 755 "$dir" # what rsync receives for root it writes as nobody
gims=() databases=() redises=() status=0
stop() { # PID...
	if [ $# != 0 ]; then
		kill "$@" 2>/dev/null || true
		wait "$@" 2>/dev/null || true
	fi
}
finish() {
	stop "${gims[@]}"
	stop "${databases[@]}"
	stop "${redises[@]}"
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

export GIM_ADMIN_KEY=bench-nodes-bench-nodes GIM_SECRET_KEY=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f

wait_for() { # WHAT COMMAND...
	local what=$1 tries=600 # of 0.1 s
	shift
	until "$@" >/dev/null 2>&1; do
		if [ $((tries -= 1)) = 0 ]; then
			echo "$what did not come about; the logs:" >&2
			tail -n 20 "$dir"/*.log "$dir"/*/log >&2 || true
			exit 1
		fi
		sleep 0.1
	done
}
# free_port COUNT prints the first of so many ports in a row that nobody has.
free_port() {
	local port i
	while :; do
		port=$((11000 + RANDOM % 9000))
		for ((i = 0; i < $1; i++)); do
			if (: <"/dev/tcp/127.0.0.1/$((port + i))") 2>/dev/null; then continue 2; fi
		done
		echo "$port"
		return
	done
}
sql() { # NODE STATEMENT
	mariadb --no-defaults --socket="$dir/db$1/s.sock" --user=root --skip-column-names -e "$2"
}
is_ready() { sql "$1" "SHOW STATUS LIKE 'wsrep_ready'" | grep -q ON; }

common=(--no-defaults --innodb-log-file-size=64M)
if [ "$(id -u)" = 0 ]; then
	common+=(--user=root) # it refuses to run as root unless told
fi
TMPDIR="$dir" mariadb-install-db "${common[@]}" --datadir="$dir/empty" --auth-root-authentication-method=normal --skip-test-db >"$dir/install.log" 2>&1

start_mariadb() { # NODE FLAG...
	local node=$1
	shift
	mariadbd "${common[@]}" --datadir="$dir/db$node/data" --socket="$dir/db$node/s.sock" --tmpdir="$dir/db$node" \
		--pid-file="$dir/db$node/pid" --skip-networking --max-connections=1000 --innodb-buffer-pool-size=128M "$@" \
		</dev/null >>"$dir/db$node/log" 2>&1 &
	databases+=($!)
	wait_for "node $node of the database" sql "$node" 'DO 1'
}
start_galera() { # NODE FLAG...
	local node=$1
	shift
	start_mariadb "$node" --binlog-format=ROW --innodb-autoinc-lock-mode=2 --wsrep-on=ON --wsrep-provider="$provider" \
		--wsrep-cluster-name=gim --wsrep-cluster-address="$group" --wsrep-node-address=127.0.0.1 \
		--wsrep-sst-method=rsync --wsrep-sst-receive-address="127.0.0.1:$((ports[node] + 2))" \
		--wsrep-provider-options="base_host=127.0.0.1;base_port=${ports[node]};gmcast.listen_addr=tcp://127.0.0.1:${ports[node]};ist.recv_addr=127.0.0.1:$((ports[node] + 1))" "$@"
	wait_for "node $node of Galera" is_ready "$node"
}

# start_engine NAME starts the database and Redis. It sets nodes_db and redis_url.
start_engine() {
	local node port all=
	rm -rf "$dir"/db* "$dir"/redis*
	mkdir "$dir/db0"
	cp -r "$dir/empty" "$dir/db0/data"
	if [ "$1" = mariadb ]; then
		nodes_db=1
		start_mariadb 0
		redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --appendonly no >"$dir/redis.log" 2>&1 &
		redises=($!)
		redis_at=(-s)
		redis_addresses=("$dir/redis.sock")
		redis_url="unix://$dir/redis.sock?db=0"
		return
	fi
	nodes_db=3
	for node in 0 1 2; do
		ports[node]=$(free_port 3)
	done
	group="gcomm://127.0.0.1:${ports[0]},127.0.0.1:${ports[1]},127.0.0.1:${ports[2]}"
	# The history begins on the first node; the others begin with its files, so that
	# nothing has to be copied between running servers.
	start_galera 0 --wsrep-new-cluster
	sql 0 'CREATE DATABASE gim'
	stop "${databases[@]}"
	databases=()
	rm -f "$dir/db0/data/galera.cache"
	for node in 1 2; do
		mkdir "$dir/db$node"
		cp -r "$dir/db0/data" "$dir/db$node/data"
	done
	if [ "$(id -u)" = 0 ]; then
		chmod 777 "$dir"/db*/data
	fi
	start_galera 0 --wsrep-new-cluster
	start_galera 1
	start_galera 2
	redis_at=(-p) redis_addresses=()
	for node in 0 1 2 3 4 5; do
		port=$(free_port 1)
		mkdir "$dir/redis$node"
		redis-server --port "$port" --bind 127.0.0.1 --cluster-enabled yes --dir "$dir/redis$node" --save '' --appendonly no \
			>"$dir/redis$node/log" 2>&1 &
		redises+=($!)
		redis_addresses+=("$port")
		all+=" 127.0.0.1:$port"
		wait_for "a server of the Redis Cluster" redis-cli -p "$port" ping
	done
	# shellcheck disable=SC2086 # addresses are words
	redis-cli --cluster create $all --cluster-replicas 1 --cluster-yes >"$dir/cluster.log"
	wait_for "the Redis Cluster" sh -c "redis-cli -p $port cluster info | grep -q cluster_state:ok"
	redis_url="redis://127.0.0.1:${redis_addresses[0]}?addr=127.0.0.1:${redis_addresses[1]}&addr=127.0.0.1:${redis_addresses[2]}"
}

# dsn ENGINE GIM prints where the i-th gim has its database.
dsn() {
	local i first=0 all=
	if [ "$1" = galera-spread ]; then
		first=$2
	fi
	for ((i = 0; i < nodes_db; i++)); do
		all+=",$dir/db$(((first + i) % nodes_db))/s.sock"
	done
	echo "root@unix(${all#,})/gim"
}

field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$2"; }

# start_gims ENGINE COUNT starts gims on an empty database, with an app.
start_gims() {
	local i
	sql 0 'DROP DATABASE IF EXISTS gim; CREATE DATABASE gim'
	gims=() urls= tcps= admins=()
	for ((i = 0; i < $2; i++)); do
		rm -rf "$dir/gim$i"
		mkdir "$dir/gim$i"
		bin/gim serve --data-dir "$dir/gim$i/data" --rate-limit-sends 0 --rest-addr 127.0.0.1:0 --tcp-addr 127.0.0.1:0 \
			--admin-addr 127.0.0.1:0 --mysql-dsn "$(dsn "$1" "$i")" --redis-url "$redis_url" >"$dir/gim$i/ready" 2>"$dir/gim$i/log" &
		gims+=($!)
		wait_for "gim" test -s "$dir/gim$i/ready"
		urls+=",http://$(field rest "$dir/gim$i/ready")"
		tcps+=",$(field tcp "$dir/gim$i/ready")"
		admins+=("http://$(field admin "$dir/gim$i/ready")")
	done
	urls=${urls#,} tcps=${tcps#,}
	GIM_APP_KEY=$(GIM_URL=${urls%%,*} bin/gim app create bench 2>/dev/null | sed -n 's/^key *//p')
	export GIM_APP_KEY
}

# Figures of the moment.
ticks() { # PID... prints hundredths of a second of CPU time
	local pid sum=0 stat
	for pid in "$@"; do
		read -r stat <"/proc/$pid/stat"
		# shellcheck disable=SC2086 # fields are words
		set -- ${stat##*) }
		sum=$((sum + ${12} + ${13}))
	done
	echo "$sum"
}
counted() { # NAME, over all gims
	local admin
	for admin in "${admins[@]}"; do curl -sS "$admin/metrics"; done | awk -v name="$1" '$1 == name { n += $2 } END { print n + 0 }'
}
commands() { # PATTERN, over all servers of Redis
	local address
	for address in "${redis_addresses[@]}"; do redis-cli "${redis_at[@]}" "$address" info commandstats; done |
		sed -nE "s/^cmdstat_($1):calls=([0-9]+),.*/\2/p" | awk '{ n += $1 } END { print n + 0 }'
}
snapshot() {
	echo "$(counted gim_messages_total) $(counted gim_commit_retries_total) $(ticks "${gims[@]}") $(ticks "${databases[@]}") $(ticks "${redises[@]}") $(commands 's?publish') $(commands '[a-z|-]+')"
}

measure() { # ENGINE COUNT WORKLOAD
	local bench=(bin/gim bench "$3" --url "$urls" --tcp-addr "$tcps" --via "$TRANSPORT" --duration "$DURATION" --json) before after used
	case $3 in
	single) bench+=(--in-flight "$IN_FLIGHT") ;;
	group) bench+=(--members "$MEMBERS") ;;
	*)
		echo "there is no workload $3" >&2
		exit 1
		;;
	esac
	before=$(snapshot)
	TIMEFORMAT='%U %S'
	used=$( { time timeout 120 "${bench[@]}" >"$dir/result" 2>"$dir/progress"; } 2>&1) || {
		status=1
		grep '^gim:\|^  ' "$dir/progress" >&2 || true
	}
	after=$(snapshot)
	awk -v engine="$1" -v count="$2" -v workload="$3" -v before="$before" -v after="$after" -v used="$used" '
		/"messages_per_second"/ { rate = $2 + 0 }
		/"latency"/ { part = "latency" }
		/"ack"/ { part = "ack" }
		/"p50_ms"/ { p50[part] = $2 + 0 }
		/"p99_ms"/ { p99[part] = $2 + 0 }
		/"(lost|doubled|out_of_order)"/ { bad += $2 }
		END {
			split(before, b); split(after, a); split(used, u)
			n = a[1] - b[1]
			if (n == 0) n = 1
			printf "%-14s %-7s %5d %10.0f %8.1f %8.1f %9.2f %9.2f %9.2f %9.2f %10.2f %10.2f %8d %4d\n", engine, workload, count, rate,
				p50["latency"], p99["latency"], (a[3] - b[3]) * 10 / n, (a[4] - b[4]) * 10 / n, (a[5] - b[5]) * 10 / n,
				(u[1] + u[2]) * 1000 / n, (a[6] - b[6]) / n, (a[7] - b[7]) / n, a[2] - b[2], bad
		}' "$dir/result"
}

printf 'load average %s\n' "$(cut -d' ' -f1-3 /proc/loadavg)"
printf '%-14s %-7s %5s %10s %8s %8s %9s %9s %9s %9s %10s %10s %8s %4s\n' \
	engine load nodes messages/s p50 p99 'CPU gim' database Redis bench publishes commands reruns bad
for engine in $ENGINES; do
	start_engine "$engine"
	for count in $NODES; do
		for workload in $WORKLOADS; do
			start_gims "$engine" "$count"
			measure "$engine" "$count" "$workload"
			stop "${gims[@]}"
			gims=()
		done
	done
	stop "${databases[@]}"
	stop "${redises[@]}"
	databases=() redises=()
done
exit $status
