//! The task that renews project users' certificates at two thirds of their lifetime. The old certificate is not
//! revoked, because its holder may not have fetched the new one yet; it expires. A certificate of a distrusted
//! authority is replaced at once and revoked.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ringfence_api::ProjectUser;
use ringfence_api::certificate::RevocationReason;
use ringfence_store::Transaction;

use crate::authority::Authorities;
use crate::base::{Actor, Event, Failure, Task};
use crate::project::identity::NewIdentities;

/// The maximum number of renewals in one run.
const MAX_PER_RUN: u32 = 500;
/// The number of renewals in one transaction.
const BATCH: usize = 25;

/// Renews project users' certificates.
pub(crate) struct RenewProjectUsers(pub(super) Arc<Authorities>);

#[async_trait]
impl Task for RenewProjectUsers {
    fn name(&self) -> &'static str {
        "renew_project_users"
    }

    fn purpose(&self) -> &'static str {
        "renews the keys and certificates of project users at two thirds of their lifetime"
    }

    fn period(&self) -> Duration {
        // The last third of the shortest lifetime is five seconds, and the new certificate must be available well
        // within it.
        Duration::from_secs(2)
    }

    fn leads(&self) -> bool {
        // Two daemons would each generate a key for the same member.
        true
    }

    fn woken_by(&self) -> &'static [Event] {
        &[Event::RotationWanted, Event::AuthoritiesChanged]
    }

    async fn run(&self) -> anyhow::Result<String> {
        let base = &self.0.base;
        let mut tx = base.store.read("list_members_to_renew").await?;
        let due = tx.members().list_due_for_renewal(base.now(), MAX_PER_RUN).await?;
        drop(tx);
        let mut renewed = 0;
        for due in due.chunks(BATCH) {
            renewed += renew(&self.0, due).await?;
        }
        Ok(if renewed == 0 { String::new() } else { format!("renewed {renewed}") })
    }
}

/// Renews these users in one transaction. Returns how many of them are still members.
async fn renew(authorities: &Authorities, due: &[ProjectUser]) -> Result<usize, Failure> {
    let base = &authorities.base;
    let mut new = NewIdentities::new(authorities);
    loop {
        new.prepare(due).await?;
        let mut tx = base.store.write("renew_project_users").await?;
        let present = tx.members().find_many(&due.iter().collect::<Vec<_>>()).await?;
        let present: Vec<ProjectUser> = present.into_iter().map(|member| member.project_user).collect();
        let Some(keys) = new.record(&mut tx, &present).await? else { continue };
        let actor = Actor::daemon("renew_project_users");
        for (identity, key) in &keys {
            let before = tx.members().find_key(identity).await?;
            tx.members().update_key(identity, key).await?;
            if let Some(before) = before {
                revoke_if_distrusted(authorities, &mut tx, &before.certificate).await?;
            }
            actor.record(&mut tx, "issue_certificate", &identity.to_string(), &key.certificate, base.now()).await?;
        }
        tx.commit().await?;
        return Ok(keys.len());
    }
}

/// Certificates of a compromised authority cannot be told apart from forged ones.
async fn revoke_if_distrusted(authorities: &Authorities, tx: &mut Transaction, serial: &str) -> Result<(), Failure> {
    let Some(before) = tx.certificates().find(serial).await? else { return Ok(()) };
    let issuers = authorities.fresh(tx).await?;
    if issuers.find(&before.view.issuer).is_some_and(|issuer| issuer.view.distrusted_at.is_some()) {
        tx.certificates().revoke(serial, RevocationReason::CaCompromise, authorities.base.now()).await?;
    }
    Ok(())
}
