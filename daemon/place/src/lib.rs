//! Places: where heads and nodes run, and what makes nodes exist there.
//!
//! A driver creates, observes and removes the machine or process of a node. It decides nothing: the daemon decides
//! which nodes there should be. Every method may be repeated, also after a crash inside it; the daemon's sagas rely on
//! that.
//!
//! Targets: [`local`], where a node is a process of this machine. Clouds stand behind features, because their SDKs take
//! most of a build: `aws`. [`process`] is how a daemon or an agent owns its directory, on whatever target;
//! [`private_file`] and [`safe_directory`] refuse what others may read or change.

#[cfg(feature = "aws")]
pub mod aws;
pub mod file;
pub mod local;
pub mod port;
pub mod private_file;
pub mod process;
pub mod safe_directory;

mod account;
mod machine;
mod node_driver;
mod place;

pub use machine::Machine;
pub use node_driver::{DriverError, NodeDriver, NodeLaunch, NodeObserved};
pub use place::Place;
