//! What hostile clients attack, from which addresses, and what came of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Error, Result};
use ringfence_tests::head::connection_of;
use rustls::pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::load::trusting;

/// The last numbers of the addresses that they come from in turn, 127.0.0.2 to 127.0.0.9. Honest callers are 127.0.0.1.
const SOURCES: [u8; 8] = [2, 3, 4, 5, 6, 7, 8, 9];
/// How long a connection or a handshake may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A daemon, and what the clients of this process have done to it.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    /// The load is what it should be.
    pub(crate) ready: Notify,
    /// How many connections were begun.
    begun: AtomicUsize,
    /// How many are held now.
    open: AtomicUsize,
    /// How many answers there were of each status.
    answers: Mutex<BTreeMap<u16, u64>>,
}

impl Site {
    /// The daemon of the cluster in this directory.
    pub(crate) fn of(cluster: &Path) -> Result<Self> {
        let connection = connection_of(cluster).map_err(Error::msg)?;
        Ok(Self {
            address: connection.endpoint.trim_start_matches("https://").parse()?,
            tls: trusting(&connection.ca_certificate)?,
            ready: Notify::new(),
            begun: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            answers: Mutex::default(),
        })
    }

    /// Connects from the next address.
    pub(crate) async fn connect(&self) -> Result<TcpStream> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let socket = TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, SOURCES[number % SOURCES.len()]], 0).into())?;
        Ok(timeout(PATIENCE, socket.connect(self.address)).await??)
    }

    /// The same with TLS.
    pub(crate) async fn connect_securely(&self) -> Result<TlsStream<TcpStream>> {
        let stream = self.connect().await?;
        let handshake = TlsConnector::from(self.tls.clone()).connect(ServerName::from(self.address.ip()), stream);
        Ok(timeout(PATIENCE, handshake).await??)
    }

    /// Counts a connection as held while this lasts.
    pub(crate) async fn hold(&self, lasting: impl Future<Output = ()>) {
        self.open.fetch_add(1, Ordering::Relaxed);
        lasting.await;
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts an answer.
    pub(crate) fn count(&self, status: http::StatusCode) {
        *self.answers.lock().expect("nobody panicked").entry(status.as_u16()).or_default() += 1;
    }

    /// What those have done that hold connections.
    pub(crate) fn held(&self) -> String {
        let [open, begun] = [&self.open, &self.begun].map(|count| count.load(Ordering::Relaxed));
        format!("{open} held at the end, {begun} begun in all")
    }

    /// What those have done that ask.
    pub(crate) fn answered(&self) -> String {
        let answers = self.answers.lock().expect("nobody panicked");
        let counts: Vec<String> = answers.iter().map(|(status, count)| format!("{count} of {status}")).collect();
        let begun = self.begun.load(Ordering::Relaxed);
        format!("answers: {}; over {begun} connections", counts.join(", "))
    }
}
