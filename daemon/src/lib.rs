//! `ringfenced`: the daemon on a cluster. It runs the certificate authority, publishes CRLs, rotates certificates
//! on every node, holds projects and members, and provisions the nodes.
//!
//! A folder per noun: its operations, its routes, its background work. `http` and `task` are the two ways in;
//! [`Daemon`] is what they all share.

pub mod authority;
pub mod cluster;
pub mod command;
pub mod config;
pub mod http;
pub mod login;
pub mod node;
pub mod operator;
pub mod project;
pub mod serve;
pub mod token;

mod audit;
mod changes;
mod checkpoint;
mod daemon;
mod lead;
mod logging;
mod master_key;
mod service_manager;
mod task;
mod together;

pub use daemon::Daemon;
