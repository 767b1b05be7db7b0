//! The API over real HTTPS against a real daemon: who may call what, what is refused and with which problem, the
//! effects of changes, and what is never revealed.

#![allow(clippy::unwrap_used, reason = "in a test a broken expectation is a failure")]

mod access;
mod audit;
mod authorities;
mod certificates;
pub(crate) mod crl;
mod durability;
mod from_csr;
mod fuzz;
pub(crate) mod https;
mod impersonation;
mod jobs;
mod joining;
mod login;
mod master_key;
mod members;
mod ocsp;
mod operator_key;
mod orphaned_agents;
mod projects;
mod requests;
mod rotation;
mod routes;
mod secrets;
mod service_tokens;
mod tokens;
pub(crate) mod world;
