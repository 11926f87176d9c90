#!/usr/bin/env bash
# Runs a command with a Node that can build the web app: `scripts/node.sh npm ci`.
# That is the system's if it is new enough, else a pinned copy in .cache, put there by the system's npm.
# `--is-system` only tells (by its exit code) whether the system's will do.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
node_version=20.20.2
npm_version=11.6.2

system_is_new_enough() {
    command -v node >/dev/null && command -v npm >/dev/null \
        && [ "$(npm --version | cut -d. -f1)" -ge 11 ] \
        && node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
}

platform() {
    case "$(uname -m)" in
        x86_64) echo x64 ;;
        aarch64) echo arm64 ;;
        *) echo "node: no pinned Node for $(uname -m); install Node 20.19 or newer" >&2; exit 1 ;;
    esac
}

if system_is_new_enough; then
    [ "${1-}" = --is-system ] && exit 0
    exec "$@"
fi
[ "${1-}" = --is-system ] && exit 1

cache="$root/.cache/node-$node_version"
if [ ! -e "$cache/complete" ]; then
    echo "node: fetching Node $node_version into .cache"
    package="node-linux-$(platform)@$node_version"
    rm -rf "$cache"
    mkdir -p "$cache"
    npm install --silent --no-audit --no-fund --prefix "$cache" "$package" "npm@$npm_version" \
        || { echo "node: npm could not fetch $package" >&2; exit 1; }
    touch "$cache/complete"
fi
PATH="$cache/node_modules/.bin:$cache/node_modules/node-linux-$(platform)/bin:$PATH" exec "$@"
