//! The database of `ringfenced`: the only SQL of the project. SQLite by default, PostgreSQL for several daemons; the
//! statements are one text for both.
//!
//! # Guarantees
//!
//! - A [`Transaction`] is all or nothing, and once [`commit`](Transaction::commit) has returned it survives the
//!   loss of power (`synchronous=FULL`).
//! - There is one writer at a time, of all daemons together; those who wait for the disk wait together. Readers see a
//!   consistent state and never wait for the writer.
//! - Foreign keys hold, rows of certificates, token keys, sagas and audit are never deleted.
//!
//! # What is where
//!
//! A file per noun, with its rows and its statements. The names say what they do: `insert_`, `update_`, `delete_`
//! are one statement each, `find_` may find nothing, `list_` is bounded. Operations, which combine them, are the
//! daemon's. The schema is `migrations/`; an applied migration is never changed.

mod announce;
mod audit;
mod certificate;
mod cluster;
mod crl;
mod database;
mod error;
mod issuer;
mod job;
mod lease;
mod member;
mod node;
mod operator;
mod project;
mod rotation;
mod row;
mod saga;
mod saga_log;
mod sealed;
mod session;
mod ticket;
mod token;
mod token_key;
mod transaction;
mod writer;

pub use announce::{Announcer, Heard};
pub use audit::{AuditRow, NewAuditRow};
pub use certificate::{CertificateRow, NewCertificate};
pub use cluster::ClusterRow;
pub use crl::{CrlHead, CrlRow, RevokedRow};
pub use database::Database;
pub use error::StoreError;
pub use issuer::{IssuerRow, IssuingState};
pub use member::MemberKeyRow;
pub use node::NodeRow;
pub use saga::{NewSaga, SagaRow};
pub use saga_log::SagaLog;
pub use sealed::{SealedOf, SealedRow};
pub use session::SessionRow;
pub use ticket::TicketRow;
pub use token::TokenRow;
pub use token_key::TokenKeyRow;
pub use transaction::{Moment, Store, Transaction, Watch};
