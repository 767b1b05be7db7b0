//! The database of `ringfenced`: the only SQL of the project. SQLite by default, PostgreSQL for several daemons; the
//! statements are one text for both.
//!
//! # Guarantees
//!
//! - A [`Transaction`] is all or nothing, and once [`commit`](Transaction::commit) has returned it survives a power
//!   failure (`synchronous=FULL`).
//! - There is one writer at a time, across all daemons; those that wait for the disk are committed together. Readers
//!   see a consistent state and never wait for the writer.
//! - Foreign keys hold. Rows of certificates, token keys, sagas and the audit log are never deleted.
//!
//! # Where things are
//!
//! A file per noun, with its rows and its statements, which a transaction offers under that noun:
//! `tx.members().find(…)`, `tx.certificates().insert(…)`. A `find` may find nothing, and every `list` is bounded.
//! Operations, which combine statements, are the daemon's. The schema is `migrations/`; an applied migration never
//! changes.

pub mod audit;
pub mod certificate;
pub mod cluster;
pub mod crl;
pub mod issuer;
pub mod job;
pub mod lease;
pub mod member;
pub mod node;
pub mod operator;
pub mod project;
pub mod rotation;
pub mod saga;
pub mod saga_log;
pub mod sealed;
pub mod session;
pub mod ticket;
pub mod token;
pub mod token_key;

mod announce;
mod copy;
mod database;
mod error;
mod row;
mod transaction;
mod writer;

pub use announce::{Announcements, Announcer};
pub use copy::{CopyError, Header};
pub use database::Database;
pub use error::StoreError;
pub use transaction::{Moment, Store, Transaction, Watch};
