//! The API over HTTPS: the router, who calls, how bodies are read, how errors are answered.

mod caller;
mod drain;
mod extract;
mod failure;
mod health;
mod inspect;
mod listener;
mod openapi;
mod router;
mod tls;
mod whoami;

pub(crate) use caller::{AgentCaller, AnyCaller, OperatorCaller, ProjectCaller, Sessions, Source};
pub(crate) use extract::{After, Body, Creating, Limit, Range, Segment};
pub use failure::Failure;
pub(crate) use listener::listen;
pub use openapi::document;
pub(crate) use router::router;
pub(crate) use tls::ServerTls;
