//! The master key, under which every secret in the database is sealed.

#[cfg(feature = "client")]
mod client;
pub mod route;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The versions of the master key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MasterKeyState {
    /// The version that seals.
    pub active: u32,
    /// The versions that the daemon has at hand, the oldest first.
    pub at_hand: Vec<u32>,
    /// Whether every secret is sealed under the version that seals. Then no other is needed any more.
    pub complete: bool,
}
