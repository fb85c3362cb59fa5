# Every target installs the system packages that it needs and are missing; see Scripts/install-packages.
SHELL := /bin/bash
.DEFAULT_GOAL := help

SWIFT ?= swift
# Seeds that the simulator plays in `make test`: half a minute's, as it is not optimised there.
SEEDS ?= 100
# How long `make faults` goes on.
MINUTES ?= 10
# Processor time for each target of `make fuzz`.
SECONDS ?= 60
# The same flags for every debug build, so that testing and checking share their objects.
strict := -Xswiftc -warnings-as-errors
swift_folders := Package.swift Sources Tests Fuzz/Targets

.PHONY: help build run demo demo-federation bench bench-websocket test scenarios faults simulate fuzz short-fuzz \
	conformance check format lint layers clean packages test-packages conformance-packages peers debug-build release-build

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

packages:
	@Scripts/install-packages

test-packages:
	@Scripts/install-packages --tests

conformance-packages:
	@Scripts/install-packages --conformance

peers:
	@Scripts/install-packages --peers
	@$(MAKE) --no-print-directory -C Benchmarks/peers OUT=$(CURDIR)/.build/peers

debug-build: test-packages
	$(SWIFT) build --build-tests $(strict)

release-build: packages
	$(SWIFT) build -c release

build: release-build ## build both programs for use, into .build/release

run: release-build ## run the node that setup.json describes
	.build/release/postroad-node run --setup setup.json

demo: release-build ## two nodes and a bot to talk to; off a terminal a play with failures and files
	Scripts/demo

demo-federation: release-build ## three servers, a live table of links and counters; keys cut and kill
	Scripts/demo-federation

bench: release-build ## measure real nodes: rates, cost, latency, memory; QUICK=1 is shorter, JSON=FILE keeps records
	.build/release/postroad-bench $(if $(QUICK),--quick) $(if $(JSON),--json $(JSON)) $(if $(ONLY),--only $(ONLY))

bench-websocket: release-build peers ## measure the WebSocket layer beside other servers; QUICK=1, JSON=FILE, ONLY=word as for bench
	Benchmarks/websocket $(if $(QUICK),--quick) $(if $(JSON),--json $(JSON)) $(if $(ONLY),--only $(ONLY))
	$(if $(ONLY),,.build/release/postroad-bench --only websocket-code $(if $(QUICK),--quick))

test: debug-build ## all tests: modules, simulator (SEEDS=100), scenarios
	POSTROAD_SEEDS=$(SEEDS) Scripts/run-tests $(SWIFT) test --skip-build $(strict)

scenarios: debug-build ## the scenario tests alone; ONLY=word picks some
	Tests/Scenarios/run $(ONLY)

faults: debug-build ## real nodes under faults, again and again with other seeds: make faults MINUTES=10; ROW="fault 7" plays that row
	Tests/Scenarios/run $(if $(ROW),"$(ROW)",--minutes $(MINUTES))

simulate: test-packages ## the simulator alone, optimised, in slices that can be gone on with: make simulate SEEDS=100000
	$(SWIFT) build -c release --build-tests $(strict)
	Scripts/simulate --seeds $(if $(filter file,$(origin SEEDS)),100000,$(SEEDS)) --first $(or $(SEED),1)

conformance: release-build conformance-packages ## the WebSocket layer against the Autobahn suite; QUICK=1 takes a minute; ONLY=9.1 picks cases
	Scripts/conformance $(if $(QUICK),--quick) $(ONLY)

fuzz: packages ## fuzz the protocol code: make fuzz SECONDS=60 TARGET=frames; without TARGET all of it
	Scripts/fuzz --seconds $(SECONDS) $(if $(TARGET),--target $(TARGET))

# Every input that was hard once, and a few new ones.
short-fuzz: packages
	Scripts/fuzz --check

check: lint layers test short-fuzz ## everything that must hold: format, layers, no warnings, tests, short fuzz

lint:
	$(SWIFT) format lint --strict --recursive --parallel $(swift_folders)

layers: packages
	Scripts/check-layers --self-test
	Scripts/check-layers

format: ## format the Swift sources in place
	$(SWIFT) format --in-place --recursive --parallel $(swift_folders)

clean: ## remove everything that was built
	rm -rf .build
