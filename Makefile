# Everything a person or CI runs. `make demo` and `make test` do all their own set-up beyond the prerequisites:
# Rust (see rust-version in Cargo.toml), a C compiler for the cryptography, and Terraform 1.8 or newer.

CARGO     ?= cargo
TERRAFORM ?= terraform
PREFIX    ?= $(HOME)/.local
export TERRAFORM
# Most of what a test does is to wait for processes, so more of them run at once than there are processors.
RUST_TEST_THREADS ?= $(shell expr 3 \* $$(nproc))
export RUST_TEST_THREADS
# The local target needs no cloud SDK, and those are most of a build.
LOCAL     := -p ringfenced -p terraform-provider-ringfence --no-default-features

.PHONY: help build demo test sweep lint bench install docs prerequisites

help: ## Say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

build: prerequisites ## Build the provider and the daemon
	$(CARGO) build --workspace --bins

demo: prerequisites ## Build a cluster on this machine and show what it does (KEEP=1 leaves it up)
	$(CARGO) build $(LOCAL)
	$(CARGO) run -q -p ringfence-tests --bin demo

# Programs and tests are built by one command: cargo would choose other features for the programs alone, and build them
# and most of their dependencies twice.
test: prerequisites ## Run all tests; as root on Debian it installs what they start, such as nginx
	tests/set-up.sh
	$(CARGO) build --workspace --all-targets
	$(CARGO) test --workspace

# How many histories `make sweep` simulates.
SEEDS ?= 10000
SWEEP := $(CARGO) test --release -p ringfenced --no-default-features --lib -- --include-ignored --nocapture

# `make test` leaves these out, or runs them with few histories and in small bounds.
sweep: prerequisites ## Run what is too long for CI: SEEDS=10000 simulated histories, and all states of the protocol
	SEEDS=$(SEEDS) $(SWEEP) ten_thousand_histories_with_jumps_restores_and_pauses
	BOUNDS=large $(SWEEP) the_protocol_holds_in_every_state

lint: ## Check formatting, lints and documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items

# The programs of an earlier commit: git worktree add ../earlier COMMIT, and there
# cargo build --release -p ringfenced -p terraform-provider-ringfence --no-default-features;
# then make bench BEFORE=../earlier/target/release
bench: prerequisites ## Measure in release builds; ONLY="start issue" chooses, BEFORE=DIR compares with another build
	tests/set-up.sh bench
	$(CARGO) build --release $(LOCAL)
	$(CARGO) build --release -p ringfence-tests --bins
	$(CARGO) run -q --release -p ringfence-tests --bin bench -- $(if $(BEFORE),--before $(BEFORE)) $(ONLY)

install: prerequisites ## Install release builds of the provider and the daemon into PREFIX (default ~/.local)
	$(CARGO) build --release -p ringfenced -p terraform-provider-ringfence
	install -d $(DESTDIR)$(PREFIX)/bin
	install target/release/ringfenced target/release/terraform-provider-ringfence $(DESTDIR)$(PREFIX)/bin
	@echo
	@echo "Installed into $(PREFIX)/bin. For Terraform to find the provider there, put this into ~/.terraformrc:"
	@echo
	@echo '  provider_installation {'
	@echo '    dev_overrides { "ringfence/ringfence" = "$(PREFIX)/bin" }'
	@echo '    direct {}'
	@echo '  }'

docs: ## Write the generated documents anew
	$(CARGO) run -q -p ringfenced --no-default-features -- api-document > docs/openapi.json
	UPDATE=1 $(CARGO) test -q -p terraform-provider-ringfence the_committed_pages_are_what_the_schema_says

prerequisites:
	@command -v $(CARGO) >/dev/null || { echo "Rust is missing: install it with rustup, see the README."; exit 1; }
	@command -v cc >/dev/null || { echo "A C compiler is missing: install gcc or clang (Debian: gcc)."; exit 1; }
	@command -v $(TERRAFORM) >/dev/null || { echo "Terraform 1.8 or newer is missing from the PATH."; exit 1; }
