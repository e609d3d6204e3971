# Everything a developer needs. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
BINARY := $(TARGET_DIR)/release/tickertape
DATA ?= ./tickertape-data
# Real messages for tests and benchmarks, when they lie beside the repository; without them tests say "skipped".
TICKERTAPE_SHARED ?= $(abspath $(CURDIR)/../shared)
export TICKERTAPE_SHARED
# Each figure is measured in a process of its own: memory and files of one would show in the next.
FIGURES ?= end-to-end parents matching attribution coin-swap log postgres parquet
# How many times `make crash-test` drains its input under kills.
N ?= 10
# How many messages `make telegram-test` posts, and how often it kills the producer.
MESSAGES ?= 100000
KILLS ?= 20
# How many orders and delays `make end-to-end` tries.
ORDERS ?= 10
# How many records `make fluvio-bench` writes for each figure.
RECORDS ?= 1000000
# Everything with the features that `make test` compiled it with, so that nothing is compiled twice.
BUILD_ALL := cargo build --release --workspace --bins --tests
INPUT ?= $(or $(wildcard $(TICKERTAPE_SHARED)/data/telegram/sample/1319961055.jsonl.gz),$(firstword $(wildcard examples/sample-export/*.jsonl.gz)))

.PHONY: help run build smartmodule smartmodule-bench test crash-test end-to-end manager-orders manager-sim telegram-test telegram-bench fluvio-test fluvio-bench bench lint fmt \
	wasm-check deny clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Read the sample export: compile, attribute, store, show the summary
	cargo run --release --package tickertape -- run --data $(DATA) examples/sample-export

build: ## Compile the program to target/release/tickertape
	cargo build --release --package tickertape

smartmodule: ## Build the SmartModule for wasm (fetches a compiler where the toolchain has no wasm target)
	smartmodules/build.sh

smartmodule-bench: smartmodule ## Records a second of the SmartModule in the real engine beside native
	cargo run --release --package tickertape-smartmodule-test --bin tickertape-smartmodule-bench

test: smartmodule ## Run every test: Rust, a real Postgres where there is one, four Parquet readers from PyPI
	tests/readers/venv.sh
	cargo test --release --workspace

crash-test: ## Kill `run` and `up` at random instants N times over (N=200), check nothing is lost or doubled
	$(BUILD_ALL)
	$(TARGET_DIR)/release/tickertape-crash-test --runs $(N) --binary $(BINARY) --input $(INPUT)

end-to-end: ## Every stage between a Telegram and a CoinGecko on loopback, to the same end from ORDERS orders and delays
	TICKERTAPE_ORDERS=$(ORDERS) cargo test --release --package tickertape-end-to-end -- --nocapture

manager-orders: ## The manager with a scripted producer, to the same end from fifty orders and delays
	TICKERTAPE_ORDERS=50 cargo test --release --package tickertape-manager --test orders -- --nocapture

manager-sim: ## Thirty days of 10,000 channels and 50 accounts, every decision checked
	cargo run --release --package tickertape-manager --example simulation

telegram-test: ## Kill the producer KILLS times while Telegram goes wrong, check that nothing is lost (MESSAGES=10000, SEED=1)
	$(BUILD_ALL)
	$(TARGET_DIR)/release/tickertape-telegram-storm storm --messages $(MESSAGES) --kills $(KILLS) $(if $(SEED),--seed $(SEED))

telegram-bench: ## From the push on Telegram's socket to the record on the topic, and the producer's memory
	$(BUILD_ALL)
	$(TARGET_DIR)/release/tickertape-telegram-storm bench

fluvio-test: ## Test on a Fluvio cluster: TICKERTAPE_FLUVIO=host:port, and TICKERTAPE_FLUVIO_RUN=fluvio-run for kills
	cargo test --release --package tickertape-broker --test fluvio -- --nocapture
	cargo test --release --package tickertape --test roles -- --nocapture

fluvio-bench: smartmodule ## Print the figures of docs/fluvio.md on a cluster made of TICKERTAPE_FLUVIO_RUN (RECORDS=10000 for a try)
	cargo build --release --package tickertape-bench --package tickertape
	for figure in fluvio-batches fluvio-kills fluvio-throughput fluvio-pipeline fluvio-smartmodule latency; do \
		$(TARGET_DIR)/release/tickertape-bench $$figure --binary $(BINARY) --records $(RECORDS) || exit 1; done

bench: ## Print every figure of docs/benchmarks.md, as ratios taken in the same run (FIGURES=matching for one)
	tests/readers/venv.sh
	cargo build --release --package tickertape-bench --package tickertape
	for figure in $(FIGURES); do $(TARGET_DIR)/release/tickertape-bench $$figure --binary $(BINARY) || exit 1; done

lint: ## Formatting, clippy, and that the pure crates stay pure
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets --quiet -- --deny warnings
	tests/pure-crates.sh

fmt: ## Format the code
	cargo fmt --all

deny: ## Licences, advisories and duplicate versions (needs cargo-deny)
	cargo deny check

clean: ## Remove what `make run` stored
	rm -rf $(DATA)
