#!/usr/bin/env bash
# Generates everything anew and fails if that changes a file. Which files are
# generated is said in .gitattributes. Works on a tree with changes as well: it
# compares with what is there, committed or not.
set -euo pipefail
cd "$(dirname "$0")/.."

generated() {
	git ls-files --cached --others --exclude-standard |
		git check-attr --stdin linguist-generated |
		sed -n 's/: linguist-generated: set$//p' | sort -u |
		while read -r file; do [ ! -e "$file" ] || echo "$file"; done # a removed file is listed until committed
}

old=$(mktemp -d)
trap 'rm -rf "$old"' EXIT
generated >"$old/.list"
tar -cf - -T "$old/.list" | tar -xf - -C "$old"

make --no-print-directory generate

stale=0
while read -r file; do
	# The version of protoc stands in a comment and depends on the machine.
	diff -u -N -I '^//[[:space:]]*protoc  *v' "$old/$file" "$file" || stale=1
done < <({ cat "$old/.list"; generated; } | sort -u)
if [ "$stale" = 1 ]; then
	echo "Generated code was stale. It is written anew now: please commit it." >&2
	exit 1
fi
