# make run     build what is missing, start a signaller and the producer `door`
# make test    every test, from a fresh clone
# make soak    what takes too long for every test: minutes
# make chaos   calls while signallers die and cables are pulled: minutes, as root; SEED=… repeats a run
# make fuzz    what parsers stumble over: minutes, and a nightly compiler
# make plugins our elements for gst-launch-1.0, into plugins/
# make check   formatting, lints, types, import rules, units
# make install what `make release` built, its units and sample settings, into this system (as root)
# make bench   our signaller and pipelines beside the stock ones, into bench/RESULTS.md

SHELL := /bin/bash
.DEFAULT_GOAL := run

BINARIES := intercom-signaller intercom-producer intercom-consumer intercom-pki
WEB_SOURCES := $(shell git ls-files web-app 2>/dev/null)
NODE := $(CURDIR)/scripts/node.sh

.PHONY: run test soak chaos fuzz check bench plugins web release install setup setup-test as-root

run: setup web release
	@scripts/run.sh

# The same random exchanges every time; `make soak` plays others.
test: export PROPTEST_RNG_SEED ?= 1
test: setup-test web
	cargo test --workspace --no-run
	cargo test --workspace
	cd web-app && $(NODE) npm test
	cd web-app && $(NODE) npm run e2e

soak: setup-test web
	cargo test --workspace --no-run
	cargo test --package intercom-tests -- --ignored --skip chaos --show-output
	cargo test --package intercom-protocol --package signaller-core --package intercom-client --package intercom-signaller

chaos: as-root setup-test web
	cargo test --workspace --no-run
	cargo test --package intercom-tests --test chaos -- --ignored --nocapture

fuzz:
	@scripts/fuzz.sh

check: setup-test web
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo test --workspace --test imports
	scripts/check-units.sh
	cd web-app && $(NODE) npm run check

bench: setup-test web
	bench/run.sh

plugins:
	@scripts/setup.sh run plugins
	@scripts/plugins.sh

release: web
	@cargo build --quiet --release $(BINARIES:%=--package %)

install:
	@scripts/install.sh $(BINARIES)

web: web-app/dist/index.html

web-app/node_modules/.package-lock.json: web-app/package-lock.json
	cd web-app && $(NODE) npm ci --no-audit --no-fund
	@touch $@

web-app/dist/index.html: web-app/node_modules/.package-lock.json $(WEB_SOURCES)
	cd web-app && $(NODE) npm run build
	@touch $@

setup:
	@scripts/setup.sh run

setup-test:
	@scripts/setup.sh run test

as-root:
	@[ "$$(id -u)" = 0 ] || { echo "make: run this as root: it makes network namespaces" >&2; exit 1; }
