//! Changes to one member, in the caller's transaction.

use jiff::Timestamp;
use ringfence_api::certificate::RevocationReason;
use ringfence_api::project::MemberRole;
use ringfence_api::{ProjectName, ProjectUser};
use ringfence_store::Transaction;
use ringfence_store::certificate::Revoke;
use ringfence_store::member::MemberKeyRow;
use ringfence_store::token::End;

use crate::base::{Actor, Failure};
use crate::project::membership::{Roles, unknown};

/// The members and their roles, as this transaction reads them.
pub(super) async fn roles(tx: &mut Transaction, project: &ProjectName) -> Result<Roles, Failure> {
    let members = tx.members().list(project).await?;
    Ok(members.into_iter().map(|member| (member.user, member.role)).collect())
}

/// Adds a member, with a key and a certificate that is already recorded.
pub(super) async fn add(
    tx: &mut Transaction,
    actor: &Actor,
    identity: &ProjectUser,
    (role, key): (MemberRole, &MemberKeyRow),
    now: Timestamp,
) -> Result<(), Failure> {
    tx.members().insert(identity, role, key, now).await?;
    let outcome = format!("{role}, certificate {}", key.certificate);
    actor.record(tx, "put_member", &identity.to_string(), &outcome, now).await?;
    Ok(())
}

/// Changes a member's role.
pub(super) async fn change_role(
    tx: &mut Transaction,
    actor: &Actor,
    identity: &ProjectUser,
    role: MemberRole,
    now: Timestamp,
) -> Result<(), Failure> {
    tx.members().update_role(identity, role).await?;
    // They contain the role before.
    tx.tokens().end_all(End::OfProjectUser(identity), now).await?;
    actor.record(tx, "change_role", &identity.to_string(), role.as_str(), now).await?;
    Ok(())
}

/// Removes a member and revokes its certificates. The caller must have CRLs published after the commit.
pub(super) async fn remove(
    tx: &mut Transaction,
    actor: &Actor,
    identity: &ProjectUser,
    now: Timestamp,
) -> Result<(), Failure> {
    if !tx.members().delete(identity).await? {
        return Err(unknown(identity));
    }
    let (name, reason) = (identity.to_string(), RevocationReason::PrivilegeWithdrawn);
    let revoked = tx.certificates().revoke_all(Revoke::OfProjectUser(identity), reason, now).await?;
    tx.tokens().end_all(End::OfProjectUser(identity), now).await?;
    actor.record(tx, "delete_member", &name, &format!("{revoked} certificates revoked"), now).await?;
    Ok(())
}
