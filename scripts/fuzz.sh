#!/usr/bin/env bash
# Looks for bytes that a parser of the wire stumbles over: scripts/fuzz.sh [SECONDS each]
set -euo pipefail
cd "$(dirname "$0")/.."

need() { echo "error: make fuzz needs $1" >&2; exit 2; }
rustup toolchain list 2>/dev/null | grep -q '^nightly' || need "a nightly compiler: rustup toolchain install nightly"
cargo fuzz --version >/dev/null 2>&1 || need "cargo-fuzz: cargo install cargo-fuzz"
command -v c++ >/dev/null || need "a C++ compiler: apt-get install g++"

for target in $(cargo +nightly fuzz list); do
    echo "== $target"
    found=fuzz/found/$target # what is new goes into the first folder
    mkdir -p "$found"
    cargo +nightly fuzz run --target-dir target/fuzz "$target" "$found" "fuzz/corpus/$target" -- \
        -max_total_time="${1:-60}" -timeout=5 -verbosity=0 -print_final_stats=1
done
