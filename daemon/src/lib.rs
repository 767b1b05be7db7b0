//! `ringfenced`: the daemon of a cluster. It runs the certificate authority, publishes CRLs, rotates certificates
//! on every node, holds projects and members, and provisions the nodes.
//!
//! # Floors
//!
//! Each module uses only its own floor and those below it; `tests/tests/policy` checks that.
//!
//! 1. `base`: what the rest builds on.
//! 2. `access`: who calls, and who may call what.
//! 3. The nouns, each in a folder: `audit`, `authority`, `cluster`, `incarnation`, `master_key`, `node`, `project`,
//!    `token`. A noun offers `routes()` and `tasks()`.
//! 4. `http`, `tasks`, `daemon`, which composes the nouns, `serve`, and the commands.

mod access;
mod audit;
mod authority;
mod base;
mod cluster;
mod incarnation;
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
