//! The API's own server certificate: issued at every start for a key that never leaves memory, and renewed while
//! serving.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ringfence_api::authority::AuthorityDomain;
use ringfence_api::certificate::{CertificateHolder, CertificateProfile};
use ringfence_api::{Lifetime, NodeName};
use ringfence_pki::{CertificateFacts, PrivateKey, pem_certificates, renew_at};

use crate::Daemon;
use crate::audit::Actor;
use crate::authority::{Identity, issue};
use crate::http::ServerTls;
use crate::task::Task;

/// How long the API's certificate lives.
const LIFETIME: Lifetime = Lifetime::from_secs(86_400);

/// Issues the certificate, and serves with it from the next handshake on.
pub(crate) async fn issue_api_certificate(daemon: &Daemon) -> anyhow::Result<Arc<ServerTls>> {
    let key = PrivateKey::generate()?;
    let node = NodeName::head();
    let dns_name = node.dns_name(&daemon.cluster_name).to_string();
    let host = daemon.endpoint.trim_start_matches("https://").rsplit_once(':').map_or("", |(host, _)| host);
    let addresses: BTreeSet<IpAddr> = host.trim_matches(['[', ']']).parse().into_iter().collect();
    let identity = Identity {
        common_name: dns_name.clone(),
        dns_names: BTreeSet::from([dns_name, "localhost".to_owned()]),
        ip_addresses: addresses,
        node: None,
        ..Identity::default()
    };
    let mut tx = daemon.store.write("issue_api_certificate").await?;
    let issued = issue(
        daemon,
        &mut tx,
        (CertificateProfile::ApiServer, CertificateHolder::Daemon),
        &identity,
        &key.public(),
        LIFETIME,
    )
    .await?;
    let now = daemon.now();
    Actor::daemon("renew_api_certificate")
        .record(&mut tx, "issue_certificate", "api_server", &issued.serial, now)
        .await?;
    tx.commit().await?;

    let chain: Vec<Vec<u8>> = pem_certificates(&issued.chain)?.iter().map(|der| der.to_vec()).collect();
    let facts = CertificateFacts::read(&chain[0])?;
    let renewal = renew_at(facts.not_before, facts.not_after, facts.serial.as_bytes()[15]);
    let issuers = daemon.authorities.seen();
    let fresh = (issuers.active(AuthorityDomain::Services)?.view.id.clone(), facts.not_before, renewal);
    *daemon.authorities.api_fresh.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(fresh);
    if let Some(tls) = daemon.authorities.server_tls.get() {
        tls.replace(chain, &key.to_der())?;
        return Ok(tls.clone());
    }
    let roots: Vec<Vec<u8>> = issuers.roots().map(|root| root.authority.certificate().to_vec()).collect();
    let tls = Arc::new(ServerTls::new(chain, &key.to_der(), &roots)?);
    Ok(daemon.authorities.server_tls.get_or_init(|| tls).clone())
}

/// Renews the API's certificate at two thirds of its life.
pub(crate) struct RenewApiCertificate;

#[async_trait]
impl Task for RenewApiCertificate {
    fn name(&self) -> &'static str {
        "renew_api_certificate"
    }

    fn purpose(&self) -> &'static str {
        "renews the certificate that the API serves with, in time and when its authority has a successor"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn run(&self, daemon: &Arc<Daemon>) -> anyhow::Result<String> {
        let fresh = daemon.authorities.api_fresh.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let now = daemon.now();
        let issuers = daemon.authorities.seen();
        let active = &issuers.active(AuthorityDomain::Services)?.view.id;
        if fresh.is_some_and(|(issuer, from, until)| issuer == *active && from <= now && now < until) {
            return Ok(String::new());
        }
        issue_api_certificate(daemon).await?;
        Ok("renewed".to_owned())
    }
}
