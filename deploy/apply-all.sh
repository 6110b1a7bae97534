#!/bin/sh
# Writes all that a rollout changes in the repository that it is run in into the checkout, for
# tools that make one pull request of each repository. Arguments are flags of etcdmod rollout.
set -eu

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

code=0
etcdmod rollout -by module -o "$tmp/out" "$@" || code=$?
# 1: there are changes; 3: something is not covered; 4: nothing was accepted.
case $code in 0 | 1 | 3 | 4) ;; *) exit "$code" ;; esac

cd "$(git rev-parse --show-toplevel)"
# What brings a vendor directory up to its go.mod goes before what changes that; all others touch
# different files, and go in any order.
for first in yes no; do
	for patch in "$tmp"/out/units/*.patch; do
		[ -e "$patch" ] || continue
		case $(head -n 1 "${patch%.patch}.md") in
		"# Vendor what go.mod asks for in "*) refresh=yes ;;
		*) refresh=no ;;
		esac
		if [ "$refresh" = "$first" ]; then
			git apply "$patch"
		fi
	done
done
