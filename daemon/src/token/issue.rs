//! `POST …/members/{user}/tokens`: signs a token of a project user. What it says comes from declared data; the caller
//! chooses who is to verify it and for how long it is good; the declaration may say what verifiers with wants of their own
//! find in it. The audit log knows it by its id.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::token::{ClaimSource, IssuedToken, PostToken, SubjectClaim, TokenClaims, TokenSubject};
use ringfence_api::{Audience, JobId, Lifetime, ProblemCode, ProjectName, ProjectUser, UserName};
use ringfence_pki::{About, Token, Validity, random_token_id};
use ringfence_store::{TokenRow, Transaction};
use serde_json::Value;

use crate::Daemon;
use crate::http::{Body, Failure, OperatorCaller, Segment};
use crate::project::job::{find, running};
use crate::project::unknown_member;
use crate::serve::crash_point::signed;
use crate::token::active_key;

/// How long a token lives that is good for once, unless it is said.
const ONCE: Lifetime = Lifetime::from_secs(60);

/// Signs a token of a project user for one audience. It ends by itself, with its job, and with the membership; of an end
/// before its time only introspection tells.
#[utoipa::path(post, path = "/v1/projects/{project}/members/{user}/tokens", tag = "tokens", params(("project" = String, Path, description = "The project"), ("user" = String, Path, description = "The user")), request_body = PostToken, responses((status = 200, body = IssuedToken), (status = 400, body = ringfence_api::Problem), (status = 404, body = ringfence_api::Problem)))]
pub(crate) async fn post_token(
    State(daemon): State<Arc<Daemon>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
    Body(post): Body<PostToken>,
) -> Result<Json<IssuedToken>, Failure> {
    let identity = ProjectUser { project, user };
    let mut tx = daemon.store.write("issue_token").await?;
    let member = tx.find_member(&identity).await?.ok_or_else(|| unknown_member(&identity))?;
    let longest = tx.cluster().await?.declared.authority.token_lifetime;
    if let Some(job) = &post.job {
        running(find(&mut tx, &identity, job).await?)?;
    }
    let lifetime = post.lifetime.unwrap_or(if post.one_time { ONCE.min(longest) } else { longest });
    if lifetime > longest {
        let detail = format!("the lifetime is {lifetime} and may be at most the cluster's token_lifetime, {longest}");
        return Err(Failure::new(ProblemCode::InvalidRequest, detail));
    }
    let job = post.job.as_ref().map(JobId::as_str);
    let claims = tx.cluster().await?.declared.token_audiences.remove(&post.audience).unwrap_or_default();
    let what = New {
        subject: TokenSubject::ProjectUser(identity.clone()),
        sub: subject_claim(claims.subject, &identity),
        about: About::ProjectUser {
            project: identity.project.as_str(),
            user: identity.user.as_str(),
            roles: &[member.role.as_str()],
            job,
        },
        more: &more_claims(&claims, &identity, member.role.as_str(), job),
        audience: &post.audience,
        lifetime,
        job: post.job.as_ref(),
        one_time: post.one_time,
    };
    let issued = sign(&daemon, &mut tx, &what).await?;
    let job = job.map(|job| format!(", job {job}")).unwrap_or_default();
    let once = if post.one_time { ", good once" } else { "" };
    let outcome = format!("{}{job}{once}", describe(&issued, &post.audience));
    actor.record(&mut tx, "issue_token", &identity.to_string(), &outcome, daemon.now()).await?;
    tx.commit().await?;
    Ok(Json(issued))
}

/// A token to be signed.
pub(super) struct New<'a> {
    /// Whom it speaks of.
    pub(super) subject: TokenSubject,
    /// What its `sub` says.
    pub(super) sub: String,
    pub(super) about: About<'a>,
    pub(super) more: &'a BTreeMap<String, Value>,
    pub(super) audience: &'a Audience,
    pub(super) lifetime: Lifetime,
    pub(super) job: Option<&'a JobId>,
    pub(super) one_time: bool,
}

/// Signs a token and records it, without committing.
pub(super) async fn sign(daemon: &Daemon, tx: &mut Transaction, new: &New<'_>) -> Result<IssuedToken, Failure> {
    let (kid, key) = active_key(daemon, tx).await?;
    let now = daemon.now();
    let validity = Validity::starting(now, new.lifetime.as_signed());
    let id = random_token_id(daemon.rng());
    let token = Token {
        id: &id,
        issuer: &format!("urn:ringfence:{}", daemon.cluster_id),
        subject: &new.sub,
        audience: new.audience.as_str(),
        issued_at: now,
        validity,
        about: new.about.clone(),
        more: new.more,
    };
    let token = key.sign(&token).map_err(Failure::internal)?;
    signed("token");
    let expires_at = validity.not_after;
    tx.update_token_key_signed(&kid, expires_at).await?;
    let row = TokenRow {
        id: id.clone(),
        kid: kid.clone(),
        subject: new.subject.clone(),
        job: new.job.cloned(),
        one_time: new.one_time,
        issued_at: now,
        expires_at,
        ended_at: None,
    };
    tx.insert_token(&row).await?;
    Ok(IssuedToken { token, id, kid, expires_at })
}

/// A token, for the audit log.
pub(super) fn describe(issued: &IssuedToken, audience: &Audience) -> String {
    let IssuedToken { id, kid, expires_at, .. } = issued;
    format!("token {id} for {audience}, until {expires_at}, key {kid}")
}

fn subject_claim(subject: SubjectClaim, identity: &ProjectUser) -> String {
    match subject {
        SubjectClaim::ProjectUser => identity.to_string(),
        SubjectClaim::Project => identity.project.to_string(),
        SubjectClaim::User => identity.user.to_string(),
    }
}

fn more_claims(claims: &TokenClaims, identity: &ProjectUser, role: &str, job: Option<&str>) -> BTreeMap<String, Value> {
    let value = |source| match source {
        ClaimSource::ProjectUser => Some(identity.to_string().into()),
        ClaimSource::Project => Some(identity.project.as_str().into()),
        ClaimSource::User => Some(identity.user.as_str().into()),
        ClaimSource::Role => Some(role.into()),
        ClaimSource::Roles => Some(vec![role].into()),
        ClaimSource::Job => job.map(Value::from),
    };
    claims.claims.iter().filter_map(|(name, source)| Some((name.clone(), value(*source)?))).collect()
}
