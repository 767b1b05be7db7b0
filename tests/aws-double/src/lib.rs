//! AWS for tests. moto keeps the state; this proxy before it does what moto does not.
//!
//! - **Authorises.** Each call is taken apart into the elementary checks that AWS makes, and each is decided by an evaluator
//!   that is not ours, with the policies that the caller's role has in moto at that moment. A refusal changes nothing.
//! - **Is faulty on purpose.** The n-th call that changes something can be refused, throttled, or done with its answer lost.
//! - **Lags.** A principal can stay unknown to IAM for a while.
//! - **Records.** Every call, with who made it, what came of it and which statements allowed it.
//!
//! Keys of the account's administrator are `ADMINISTRATOR`; those of a role come from `sts:AssumeRole`, whose trust policy
//! and external id are enforced. Signatures are not looked at.

mod answer;
mod checks;
mod decide;
mod fault;
mod moto;
mod query;
mod record;
mod server;

pub use checks::{Check, Value};
pub use decide::{Decision, decide};
pub use fault::{Fault, Faults};
pub use moto::Moto;
pub use record::Call;
pub use server::AwsDouble;

/// The access key of the account's administrator.
pub const ADMINISTRATOR: &str = "AKIAADMINISTRATOR000";
/// The account that moto keeps unless asked for another.
pub const ACCOUNT: &str = "123456789012";
