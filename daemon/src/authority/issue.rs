//! Issuing, inside the transaction of whoever wants the certificate: sign, lint, record. The caller commits and
//! only then hands it out.

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;
use ringfence_api::authority::AuthorityDomain;
use ringfence_api::certificate::{CertificateHolder, CertificateProfile};
use ringfence_api::node::IssuedCertificate;
use ringfence_api::{JobId, Lifetime, NodeName, ProjectUser, ServiceName};
use ringfence_pki::{Issued, Leaf, Profile, PublicKeyInfo, Serial, Validity, pem_certificate};
use ringfence_store::{NewCertificate, Transaction};

use crate::Daemon;
use crate::authority::Issuers;
use crate::http::Failure;
use crate::serve::crash_point::signed;

/// Whom a certificate is for. Everything in it comes from declared data.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity {
    pub(crate) common_name: String,
    pub(crate) system_user: Option<String>,
    pub(crate) job: Option<JobId>,
    pub(crate) dns_names: BTreeSet<String>,
    pub(crate) ip_addresses: BTreeSet<IpAddr>,
    pub(crate) node: Option<NodeName>,
    pub(crate) service: Option<ServiceName>,
}

/// A certificate that was signed and linted, and is not recorded yet.
#[derive(Debug)]
pub(crate) struct Signed {
    /// What its holder is given, once the record is durable.
    pub(crate) issued: IssuedCertificate,
    issuer: String,
    shard: u32,
    profile: CertificateProfile,
    holder: CertificateHolder,
    identity: Identity,
    der: Vec<u8>,
    not_before: Timestamp,
}

impl Signed {
    /// Whose name it carries.
    pub(crate) fn common_name(&self) -> &str {
        &self.identity.common_name
    }

    /// The row that records it.
    pub(crate) fn row(&self) -> NewCertificate<'_> {
        NewCertificate {
            serial: &self.issued.serial,
            issuer: &self.issuer,
            shard: self.shard,
            profile: self.profile,
            holder: self.holder,
            common_name: &self.identity.common_name,
            node: self.identity.node.as_ref().map(NodeName::as_str),
            service: self.identity.service.as_ref().map(ServiceName::as_str),
            job: self.identity.job.as_ref().map(JobId::as_str),
            der: &self.der,
            not_before: self.not_before,
            not_after: self.issued.not_after,
        }
    }
}

/// Signs and records a certificate. It must not leave before the transaction has committed.
pub(crate) async fn issue(
    daemon: &Daemon,
    tx: &mut Transaction,
    (profile, holder): (CertificateProfile, CertificateHolder),
    identity: &Identity,
    key: &PublicKeyInfo,
    lifetime: Lifetime,
) -> Result<IssuedCertificate, Failure> {
    let issuers = daemon.authorities.fresh(tx, &daemon.master_key).await?;
    let signed = sign(daemon, &issuers, (profile, holder), identity.clone(), key, lifetime)?;
    tx.insert_certificates(&[signed.row()], daemon.now()).await?;
    Ok(signed.issued)
}

/// Signs and lints a certificate, by the authorities as the transaction sees them that will record it.
pub(crate) fn sign(
    daemon: &Daemon,
    issuers: &Issuers,
    (profile, holder): (CertificateProfile, CertificateHolder),
    identity: Identity,
    key: &PublicKeyInfo,
    lifetime: Lifetime,
) -> Result<Signed, Failure> {
    let now = daemon.now();
    let (domain, leaf_profile) = match profile {
        CertificateProfile::ApiServer => (AuthorityDomain::Services, Profile::ApiServer),
        CertificateProfile::Node => (AuthorityDomain::Services, Profile::Node),
        CertificateProfile::Service => (AuthorityDomain::Services, Profile::Service),
        CertificateProfile::ProjectUser => (AuthorityDomain::Projects, Profile::ProjectUser),
        CertificateProfile::Job => (AuthorityDomain::Projects, Profile::Job),
        CertificateProfile::Authority => {
            return Err(Failure::internal(anyhow::anyhow!("authorities are made by their rotation")));
        }
    };
    let issuer = issuers.active(domain)?;
    let serial = Serial::random(daemon.rng());
    let (shard, crl_url) = issuers.crl_of(issuer, &serial);
    let leaf = Leaf {
        profile: leaf_profile,
        common_name: identity.common_name.clone(),
        system_user: identity.system_user.clone(),
        job: identity.job.as_ref().map(ToString::to_string),
        dns_names: identity.dns_names.clone(),
        ip_addresses: identity.ip_addresses.clone(),
        serial,
        validity: Validity::starting(now, lifetime.as_signed()),
        crl_url,
    };
    let Issued { certificate, serial, not_before, not_after } = issuer.authority.issue(&leaf, key)?;
    signed("certificate");
    let chain = format!("{}{}", pem_certificate(&certificate), issuers.chain(issuer, now));
    Ok(Signed {
        issued: IssuedCertificate { serial: serial.to_string(), chain, not_after },
        issuer: issuer.view.id.clone(),
        shard,
        profile,
        holder,
        identity,
        der: certificate,
        not_before,
    })
}

/// The context under which a member's key is sealed.
pub(crate) fn sealed_key_context(identity: &ProjectUser) -> String {
    format!("member/{identity}")
}
