//! `POST …/members/{user}/certificates`: a short-lived certificate of a project user for a key that the caller made.
//! The member's own certificate and key stay as they are. Those who ask at the same time are answered by one transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::certificate::{CertificateHolder, CertificateProfile, PostIdentityCertificate};
use ringfence_api::node::IssuedCertificate;
use ringfence_api::{Lifetime, ProjectName, ProjectUser, UserName};
use ringfence_pki::Request;

use crate::Daemon;
use crate::audit::Actor;
use crate::authority::{Identity, Issuers, Signed, lifetime_of, sign};
use crate::http::{Body, Failure, OperatorCaller, Segment};
use crate::project::member::unknown;
use crate::together::Together;

/// Issues a certificate of a project user for a key of the caller's own.
#[utoipa::path(post, path = "/v1/projects/{project}/members/{user}/certificates", tag = "projects", params(("project" = String, Path, description = "The project"), ("user" = String, Path, description = "The user")), request_body = PostIdentityCertificate, responses((status = 200, body = IssuedCertificate), (status = 400, body = ringfence_api::Problem), (status = 404, body = ringfence_api::Problem)))]
pub(crate) async fn post_member_certificate(
    State(daemon): State<Arc<Daemon>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
    Body(post): Body<PostIdentityCertificate>,
) -> Result<Json<IssuedCertificate>, Failure> {
    let request = Request::parse(&post.request)?;
    let user = ProjectUser { project, user };
    loop {
        let signing = daemon.clone();
        let signed = sign_one(&signing, &user, &request, post.lifetime)?;
        let asked = HandOut { actor: actor.clone(), user: user.clone(), signed };
        let recorded = daemon.hand_outs.ask(asked, |asked| record(signing, asked)).await;
        match recorded.ok_or_else(|| Failure::internal(anyhow::anyhow!("issuing was interrupted")))?? {
            Recorded::Durable(issued) => return Ok(Json(issued)),
            // An authority was succeeded, or a lifetime declared anew, between the signature and its record.
            Recorded::Outdated => {}
        }
    }
}

/// Signs what will have to be recorded before it leaves, by what was known last.
fn sign_one(
    daemon: &Daemon,
    user: &ProjectUser,
    request: &Request,
    lifetime: Option<Lifetime>,
) -> Result<(Signed, Arc<Issuers>), Failure> {
    let issuers = daemon.authorities.seen();
    let profile = CertificateProfile::ProjectUser;
    let lifetime = lifetime_of(profile, lifetime, issuers.settings.project_user_certificate_lifetime)?;
    let identity = Identity { common_name: user.to_string(), ..Identity::default() };
    let holder = (profile, CertificateHolder::Caller);
    let signed = sign(daemon, &issuers, holder, identity, request.public_key(), lifetime)?;
    Ok((signed, issuers))
}

/// Those who wait for their certificate to be recorded.
pub(crate) type HandOuts = Together<HandOut, Result<Recorded, Failure>>;

/// A certificate that is to be recorded.
pub(crate) struct HandOut {
    actor: Actor,
    user: ProjectUser,
    signed: (Signed, Arc<Issuers>),
}

/// What became of it.
pub(crate) enum Recorded {
    /// It may leave.
    Durable(IssuedCertificate),
    /// It was signed by what is not so any more, and must be signed anew.
    Outdated,
}

/// Records all in one transaction: what is wrong with one is that one's, and what fails for all is everybody's.
async fn record(daemon: Arc<Daemon>, asked: Vec<HandOut>) -> Vec<Result<Recorded, Failure>> {
    match record_sound(&daemon, &asked).await {
        Ok(refused) => {
            let recorded = asked.into_iter().zip(refused);
            recorded.map(|(one, refused)| refused.unwrap_or(Ok(Recorded::Durable(one.signed.0.issued)))).collect()
        }
        Err(failure) => asked.iter().map(|_| Err(failure.clone())).collect(),
    }
}

/// Records those that nothing is wrong with. They are durable when this returns. For each of the others it says why not.
async fn record_sound(daemon: &Daemon, asked: &[HandOut]) -> Result<Vec<Option<Result<Recorded, Failure>>>, Failure> {
    let mut tx = daemon.store.write("hand_out_member_certificates").await?;
    let issuers = daemon.authorities.fresh(&mut tx, &daemon.master_key).await?;
    let users: Vec<&ProjectUser> = asked.iter().map(|one| &one.user).collect();
    let members = tx.find_members(&users).await?;
    let members: BTreeSet<&ProjectUser> = members.iter().map(|member| &member.project_user).collect();
    let refused: Vec<_> = asked
        .iter()
        .map(|one| match members.contains(&one.user) {
            false => Some(Err(unknown(&one.user))),
            true if !Arc::ptr_eq(&one.signed.1, &issuers) => Some(Ok(Recorded::Outdated)),
            true => None,
        })
        .collect();
    let sound = || asked.iter().zip(&refused).filter(|(_, refused)| refused.is_none()).map(|(one, _)| one);
    let certificates: Vec<_> = sound().map(|one| one.signed.0.row()).collect();
    let audits: Vec<_> = sound()
        .map(|HandOut { actor, signed: (signed, _), .. }| {
            actor.row("hand_out_certificate", signed.common_name(), &signed.issued.serial)
        })
        .collect();
    tx.insert_certificates(&certificates, daemon.now()).await?;
    tx.insert_audits(&audits, daemon.now()).await?;
    tx.commit().await?;
    Ok(refused)
}
