#!/bin/sh
# A workspace with a procedural macro crate: `cargo test` compiles everything that uses the macros a second time, right
# after `cargo build --all-targets` has compiled it, although both use the same settings.
#
# Cargo gives the macro crate two profiles: `dev`, because it is a member that was asked for, and `build-override`,
# because it is a dependency that runs in the compiler. `build --all-targets` links dependents with the first variant,
# `test` with the second. The two profiles differ in debug information alone, so `debug = false` for the macro crate
# makes them one, and `cargo test` compiles nothing.
#
# Seen with cargo 1.95.0 and 1.97.0-nightly. Needs cargo and nothing from a registry.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset CARGO_TARGET_DIR RUSTFLAGS CARGO_BUILD_RUSTFLAGS CARGO_PROFILE_DEV_DEBUG 2>/dev/null || true
cargo --version

mkdir -p words/src counted/src
cat >Cargo.toml <<'TOML'
[workspace]
resolver = "3"
members = ["words", "counted"]
TOML
cat >words/Cargo.toml <<'TOML'
[package]
name = "words"
version = "0.1.0"
edition = "2024"

[lib]
proc-macro = true
TOML
cat >words/src/lib.rs <<'RUST'
use proc_macro::{Literal, TokenStream, TokenTree};

/// How many tokens there are.
#[proc_macro]
pub fn count(tokens: TokenStream) -> TokenStream {
    TokenTree::Literal(Literal::usize_unsuffixed(tokens.into_iter().count())).into()
}
RUST
cat >counted/Cargo.toml <<'TOML'
[package]
name = "counted"
version = "0.1.0"
edition = "2024"

[dependencies]
words = { path = "../words" }
TOML
echo 'pub const THREE: usize = words::count!(one two three);' >counted/src/lib.rs

# How often a crate was compiled by `cargo test` after everything had been built.
compiled_again() {
  rm -rf target
  cargo build --offline --workspace --all-targets >build.log 2>&1
  cargo test --offline --workspace --no-run >test.log 2>&1
  grep -c 'Compiling counted' test.log || true
}

before=$(compiled_again)
echo "without settings for the macro crate: cargo test compiles its dependent $before time(s) more"
printf '\n[profile.dev.package.words]\ndebug = false\n' >>Cargo.toml
after=$(compiled_again)
echo "with debug = false for the macro crate: $after time(s) more"

[ "$before" = 1 ] && [ "$after" = 0 ] || {
  echo "This version of cargo behaves otherwise." >&2
  exit 1
}
