//! The harness: real daemons and agents in directories of their own, and the real `terraform`.
//!
//! Everything that a test starts is found again by its directory and gone when the test is over, also when it
//! fails. Nothing sleeps: [`eventually`] looks until a condition holds or a deadline passes.

pub mod hcl;
pub mod head;
pub mod postgres;
pub mod sandbox;
pub mod setup;
pub mod story;
pub mod terraform;
pub mod wait;

pub use head::Head;
pub use sandbox::Sandbox;
pub use setup::Setup;
pub use terraform::{Outcome, Terraform};
pub use wait::eventually;
