//! Places: where heads and nodes run, and what makes nodes exist there.
//!
//! A driver turns "this node should be there" into a machine or a process, says what it sees, and takes it away. It
//! decides nothing: which nodes there should be is the daemon's business. Every method may be repeated, and may be cut
//! short by a crash and repeated; that is what the daemon's sagas rely on.
//!
//! Targets: [`local`], where a node is a process of this machine. Clouds stand behind features, because their SDKs take
//! most of a build: `aws`. [`process`] is how a daemon or an agent owns its directory, on whatever target.

#[cfg(feature = "aws")]
pub mod aws;
pub mod file;
pub mod local;
pub mod port;
pub mod process;

mod machine;
mod node_driver;
mod place;

pub use machine::Machine;
pub use node_driver::{DriverError, NodeDriver, NodeLaunch, NodeObserved};
pub use place::Place;
