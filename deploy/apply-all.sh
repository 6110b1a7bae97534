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
for patch in "$tmp"/out/units/*.patch; do
	if [ -e "$patch" ]; then
		git apply "$patch"
	fi
done
