#!/usr/bin/env bash
# Installs the Debian packages that are missing: `scripts/setup.sh run` or `run test`, the groups of packages.txt.
# Quiet and quick when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."

die() { echo "setup: $1" >&2; exit 1; }

wanted() {
    local group
    for group in "$@"; do
        awk -v group="$group" '$1 == group { print $2 }' scripts/packages.txt
    done
}

missing() {
    local name
    for name in $(wanted "$@"); do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        command -v sudo >/dev/null || die "run this as root, or install sudo"
        sudo "$@"
    fi
}

groups=("$@")
scripts/node.sh --is-system || groups+=(node)

if command -v dpkg-query >/dev/null; then
    packages=$(missing "${groups[@]}")
    if [ -n "$packages" ]; then
        echo "setup: installing" $packages
        as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
        # shellcheck disable=SC2086 # one word a package
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null \
            || die "apt-get could not install: $packages"
    fi
else
    echo "setup: not a Debian system; see scripts/packages.txt for what is needed" >&2
fi

command -v cargo >/dev/null || die "cargo is missing: install Rust 1.92 or newer from https://rustup.rs"
