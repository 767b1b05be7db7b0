//! Orders for certificates from CSRs in a project: for a member, and for a running job.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use ringfence_api::certificate::{CertificateHolder, CertificateProfile};
use ringfence_api::{JobId, Lifetime, ProjectUser};
use ringfence_pki::Request;
use ringfence_store::Transaction;

use crate::authority::{Authorities, Identity, Issuers, Order, Signed, Verdict, lifetime_of};
use crate::base::Answer;
use crate::project::job::{find, running};
use crate::project::membership::unknown;

/// A certificate of a project user, or of one of its jobs, for the caller's key.
#[derive(Debug)]
pub(crate) struct OfProject {
    pub(super) user: ProjectUser,
    pub(super) job: Option<JobId>,
    pub(super) request: Request,
    /// The requested lifetime.
    pub(super) lifetime: Option<Lifetime>,
}

#[async_trait]
impl Order for OfProject {
    const TRANSACTION: &'static str = "issue_from_csr";

    async fn sign(&self, authorities: &Authorities, issuers: &Arc<Issuers>) -> Answer<Signed> {
        // A job that is unknown or has ended is the answer, whatever lifetime is requested.
        if let Some(job) = &self.job {
            let mut tx = authorities.base.store.read("look_at_job").await?;
            find(&mut tx, &self.user, job).await.and_then(running)?;
        }
        let profile = if self.job.is_some() { CertificateProfile::Job } else { CertificateProfile::ProjectUser };
        let lifetime = lifetime_of(profile, self.lifetime, issuers.settings.project_user_certificate_lifetime)?;
        let identity = Identity { common_name: self.user.to_string(), job: self.job.clone(), ..Identity::default() };
        authorities.sign(issuers, (profile, CertificateHolder::Caller), identity, self.request.public_key(), lifetime)
    }

    async fn check(tx: &mut Transaction, all: &[(&Self, &Signed)]) -> Answer<Vec<Verdict>> {
        let users: Vec<&ProjectUser> =
            all.iter().filter(|(order, _)| order.job.is_none()).map(|(order, _)| &order.user).collect();
        let members = if users.is_empty() { Vec::new() } else { tx.members().find_many(&users).await? };
        let members: BTreeSet<&ProjectUser> = members.iter().map(|member| &member.project_user).collect();
        let mut verdicts = Vec::new();
        for (order, _) in all {
            verdicts.push(match &order.job {
                None if members.contains(&order.user) => Verdict::Valid,
                None => Verdict::Refused(unknown(&order.user)),
                Some(job) => match find(tx, &order.user, job).await.and_then(running) {
                    Ok(_) => Verdict::Valid,
                    Err(failure) => Verdict::Refused(failure),
                },
            });
        }
        Ok(verdicts)
    }

    fn audit_action(&self) -> &'static str {
        "hand_out_certificate"
    }

    fn audit_object(&self) -> String {
        self.job.as_ref().map_or_else(|| self.user.to_string(), |job| format!("{}/{job}", self.user))
    }
}
