//! The vocabulary of ringfence: what the provider, the daemon and the agents say to each other.
//!
//! Everything here is inert: data and parsing. A value that exists is well formed, because its type can only be
//! made by `parse`; whoever holds a [`ProjectName`] need not check it again. The one thing that acts is the
//! client, the way to speak to a daemon, so that the trust rules stand in one place; it is there with the feature
//! `client`.

pub mod authority;
pub mod certificate;
#[cfg(feature = "client")]
pub mod client;
pub mod clock;
pub mod cluster;
pub mod crl;
mod document;
pub mod incarnation;
pub mod inspect;
pub mod job;
pub mod key_algorithm;
pub mod lifetime;
pub mod login;
pub mod master_key;
pub mod name;
pub mod node;
pub mod operator;
pub mod problem;
pub mod project;
pub mod route;
pub mod service;
pub mod token;
pub mod whoami;

mod word;

#[cfg(feature = "client")]
pub use client::{Client, ClientError, Connection, Credentials};
pub use clock::{Clock, SystemClock};
pub use document::document;
pub use lifetime::Lifetime;
pub use name::{
    API_NAME, Audience, ClusterId, ClusterName, DnsName, GroupName, JobId, NameError, NodeName, ProjectName,
    ProjectUser, ServiceName, SystemUser, UserName,
};
pub use operator::{OperatorKey, OperatorPublicKey, OperatorToken, TokenError};
pub use problem::{Problem, ProblemCode};
