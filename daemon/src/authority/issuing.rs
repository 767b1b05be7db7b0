//! Issuing for keys that others hold, from their certificate signing requests: each certificate is signed on the thread of its
//! request, and those who ask at the same time are recorded in one transaction.
//!
//! # Guarantees
//!
//! - A certificate leaves only after its row and its audit row are durable.
//! - In the transaction that records it, its holder may still have it and its issuer still signs; otherwise it is signed anew
//!   or refused.
//! - What is wrong with one request is refused to that one, and the others of its batch get theirs.

use std::sync::Arc;

use async_trait::async_trait;
use ringfence_api::certificate::{CSR_CERTIFICATE_LIFETIME, CertificateProfile};
use ringfence_api::node::IssuedCertificate;
use ringfence_api::{Lifetime, ProblemCode};
use ringfence_store::Transaction;

use crate::authority::{Authorities, Issuers, Signed};
use crate::base::{Actor, Answer, Batch, Failure};

/// A request for a certificate: what a noun knows of its own.
#[async_trait]
pub(crate) trait Order: Send + Sync + 'static {
    /// The transaction that records its certificates, in logs and errors.
    const TRANSACTION: &'static str;

    /// Signs what was asked for, by these authorities. Called again when they have changed meanwhile.
    async fn sign(&self, authorities: &Authorities, issuers: &Arc<Issuers>) -> Answer<Signed>;

    /// Whether each of these may have what was signed for it, as this transaction sees it.
    async fn check(tx: &mut Transaction, all: &[(&Self, &Signed)]) -> Answer<Vec<Verdict>>;

    /// What the audit log calls issuing it.
    fn audit_action(&self) -> &'static str;

    /// What the audit log calls its holder.
    fn audit_object(&self) -> String;
}

/// What a check finds.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It may have it.
    Sound,
    /// It may have another one: what is declared has changed since it was signed.
    Outdated,
    /// It may have none.
    Refused(Failure),
}

/// Issues certificates for orders of one kind.
pub(crate) struct Issuing<O: Order> {
    authorities: Arc<Authorities>,
    batch: Batch<Asked<O>, Answer<Recorded>>,
}

/// A certificate that is to be recorded.
struct Asked<O> {
    actor: Actor,
    order: Arc<O>,
    signed: Signed,
}

/// What became of it.
enum Recorded {
    /// It may leave.
    Durable(IssuedCertificate),
    /// It must be signed anew.
    Outdated,
}

impl<O: Order> Issuing<O> {
    pub(crate) fn new(authorities: Arc<Authorities>) -> Self {
        Self { authorities, batch: Batch::default() }
    }

    /// Issues what was ordered.
    pub(crate) async fn issue(&self, actor: &Actor, order: O) -> Answer<IssuedCertificate> {
        let order = Arc::new(order);
        loop {
            let signed = order.sign(&self.authorities, &self.authorities.seen()).await?;
            let asked = Asked { actor: actor.clone(), order: order.clone(), signed };
            let authorities = self.authorities.clone();
            let recorded = self.batch.ask(asked, |asked| record(authorities, asked)).await;
            match recorded.ok_or_else(|| Failure::internal(anyhow::anyhow!("issuing was interrupted")))?? {
                Recorded::Durable(issued) => return Ok(issued),
                Recorded::Outdated => {}
            }
        }
    }
}

/// Records all in one transaction: what is wrong with one is that one's, and what fails for all is everybody's.
async fn record<O: Order>(authorities: Arc<Authorities>, asked: Vec<Asked<O>>) -> Vec<Answer<Recorded>> {
    match record_sound(&authorities, &asked).await {
        Ok(verdicts) => {
            let recorded = asked.into_iter().zip(verdicts);
            recorded.map(|(one, verdict)| verdict.map_or(Ok(Recorded::Durable(one.signed.issued)), become_of)).collect()
        }
        Err(failure) => asked.iter().map(|_| Err(failure.clone())).collect(),
    }
}

fn become_of(verdict: Verdict) -> Answer<Recorded> {
    match verdict {
        Verdict::Refused(failure) => Err(failure),
        Verdict::Sound | Verdict::Outdated => Ok(Recorded::Outdated),
    }
}

/// Records those that are sound. They are durable when this returns. For each of the others it says why not.
async fn record_sound<O: Order>(authorities: &Authorities, asked: &[Asked<O>]) -> Answer<Vec<Option<Verdict>>> {
    let base = &authorities.base;
    let mut tx = base.store.write(O::TRANSACTION).await?;
    let issuers = authorities.fresh(&mut tx).await?;
    let all: Vec<(&O, &Signed)> = asked.iter().map(|one| (&*one.order, &one.signed)).collect();
    let verdicts: Vec<Option<Verdict>> = O::check(&mut tx, &all)
        .await?
        .into_iter()
        .zip(asked)
        .map(|(verdict, one)| match verdict {
            Verdict::Sound if Arc::ptr_eq(&one.signed.by, &issuers) => None,
            other => Some(other),
        })
        .collect();
    let sound: Vec<&Asked<O>> =
        asked.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_none()).map(|(one, _)| one).collect();
    let names: Vec<String> = sound.iter().map(|one| one.order.audit_object()).collect();
    let audits: Vec<_> = sound
        .iter()
        .zip(&names)
        .map(|(one, name)| one.actor.row(one.order.audit_action(), name, &one.signed.issued.serial))
        .collect();
    let certificates: Vec<&Signed> = sound.iter().map(|one| &one.signed).collect();
    authorities.record(&mut tx, &certificates).await?;
    tx.audit().insert(&audits, base.now()).await?;
    tx.commit().await?;
    Ok(verdicts)
}

/// For how long a certificate is issued from a CSR: as long as was asked, and no longer than is declared.
pub(crate) fn lifetime_of(
    profile: CertificateProfile,
    asked: Option<Lifetime>,
    declared: Lifetime,
) -> Result<Lifetime, Failure> {
    let lifetime = asked.unwrap_or(CSR_CERTIFICATE_LIFETIME.min(declared));
    if lifetime <= declared {
        return Ok(lifetime);
    }
    // A job's are declared with those of its user.
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
    fn a_certificate_lives_as_long_as_was_asked_and_never_longer_than_declared() {
        let hours = |hours: u32| Lifetime::from_secs(hours * 3_600);
        let minute = Lifetime::from_secs(60);
        let cases = [
            (None, hours(24), Some(hours(1))),
            (None, minute, Some(minute)),
            (Some(minute), hours(24), Some(minute)),
            (Some(hours(24)), hours(24), Some(hours(24))),
            (Some(hours(25)), hours(24), None),
        ];
        for (asked, declared, expected) in cases {
            let found = lifetime_of(CertificateProfile::Service, asked, declared).ok();
            assert_eq!(found, expected, "{asked:?} of {declared}");
        }
    }
}
