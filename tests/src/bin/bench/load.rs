//! Load from this process: many connections of HTTP/1.1 that each send one request after the other, over TLS or not, as
//! fast as answers come or at a given pace.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use ringfence_tests::Head;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

/// What is asked, again and again.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// Whom to trust; plain HTTP without.
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    pub(crate) method: http::Method,
    /// One path, or one for each request in turn.
    pub(crate) paths: Vec<String>,
    pub(crate) session: Option<String>,
    /// One of these for each request, in turn.
    pub(crate) bodies: Vec<Bytes>,
    /// What a good answer holds.
    pub(crate) holds: &'static str,
}

/// How long each answer took, and all of them together.
pub(crate) struct Answered {
    pub(crate) latencies: Vec<Duration>,
    pub(crate) elapsed: Duration,
}

impl Answered {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        f64::from(u32::try_from(self.latencies.len()).unwrap_or(u32::MAX)) / self.elapsed.as_secs_f64()
    }

    /// The latency that so many of a hundred answers do not exceed.
    pub(crate) fn percentile(&mut self, percent: usize) -> Duration {
        self.latencies.sort_unstable();
        let last = self.latencies.len().saturating_sub(1);
        let index = (self.latencies.len() * percent / 100).min(last);
        self.latencies.get(index).copied().unwrap_or_default()
    }
}

impl Target {
    /// Asks over so many connections, each as soon as the answer before is there, so many times in all.
    pub(crate) async fn as_fast_as_it_goes(&self, connections: usize, requests: usize) -> Result<Answered> {
        let open = self.connect_all(connections).await?;
        let (next, began) = (AtomicUsize::new(0), Instant::now());
        let workers = open.into_iter().map(async |mut connection| {
            let mut latencies = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= requests {
                    return Ok::<_, anyhow::Error>(latencies);
                }
                let asked = Instant::now();
                self.ask(&mut connection, index).await?;
                latencies.push(asked.elapsed());
            }
        });
        let latencies = futures::future::try_join_all(workers).await?.concat();
        Ok(Answered { latencies, elapsed: began.elapsed() })
    }

    /// Asks so many times a second, whether there are answers or not, for a while. A latency counts from when the
    /// request was due.
    pub(crate) async fn at_a_pace(&self, connections: usize, each_second: u32, requests: usize) -> Result<Answered> {
        let open = self.connect_all(connections).await?;
        let (next, began) = (AtomicUsize::new(0), Instant::now());
        let workers = open.into_iter().map(async |mut connection| {
            let mut latencies = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= requests {
                    return Ok::<_, anyhow::Error>(latencies);
                }
                let due = began + Duration::from_secs(1) * u32::try_from(index)? / each_second;
                tokio::time::sleep_until(due).await;
                self.ask(&mut connection, index).await?;
                latencies.push(due.elapsed());
            }
        });
        let latencies = futures::future::try_join_all(workers).await?.concat();
        Ok(Answered { latencies, elapsed: began.elapsed() })
    }

    async fn connect_all(&self, connections: usize) -> Result<Vec<SendRequest<Full<Bytes>>>> {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(self.connect().await?);
        }
        Ok(open)
    }

    /// Opens one connection.
    pub(crate) async fn connect(&self) -> Result<SendRequest<Full<Bytes>>> {
        self.over(TcpStream::connect(self.address).await?).await
    }

    /// Speaks over a connection that is open already.
    pub(crate) async fn over(&self, stream: TcpStream) -> Result<SendRequest<Full<Bytes>>> {
        stream.set_nodelay(true)?;
        let Some(config) = &self.tls else { return begin(stream).await };
        let name = ServerName::from(self.address.ip());
        begin(TlsConnector::from(config.clone()).connect(name, stream).await?).await
    }

    async fn ask(&self, connection: &mut SendRequest<Full<Bytes>>, index: usize) -> Result<()> {
        let (status, text) = self.send(connection, index).await?;
        let holds = text.windows(self.holds.len().max(1)).any(|part| part == self.holds.as_bytes());
        ensure!(
            status.is_success() && (holds || self.holds.is_empty()),
            "{status}: {}",
            String::from_utf8_lossy(&text)
        );
        Ok(())
    }

    /// Sends the request of this number, and takes whatever is answered.
    pub(crate) async fn send(
        &self,
        connection: &mut SendRequest<Full<Bytes>>,
        index: usize,
    ) -> Result<(http::StatusCode, Bytes)> {
        let body = self.bodies.get(index % self.bodies.len().max(1)).cloned().unwrap_or_default();
        let mut request = http::Request::builder()
            .method(&self.method)
            .uri(&self.paths[index % self.paths.len()])
            .header("host", "127.0.0.1")
            .header("content-type", "application/json");
        if let Some(session) = &self.session {
            request = request.header("authorization", format!("Bearer {session}"));
        }
        connection.ready().await?;
        let answer = connection.send_request(request.body(Full::new(body))?).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }
}

/// Requests of the operator to a daemon, in a session of their own.
pub(crate) async fn of_operator(
    head: &Head,
    method: http::Method,
    paths: Vec<String>,
    bodies: Vec<Bytes>,
) -> Result<Target> {
    Ok(Target {
        address: head.connection().endpoint.trim_start_matches("https://").parse()?,
        tls: Some(trusting(&head.connection().ca_certificate)?),
        method,
        paths,
        session: Some(head.operator().login().await?.session),
        bodies,
        holds: "",
    })
}

async fn begin<S>(stream: S) -> Result<SendRequest<Full<Bytes>>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (send, connection) = handshake(TokioIo::new(stream)).await.context("no HTTP")?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(send)
}

/// A configuration that trusts these certificates, in PEM, and speaks HTTP/1.1.
pub(crate) fn trusting(bundle: &str) -> Result<Arc<rustls::ClientConfig>> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in ringfence_pki::pem_certificates(bundle)? {
        roots.add(certificate)?;
    }
    Ok(Arc::new(rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}
