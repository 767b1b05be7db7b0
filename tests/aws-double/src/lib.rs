//! AWS for tests. moto keeps the state; this proxy before it does what moto does not.
//!
//! - **Authorises.** Each call is taken apart into the elementary checks that AWS makes, and each is decided by an
//!   evaluator that is not ours, with the policies that the caller's role has in moto at that moment. A refusal changes
//!   nothing.
//! - **Is faulty on purpose.** The n-th call that changes something can be refused, throttled, done with its answer
//!   lost, or done with its caller killed.
//! - **Lags.** What is new can be unknown, unlisted or unusable for a number of calls, which stand for time.
//! - **Knows tokens.** A launch that is repeated with its token is the same launch.
//! - **Records.** Every call, with who made it, what came of it and which statements allowed it.
//!
//! Keys of the account's administrator are `ADMINISTRATOR`; those of a role come from `sts:AssumeRole`, whose trust
//! policy and external id are enforced. Signatures are not looked at.

mod answer;
mod balancing;
mod between;
mod caller;
mod checks;
mod decide;
mod fault;
mod inventory;
mod lag;
mod moto;
mod network_balancer;
mod python;
mod query;
mod record;
mod server;
mod token;

pub use checks::{Check, Value};
pub use decide::{Decision, decide};
pub use fault::{Fault, Faults};
pub use lag::Lag;
pub use moto::Moto;
pub use python::Python;
pub use record::Call;
pub use server::AwsDouble;

/// The access key of the account's administrator.
pub const ADMINISTRATOR: &str = "AKIAADMINISTRATOR000";
/// The account that moto keeps unless asked for another.
pub const ACCOUNT: &str = "123456789012";
