//! Whole paths through the real programs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod acceptance;
mod api;
mod commands;
mod faults;
mod interrupts;
mod mishaps;
mod nodes;
mod refusals;
mod story;
mod token;
