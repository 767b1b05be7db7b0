//! Certificate revocation lists as they are published.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A list that was just signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublishedCrl {
    /// Whose list.
    pub issuer: String,
    /// Which shard.
    pub shard: u32,
    /// Its CRLNumber: one more than that of the list before.
    pub number: i64,
    /// How many certificates it lists.
    pub entries: usize,
    /// When it was signed, less some time for peers whose clock is behind.
    pub this_update: Timestamp,
    /// When verifiers stop believing it.
    pub next_update: Timestamp,
}
