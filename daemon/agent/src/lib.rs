//! The agent that runs on every node and keeps its certificates, CRLs and trust bundle fresh.
//!
//! # Expected flow
//!
//! Join once with a ticket → fetch the whole desired state → [`plan`](plan::plan) against what lies on disk →
//! apply → report; then wait for the next generation or the next renewal, whichever comes first.
//!
//! # Guarantees
//!
//! - Private keys are made on the node and never leave it.
//! - A certificate and its key change together, by the renaming of one symbolic link; a reader sees the old pair
//!   or the new pair. The old pair stays until the new one has been verified as a peer would.
//! - A crash anywhere is repaired by the next round, because each round looks at the disk again.
//!
//! # Caveats
//!
//! While the daemon is away nothing is renewed; files stay as they are. A node whose own certificate has ended
//! waits for a new ticket, which the daemon issues by itself.

mod apply;
mod config;
mod disk;
mod error;
mod join;
pub mod plan;
mod run;
mod service_command;

pub use config::AgentConfig;
pub use disk::{CA_FILE, CERTIFICATE_FILE, CRL_FILE, Disk, HeldSet, KEY_FILE, Observed, TOKEN_FILE};
pub use error::AgentError;
pub use run::{Agent, run};
