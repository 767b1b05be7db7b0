//! Issues certificates from CSRs: each certificate is signed on the thread of its request, and certificates that are
//! requested at the same time are recorded in one transaction.
//!
//! # Guarantees
//!
//! - A certificate is returned only after its row and its audit row are durable.
//! - The transaction that records a certificate checks that its holder may still have it and that its issuer is still
//!   active; otherwise it is signed again or refused.
//! - An invalid request is refused alone; the others of its batch get their certificates.

use std::sync::Arc;

use async_trait::async_trait;
use ringfence_api::certificate::{CSR_CERTIFICATE_LIFETIME, CertificateProfile};
use ringfence_api::node::IssuedCertificate;
use ringfence_api::{Lifetime, ProblemCode};
use ringfence_store::Transaction;

use crate::authority::{Authorities, Issuers, Signed};
use crate::base::{Actor, Answer, Batch, Failure};

/// A request for a certificate: the part that depends on the noun.
#[async_trait]
pub(crate) trait Order: Send + Sync + 'static {
    /// The name of the transaction that records its certificates, in logs and errors.
    const TRANSACTION: &'static str;

    /// Signs the certificate with these authorities. Called again if they have changed in the meantime.
    async fn sign(&self, authorities: &Authorities, issuers: &Arc<Issuers>) -> Answer<Signed>;

    /// Checks in this transaction whether each order may have the certificate that was signed for it.
    async fn check(tx: &mut Transaction, all: &[(&Self, &Signed)]) -> Answer<Vec<Verdict>>;

    /// The action in the audit log.
    fn audit_action(&self) -> &'static str;

    /// The object in the audit log.
    fn audit_object(&self) -> String;
}

/// The result of a check.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The holder may have the certificate.
    Valid,
    /// The declaration has changed since it was signed: the holder may have another one.
    Outdated,
    /// The holder may have none.
    Refused(Failure),
}

/// Issues certificates for orders of one kind.
pub(crate) struct Issuing<O: Order> {
    authorities: Arc<Authorities>,
    batch: Batch<Pending<O>, Answer<Recorded>>,
}

/// A certificate to record.
struct Pending<O> {
    actor: Actor,
    order: Arc<O>,
    signed: Signed,
}

/// The outcome of recording a certificate.
enum Recorded {
    /// It is recorded and may be returned.
    Durable(IssuedCertificate),
    /// It must be signed again.
    Outdated,
}

impl<O: Order> Issuing<O> {
    pub(crate) fn new(authorities: Arc<Authorities>) -> Self {
        Self { authorities, batch: Batch::default() }
    }

    /// Issues the certificate of an order.
    pub(crate) async fn issue(&self, actor: &Actor, order: O) -> Answer<IssuedCertificate> {
        let order = Arc::new(order);
        loop {
            let signed = order.sign(&self.authorities, &self.authorities.cached()).await?;
            let pending = Pending { actor: actor.clone(), order: order.clone(), signed };
            let authorities = self.authorities.clone();
            let recorded = self.batch.submit(pending, |pending| record(authorities, pending)).await;
            match recorded.ok_or_else(|| Failure::internal(anyhow::anyhow!("issuing was interrupted")))?? {
                Recorded::Durable(issued) => return Ok(issued),
                Recorded::Outdated => {}
            }
        }
    }
}

/// Records all in one transaction. A refusal concerns one order; a failure of the transaction concerns all.
async fn record<O: Order>(authorities: Arc<Authorities>, pending: Vec<Pending<O>>) -> Vec<Answer<Recorded>> {
    match record_valid(&authorities, &pending).await {
        Ok(verdicts) => {
            let recorded = pending.into_iter().zip(verdicts);
            recorded
                .map(|(one, verdict)| verdict.map_or(Ok(Recorded::Durable(one.signed.issued)), outcome_of))
                .collect()
        }
        Err(failure) => pending.iter().map(|_| Err(failure.clone())).collect(),
    }
}

fn outcome_of(verdict: Verdict) -> Answer<Recorded> {
    match verdict {
        Verdict::Refused(failure) => Err(failure),
        Verdict::Valid | Verdict::Outdated => Ok(Recorded::Outdated),
    }
}

/// Records the certificates that are valid; they are durable when this returns. Returns for each of the others why it
/// was not recorded.
async fn record_valid<O: Order>(authorities: &Authorities, pending: &[Pending<O>]) -> Answer<Vec<Option<Verdict>>> {
    let base = &authorities.base;
    let mut tx = base.store.write(O::TRANSACTION).await?;
    let issuers = authorities.fresh(&mut tx).await?;
    let all: Vec<(&O, &Signed)> = pending.iter().map(|one| (&*one.order, &one.signed)).collect();
    let verdicts: Vec<Option<Verdict>> = O::check(&mut tx, &all)
        .await?
        .into_iter()
        .zip(pending)
        .map(|(verdict, one)| match verdict {
            Verdict::Valid if one.signed.by.are_same(&issuers) => None,
            other => Some(other),
        })
        .collect();
    let valid: Vec<&Pending<O>> =
        pending.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_none()).map(|(one, _)| one).collect();
    let names: Vec<String> = valid.iter().map(|one| one.order.audit_object()).collect();
    let audits: Vec<_> = valid
        .iter()
        .zip(&names)
        .map(|(one, name)| one.actor.row(one.order.audit_action(), name, &one.signed.issued.serial))
        .collect();
    let certificates: Vec<&Signed> = valid.iter().map(|one| &one.signed).collect();
    authorities.insert(&mut tx, &certificates).await?;
    tx.audit().insert(&audits, base.now()).await?;
    tx.commit().await?;
    Ok(verdicts)
}

/// The lifetime of a certificate from a CSR: as requested, and at most as declared.
pub(crate) fn lifetime_of(
    profile: CertificateProfile,
    requested: Option<Lifetime>,
    declared: Lifetime,
) -> Result<Lifetime, Failure> {
    let lifetime = requested.unwrap_or(CSR_CERTIFICATE_LIFETIME.min(declared));
    if lifetime <= declared {
        return Ok(lifetime);
    }
    // The lifetime for jobs is declared with that for their users.
    let profile = if profile == CertificateProfile::Job { CertificateProfile::ProjectUser } else { profile };
    let detail = format!(
        "lifetime is {lifetime}, and {}_certificate_lifetime of the cluster is {declared}: ask for that or less",
        profile.as_str()
    );
    Err(Failure::new(ProblemCode::InvalidRequest, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lifetime_is_as_requested_and_at_most_as_declared() {
        let hours = |hours: u32| Lifetime::from_secs(hours * 3_600);
        let minute = Lifetime::from_secs(60);
        let cases = [
            (None, hours(24), Some(hours(1))),
            (None, minute, Some(minute)),
            (Some(minute), hours(24), Some(minute)),
            (Some(hours(24)), hours(24), Some(hours(24))),
            (Some(hours(25)), hours(24), None),
        ];
        for (requested, declared, expected) in cases {
            let found = lifetime_of(CertificateProfile::Service, requested, declared).ok();
            assert_eq!(found, expected, "{requested:?} of {declared}");
        }
    }
}
