//! `ringfenced`: the daemon on a cluster. It runs the certificate authority, publishes CRLs, rotates certificates
//! on every node, holds projects and members, and provisions the nodes.
//!
//! # Floors
//!
//! Each uses only what is below it, and what it is one of; `tests/tests/policy` checks it.
//!
//! 1. [`base`]: what everything stands on.
//! 2. [`access`]: who calls, and who may call what.
//! 3. The nouns, a folder each: `audit`, `authority`, `cluster`, `master_key`, `node`, `project`, `token`. A noun offers
//!    `routes()` and `tasks()`.
//! 4. `http`, `tasks`, `daemon`, which composes the nouns, `serve`, and the commands.

mod access;
mod audit;
mod authority;
mod base;
mod cluster;
mod master_key;
mod node;
mod project;
mod token;

pub mod command;
pub mod config;
mod daemon;
mod http;
mod logging;
pub mod serve;
mod service_manager;
mod tasks;
