//! Clients that ask over a few connections as fast as answers come.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use futures::future::join_all;
use http::Method;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use ringfence_api::authority::route::{GET_OCSP, READ_CRL};
use ringfence_api::inspect::route::{READ_HEALTH, READ_OPENAPI};
use ringfence_api::login::route::{POST_LOGIN, POST_NONCE};
use ringfence_api::login::{LoginNonce, PutLogin};
use ringfence_tests::head::{OTHER_TOKEN, token};

use crate::hostile::ocsp_request::ocsp_request;
use crate::hostile::site::Site;
use crate::load::Target;

/// How many connections ask.
const CONNECTIONS: usize = 4;
/// The pause before a connection is opened again.
const PAUSE: Duration = Duration::from_millis(10);
/// How many logins are tried with one nonce, which a wrong signature does not use up.
const EACH_NONCE: usize = 100;

/// A connection that is asked on.
type Connection = SendRequest<Full<Bytes>>;

/// Answers good nonces with the signature of another key.
pub(crate) async fn refused_logins(site: &Site) {
    let signature = token(OTHER_TOKEN).key().sign(b"made once: only the daemon shall have work with it");
    let nonces = target(site, Method::POST, vec![POST_NONCE.path(&[])], Bytes::new());
    let attempts = async |connection: &mut Connection| -> Result<()> {
        let (status, nonce) = nonces.send(connection, 0).await?;
        site.count(status);
        let LoginNonce { nonce, .. } = serde_json::from_slice(&nonce)?;
        let put = serde_json::to_vec(&PutLogin { nonce, signature: signature.clone() })?;
        let logins = target(site, Method::POST, vec![POST_LOGIN.path(&[])], put.into());
        ask_each(site, &logins, connection, EACH_NONCE).await
    };
    over_and_over(site, &nonces, attempts).await;
}

/// Reads a list, the document, a certificate's status and the daemon's health.
pub(crate) async fn public_requests(site: &Site, cluster: &Path) -> Result<()> {
    let paths = vec![
        READ_CRL.path(&["services-1", "0"]),
        READ_OPENAPI.path(&[]),
        GET_OCSP.path(&[&ocsp_request(cluster)?]),
        READ_HEALTH.path(&[]),
    ];
    let count = paths.len();
    let public = target(site, Method::GET, paths, Bytes::new());
    let reads = async |connection: &mut Connection| -> Result<()> { ask_each(site, &public, connection, count).await };
    over_and_over(site, &public, reads).await;
    Ok(())
}

fn target(site: &Site, method: Method, paths: Vec<String>, body: Bytes) -> Target {
    let (address, tls) = (site.address, Some(site.tls.clone()));
    Target { address, tls, method, paths, session: None, bodies: vec![body], holds: "" }
}

/// Sends so many requests, one after the other, whatever is answered.
async fn ask_each(site: &Site, target: &Target, connection: &mut Connection, count: usize) -> Result<()> {
    for index in 0..count {
        let (status, _) = target.send(connection, index).await?;
        site.count(status);
    }
    Ok(())
}

/// Does this over each of a few connections, again and again. What is closed is opened again after a pause.
async fn over_and_over(site: &Site, target: &Target, work: impl AsyncFn(&mut Connection) -> Result<()>) {
    site.ready.notify_one();
    let one = async || {
        loop {
            let _ = over_one(site, target, &work).await;
            tokio::time::sleep(PAUSE).await;
        }
    };
    join_all((0..CONNECTIONS).map(|_| one())).await;
}

/// Does this over one connection until it fails.
async fn over_one(site: &Site, target: &Target, work: impl AsyncFn(&mut Connection) -> Result<()>) -> Result<()> {
    let mut connection = target.over(site.connect().await?).await?;
    loop {
        work(&mut connection).await?;
    }
}
