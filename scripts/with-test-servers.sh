#!/usr/bin/env bash
# Runs a command with one private MariaDB server for all test binaries below it,
# so that each need not start its own:
#
#	scripts/with-test-servers.sh go test ./repo/...
#
# A server that GIM_TEST_MYSQL_DSN names already is used instead.
set -euo pipefail

if [ -n "${GIM_TEST_MYSQL_DSN:-}" ]; then
	exec "$@"
fi
PATH="$PATH:/usr/sbin:/usr/local/sbin"

# The process id in the name lets the tests clear up after a run that was killed.
dir=$(mktemp -d "/tmp/gim-test-$$-shared-XXXXXX")
server=
finish() {
	if [ -n "$server" ]; then
		kill "$server" 2>/dev/null || true
		wait "$server" || true
	fi
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

flags=(--no-defaults --datadir="$dir/data" --innodb-log-file-size=16M)
if [ "$(id -u)" = 0 ]; then
	flags+=(--user=root) # it refuses to run as root unless told
fi
# A server that starts removes temporary tables, also of others that share its TMPDIR.
TMPDIR="$dir" mariadb-install-db "${flags[@]}" --auth-root-authentication-method=normal --skip-test-db >"$dir/install.log" 2>&1 || {
	cat "$dir/install.log" >&2
	exit 1
}

# Where it is possible the server ends with this script even if that is killed.
tied=(env)
if setpriv --pdeathsig KILL true 2>/dev/null; then
	tied=(setpriv --pdeathsig KILL)
fi
"${tied[@]}" mariadbd "${flags[@]}" --socket="$dir/s.sock" --pid-file="$dir/pid" --tmpdir="$dir" --skip-networking \
	--max-connections=1000 --innodb-buffer-pool-size="${INNODB_BUFFER_POOL:-128M}" </dev/null >"$dir/log" 2>&1 &
server=$!

tries=600 # of 0.1 s
until mariadb-admin --no-defaults --socket="$dir/s.sock" --user=root ping >/dev/null 2>&1; do
	if ! kill -0 "$server" 2>/dev/null || [ $((tries -= 1)) = 0 ]; then
		echo "MariaDB did not start:" >&2
		cat "$dir/log" >&2
		exit 1
	fi
	sleep 0.1
done

GIM_TEST_MYSQL_DSN="root@unix($dir/s.sock)/" "$@"
