# What people do with Foghorn's source; `make help` lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
# rustup's directory is not on the PATH of every shell.
export PATH := $(PATH):$(HOME)/.cargo/bin

# Where `make run` listens and keeps its data.
LISTEN ?= 127.0.0.1:3644
DATA ?= ./data

.PHONY: help run build lint doc test bench engine-long image clean-tests

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Build Foghorn and run it on the local engine, with its data in ./data
	@tests/support/run.sh --http-listen $(LISTEN) --store-path $(DATA)

build: ## Build the release binary, target/release/foghorn
	@tests/support/needs.sh build
	cargo build --release --locked

lint: ## Formatting and clippy, warnings are errors
	@tests/support/needs.sh build lint
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings

doc: ## The crate's documentation, warnings are errors
	@tests/support/needs.sh build
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --document-private-items --locked

test: ## Everything that is tested, on engines of its own (Debian, root)
	@tests/support/test.sh

engine-long: ## The exactness tests in full length, on all three engines
	@FOGHORN_TEST_LONG=1 tests/support/test.sh exactness

bench: build ## Measure, into target/bench.tsv; one figure only: make bench ONLY=name
	@benches/run $(ONLY)
	@echo 'The figures are in target/bench.tsv: name, value, unit, what it is.'

image: ## Build the container image foghorn:dev with the local Docker
	docker build --tag foghorn:dev .
