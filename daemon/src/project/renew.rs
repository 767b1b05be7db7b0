//! The task that renews project users' certificates at two thirds of their life. The old certificate is not
//! revoked: whoever holds it may not have fetched the new one yet, and it ends by itself. One of an authority that is not
//! trusted any more is replaced at once and revoked.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ringfence_api::certificate::RevocationReason;
use ringfence_store::Transaction;

use crate::Daemon;
use crate::audit::Actor;
use crate::http::Failure;
use crate::project::member::make_key;
use crate::task::Task;

/// How many are renewed in one run.
const BATCH: u32 = 500;

/// Renews project users.
pub(crate) struct RenewProjectUsers;

#[async_trait]
impl Task for RenewProjectUsers {
    fn name(&self) -> &'static str {
        "renew_project_users"
    }

    fn purpose(&self) -> &'static str {
        "gives project users a new key and certificate at two thirds of their life"
    }

    fn period(&self) -> Duration {
        // The last third of the shortest life is five seconds, and the new certificate must be there well within it.
        Duration::from_secs(2)
    }

    fn leads(&self) -> bool {
        // Two daemons would each make a key for the same member.
        true
    }

    async fn run(&self, daemon: &Arc<Daemon>) -> anyhow::Result<String> {
        let mut tx = daemon.store.read("list_members_to_renew").await?;
        let due = tx.list_members_to_renew(daemon.now(), BATCH).await?;
        drop(tx);
        let mut renewed = 0;
        for identity in &due {
            let mut tx = daemon.store.write("renew_project_user").await?;
            if tx.find_member(identity).await?.is_none() {
                // Removed since we looked.
                continue;
            }
            let before = tx.find_member_key(identity).await?;
            let key = make_key(daemon, &mut tx, identity).await?;
            tx.update_member_key(identity, &key).await?;
            if let Some(before) = before {
                revoke_if_distrusted(daemon, &mut tx, &before.certificate).await?;
            }
            let actor = Actor::daemon("renew_project_users");
            actor.record(&mut tx, "issue_certificate", &identity.to_string(), &key.certificate, daemon.now()).await?;
            tx.commit().await?;
            renewed += 1;
        }
        Ok(if renewed == 0 { String::new() } else { format!("renewed {renewed}") })
    }
}

/// Nobody can tell a certificate of an authority whose key was seen from one that a thief made.
async fn revoke_if_distrusted(daemon: &Daemon, tx: &mut Transaction, serial: &str) -> Result<(), Failure> {
    let Some(before) = tx.find_certificate(serial).await? else { return Ok(()) };
    let issuers = daemon.authorities.fresh(tx, &daemon.master_key).await?;
    if issuers.find(&before.view.issuer).is_some_and(|issuer| issuer.view.distrusted_at.is_some()) {
        tx.update_certificate_revoked(serial, RevocationReason::CaCompromise, daemon.now()).await?;
    }
    Ok(())
}
