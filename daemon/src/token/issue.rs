//! `POST …/members/{user}/tokens`: signs a token of a project user. What it says comes from declared data; the caller
//! chooses who is to verify it and for how long it is good. The audit log knows it by its id.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::token::{IssuedToken, PostToken};
use ringfence_api::{JobId, Lifetime, ProblemCode, ProjectName, ProjectUser, UserName};
use ringfence_pki::{Token, Validity, random_token_id};
use ringfence_store::TokenRow;

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
    let (kid, key) = active_key(&daemon, &mut tx).await?;

    let now = daemon.now();
    let validity = Validity::starting(now, lifetime.as_signed());
    let id = random_token_id(daemon.rng());
    let token = Token {
        id: &id,
        issuer: &format!("urn:ringfence:{}", daemon.cluster_id),
        subject: &identity.to_string(),
        audience: post.audience.as_str(),
        issued_at: now,
        validity,
        project: identity.project.as_str(),
        user: identity.user.as_str(),
        roles: &[member.role.as_str()],
        job: post.job.as_ref().map(JobId::as_str),
    };
    let token = key.sign(&token).map_err(Failure::internal)?;
    signed("token");
    let expires_at = validity.not_after;
    tx.update_token_key_signed(&kid, expires_at).await?;
    let one_time = post.one_time;
    let row = TokenRow {
        id: id.clone(),
        kid: kid.clone(),
        project_user: identity.clone(),
        job: post.job,
        one_time,
        expires_at,
        ended_at: None,
    };
    tx.insert_token(&row, now).await?;
    let job = row.job.as_ref().map(|job| format!(", job {job}")).unwrap_or_default();
    let once = if one_time { ", good once" } else { "" };
    let outcome = format!("token {id} for {}, until {expires_at}, key {kid}{job}{once}", post.audience);
    actor.record(&mut tx, "issue_token", &identity.to_string(), &outcome, now).await?;
    tx.commit().await?;
    Ok(Json(IssuedToken { token, id, kid, expires_at }))
}
