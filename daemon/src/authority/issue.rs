//! Signs certificates and records them. A certificate is signed on the caller's thread, by the cached authorities.
//! Recording it checks that these are still current, and only a recorded certificate is returned.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use ringfence_api::certificate::{CertificateHolder, CertificateProfile};
use ringfence_api::node::IssuedCertificate;
use ringfence_api::{JobId, Lifetime, NodeName, ServiceName};
use ringfence_pki::{Issued, Leaf, Profile, PublicKeyInfo, Serial, Validity, pem_certificate};
use ringfence_store::Transaction;
use ringfence_store::certificate::NewCertificate;

use crate::authority::{Authorities, Issuers};
use crate::base::Failure;
use crate::base::crash_point::signed;

/// The names and attributes in a certificate. All come from declared data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) common_name: String,
    pub(crate) system_user: Option<String>,
    pub(crate) job: Option<JobId>,
    pub(crate) dns_names: BTreeSet<String>,
    pub(crate) ip_addresses: BTreeSet<IpAddr>,
    pub(crate) node: Option<NodeName>,
    pub(crate) service: Option<ServiceName>,
}

/// A certificate that is signed and linted, but not recorded yet.
#[derive(Debug)]
pub(crate) struct Signed {
    /// What its holder gets once the record is durable.
    pub(crate) issued: IssuedCertificate,
    /// The names and attributes in it.
    pub(crate) identity: Identity,
    /// The authorities and settings that it was signed with.
    pub(crate) by: Arc<Issuers>,
    issuer: String,
    shard: u32,
    profile: CertificateProfile,
    holder: CertificateHolder,
    der: Vec<u8>,
    not_before: Timestamp,
    /// When it was signed.
    pub(crate) at: Timestamp,
}

/// The outcome of recording certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a certificate that is not recorded may not be returned"]
pub(crate) enum Recording {
    /// All are recorded.
    Done,
    /// Nothing is recorded: the authorities or settings that one was signed with are outdated, and it must be signed
    /// again.
    Outdated,
}

impl Signed {
    /// The row that records it.
    fn row(&self) -> NewCertificate<'_> {
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

impl Authorities {
    /// Signs and lints a certificate. It must be recorded before it is returned to anybody.
    pub(crate) fn sign(
        &self,
        by: &Arc<Issuers>,
        (profile, holder): (CertificateProfile, CertificateHolder),
        identity: Identity,
        key: &PublicKeyInfo,
        lifetime: Lifetime,
    ) -> Result<Signed, Failure> {
        let now = self.base.now();
        let leaf_profile = Profile::try_from(profile).map_err(Failure::internal)?;
        let issuer = by.active(leaf_profile.domain())?;
        let serial = Serial::random(self.base.rng());
        let (shard, crl_url) = by.crl_of(issuer, &serial);
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
        let chain = format!("{}{}", pem_certificate(&certificate), by.chain(issuer, now));
        Ok(Signed {
            issued: IssuedCertificate { serial: serial.to_string(), chain, not_after },
            issuer: issuer.view.id.clone(),
            shard,
            profile,
            holder,
            identity,
            der: certificate,
            not_before,
            at: now,
            by: by.clone(),
        })
    }

    /// Records certificates in this transaction, all or none.
    pub(crate) async fn record(&self, tx: &mut Transaction, all: &[&Signed]) -> Result<Recording, Failure> {
        let issuers = self.fresh(tx).await?;
        if all.iter().any(|signed| !signed.by.are_same(&issuers)) {
            return Ok(Recording::Outdated);
        }
        self.insert(tx, all).await?;
        Ok(Recording::Done)
    }

    /// Records certificates that the caller has compared with the authorities of this transaction.
    pub(super) async fn insert(&self, tx: &mut Transaction, all: &[&Signed]) -> Result<(), Failure> {
        let rows: Vec<_> = all.iter().map(|signed| signed.row()).collect();
        Ok(tx.certificates().insert(&rows, self.base.now()).await?)
    }
}
