//! A provider seen from outside: the committed protocol code, a client that speaks as Terraform does, and Terraform.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]
#![allow(clippy::unnecessary_wraps, reason = "messages hold optional values")]

mod calls;
mod client;
mod debug;
mod ephemeral;
mod generated_code;
mod harness;
mod host_contract;
mod newer_cores;
mod recorded;
mod recording;
mod reflection;
mod sampler;
mod service;
mod terraform;
mod workspace;
