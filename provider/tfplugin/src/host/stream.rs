//! A connection as it is accepted, of whatever kind.

use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

/// Both directions of a connection.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

/// A connection of whatever kind.
pub(super) type Stream = Pin<Box<dyn Duplex>>;
