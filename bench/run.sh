#!/usr/bin/env bash
# Builds the stock server, the stock plugins and our programs, lets both sides take turns, and writes bench/RESULTS.md.
# Usage: bench/run.sh [signaller|media|part of a row's name]…
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.15.4 # the same as our gst-plugin-webrtc
stock=.cache/stock-$version
built=${CARGO_TARGET_DIR:-target}/release

if [ ! -x "$stock/bin/gst-webrtc-signalling-server" ]; then
    cargo install --quiet --locked --root "$stock" --version "$version" gst-plugin-webrtc-signalling
fi
# Upstream's plugins, unchanged, from the lock file: named together with our programs, so that all is built once.
cargo build --quiet --release -p intercom-bench -p intercom-signaller -p intercom-producer -p intercom-consumer \
    -p gst-plugin-webrtc -p gst-plugin-rtp
mkdir -p "$stock/plugins"
for plugin in libgstrswebrtc.so libgstrsrtp.so; do
    install -m 755 "$built/$plugin" "$stock/plugins/$plugin"
done

ulimit -n "$(ulimit -H -n)" # thousands of idle connections
[ "$(ulimit -n)" -ge 12000 ] || { echo "bench: needs 12000 open files, 'ulimit -H -n' says $(ulimit -n)" >&2; exit 1; }
# What runs as a service here is no business of ours.
export INTERCOM_CONFIG=/dev/null
exec "$built/intercom-bench" "$stock" bench/RESULTS.md "$@"
