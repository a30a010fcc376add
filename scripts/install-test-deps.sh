#!/usr/bin/env bash
# Installs the programs that the tests and the code generation need, and only
# those that are missing. It starts no service: the tests run servers of their own.
set -euo pipefail

PATH="$PATH:/usr/sbin:/usr/local/sbin"

missing=()
while read -r program packages; do
	# shellcheck disable=SC2206 # several packages in one line are several words
	command -v "$program" >/dev/null || missing+=($packages)
done <<'END'
gcc gcc libc6-dev
protoc protobuf-compiler
mariadbd mariadb-server
mariadb-install-db mariadb-server
redis-server redis-server
tmux tmux
chromium chromium
node nodejs
npm npm
END

if [ "${#missing[@]}" = 0 ]; then
	exit 0
fi
if ! command -v apt-get >/dev/null; then
	echo "Missing here: ${missing[*]} (names of Debian packages). This is not a Debian system: please install them with its own package manager." >&2
	exit 1
fi
as_root=()
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || {
		echo "Missing here: ${missing[*]}. Installing them needs root: run \`make deps\` as root." >&2
		exit 1
	}
	as_root=(sudo)
fi
root() { "${as_root[@]+"${as_root[@]}"}" "$@"; }
apt() { root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null; }

# Debian starts the service of a package it installs, unless this file says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'root rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' | root tee "$policy" >/dev/null
	root chmod 755 "$policy"
fi

echo "Installing ${missing[*]} ..."
apt update
apt install -y --no-install-recommends "${missing[@]}" >/dev/null

# Nor should what came in for tests start with the machine.
if [ -d /run/systemd/system ]; then
	for service in mariadb redis-server; do
		if [[ " ${missing[*]} " == *" $service"* ]]; then
			root systemctl disable --now "$service" || true # the tests work all the same
		fi
	done
fi
