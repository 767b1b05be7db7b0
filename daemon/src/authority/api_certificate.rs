//! The API's own server certificate: issued at every start for a key that never leaves memory, and renewed while
//! serving. Our clients know it by [`API_NAME`]; the node's name and the address are for others, such as curl.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ringfence_api::authority::AuthorityDomain;
use ringfence_api::certificate::{CertificateHolder, CertificateProfile};
use ringfence_api::{API_NAME, Lifetime, NodeName};
use ringfence_pki::{CertificateFacts, PrivateKey, pem_certificates, renew_at};

use crate::authority::{Authorities, Identity, Recording, ServerTls};
use crate::base::{Actor, Event, Task};

/// The lifetime of the API's certificate.
const LIFETIME: Lifetime = Lifetime::from_secs(86_400);

/// Issues the certificate. The API serves with it from the next handshake on.
pub(crate) async fn issue_api_certificate(authorities: &Authorities) -> anyhow::Result<Arc<ServerTls>> {
    let base = &authorities.base;
    let key = PrivateKey::generate()?;
    let node = NodeName::head();
    let dns_name = node.dns_name(&base.cluster_name).to_string();
    let host = base.endpoint.trim_start_matches("https://").rsplit_once(':').map_or("", |(host, _)| host);
    let addresses: BTreeSet<IpAddr> = host.trim_matches(['[', ']']).parse().into_iter().collect();
    let identity = Identity {
        common_name: dns_name.clone(),
        dns_names: BTreeSet::from([API_NAME.to_owned(), dns_name, "localhost".to_owned()]),
        ip_addresses: addresses,
        node: None,
        ..Identity::default()
    };
    let profile = (CertificateProfile::ApiServer, CertificateHolder::Daemon);
    let issued = loop {
        let signed = authorities.sign(&authorities.cached(), profile, identity.clone(), &key.public(), LIFETIME)?;
        let mut tx = base.store.write("issue_api_certificate").await?;
        if authorities.record(&mut tx, &[&signed]).await? == Recording::Outdated {
            continue;
        }
        Actor::daemon("renew_api_certificate")
            .record(&mut tx, "issue_certificate", "api_server", &signed.issued.serial, base.now())
            .await?;
        tx.commit().await?;
        break signed.issued;
    };

    let chain: Vec<Vec<u8>> = pem_certificates(&issued.chain)?.iter().map(|der| der.to_vec()).collect();
    let facts = CertificateFacts::read(&chain[0])?;
    let renewal = renew_at(facts.not_before, facts.not_after, facts.serial.as_bytes()[15]);
    let issuers = authorities.cached();
    let fresh = (issuers.active(AuthorityDomain::Services)?.view.id.clone(), facts.not_before, renewal);
    *authorities.api_fresh.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(fresh);
    if let Some(tls) = authorities.server_tls.get() {
        tls.replace(chain, &key.to_der())?;
        return Ok(tls.clone());
    }
    let roots: Vec<Vec<u8>> = issuers.roots().map(|root| root.authority.certificate().to_vec()).collect();
    let tls = Arc::new(ServerTls::new(chain, &key.to_der(), &roots)?);
    Ok(authorities.server_tls.get_or_init(|| tls).clone())
}

/// Renews the API's certificate at two thirds of its lifetime.
pub(crate) struct RenewApiCertificate(pub(super) Arc<Authorities>);

#[async_trait]
impl Task for RenewApiCertificate {
    fn name(&self) -> &'static str {
        "renew_api_certificate"
    }

    fn purpose(&self) -> &'static str {
        "renews the API's server certificate when it is due, and when its authority has a successor"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn woken_by(&self) -> &'static [Event] {
        &[Event::AuthoritiesChanged]
    }

    async fn run(&self) -> anyhow::Result<String> {
        let Self(authorities) = self;
        let fresh = authorities.api_fresh.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let now = authorities.base.now();
        let issuers = authorities.cached();
        let active = &issuers.active(AuthorityDomain::Services)?.view.id;
        if fresh.is_some_and(|(issuer, from, until)| issuer == *active && from <= now && now < until) {
            return Ok(String::new());
        }
        issue_api_certificate(authorities).await?;
        Ok("renewed".to_owned())
    }
}
