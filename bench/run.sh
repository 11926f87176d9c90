#!/usr/bin/env bash
# Installs the stock server into a scratch folder, builds ours, and lets both take turns. Writes bench/RESULTS.md.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.15.4 # the same as our gst-plugin-webrtc
scratch=.cache/stock-$version
if [ ! -x "$scratch/bin/gst-webrtc-signalling-server" ]; then
    cargo install --quiet --locked --root "$scratch" --version "$version" gst-plugin-webrtc-signalling
fi
cargo build --quiet --release --package intercom-signaller --package intercom-bench
ulimit -n "$(ulimit -H -n)" # thousands of idle connections
[ "$(ulimit -n)" -ge 12000 ] || { echo "bench: needs 12000 open files, 'ulimit -H -n' says $(ulimit -n)" >&2; exit 1; }
exec target/release/intercom-bench "$scratch/bin/gst-webrtc-signalling-server" target/release/intercom-signaller bench/RESULTS.md
