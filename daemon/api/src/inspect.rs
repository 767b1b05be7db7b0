//! What an operator can look at: sagas, tasks, audit rows, health.

#[cfg(feature = "client")]
mod client;
pub mod route;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::name::ClusterId;

/// The daemon is up and its database answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// The cluster served here.
    pub cluster_id: ClusterId,
    /// The daemon's version.
    pub version: String,
}

/// A multi-step operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Saga {
    /// Its identity.
    pub id: String,
    /// Which operation.
    pub kind: String,
    /// What it works on.
    pub subject: String,
    /// `running`, `done`, `undone` or `stuck`.
    pub state: String,
    /// The last event in its log, such as `start_agent: started`.
    pub last_event: Option<String>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// A background task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// How often it looks at the least, in seconds.
    pub period_seconds: u64,
    /// How often it has run since the daemon started.
    pub runs: u64,
    /// When it last ran.
    pub last_run_at: Option<Timestamp>,
    /// What its last run did, in words.
    pub last_status: Option<String>,
    /// Its last error, until a run succeeds.
    pub last_error: Option<String>,
}

/// One row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Counts from 1 without gaps.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// Who: `operator`, a node, a project user, or the daemon's own task.
    pub actor: String,
    /// From where: the peer's address, or `daemon`.
    pub source: String,
    /// What was done, such as `put_member`.
    pub action: String,
    /// To what, such as `fraud__alice`.
    pub object: String,
    /// How it ended, with particulars that are no secret.
    pub outcome: String,
    /// SHA-256 over the row and the hash before it, in hexadecimal.
    pub hash: String,
}

/// A signed word on how the audit log stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditCheckpoint {
    /// The row that was the last.
    pub sequence: i64,
    /// When it was signed.
    pub at: Timestamp,
    /// The hash of the row.
    pub hash: String,
    /// The key that signed.
    pub kid: String,
    /// The JWS in compact form (RFC 7515). Its claims are `iss`, `iat`, `sequence` and `hash`.
    pub signature: String,
}

impl AuditEntry {
    /// What stands for the hash before the first row.
    pub const GENESIS: &'static str = "ringfence audit v1";

    /// The hash that this row has when it follows one with the hash `previous`: SHA-256 over that and over every other
    /// field, each preceded by its length (eight bytes, big endian) so that no two rows read alike. Numbers are
    /// decimal, and the time is in milliseconds since 1970.
    pub fn hash_after(&self, previous: &str) -> String {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        let (sequence, at) = (self.sequence.to_string(), self.at.as_millisecond().to_string());
        for field in [previous, &sequence, &at, &self.actor, &self.source, &self.action, &self.object, &self.outcome] {
            context.update(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(field.as_bytes());
        }
        hex::encode(context.finish())
    }
}
