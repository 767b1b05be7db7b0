//! `POST …/members/{user}/tokens`: signs a token of a project user. Its claims come from declared data; the caller
//! chooses the audience and the lifetime; the declaration may choose the claims for an audience. The audit log records
//! the token's id.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::token::{ClaimSource, IssuedToken, PostToken, SubjectClaim, TokenClaims, TokenSubject};
use ringfence_api::{JobId, Lifetime, ProblemCode, ProjectName, ProjectUser, UserName};
use ringfence_pki::About;
use serde_json::Value;

use crate::access::OperatorCaller;
use crate::base::{Base, Body, Failure, Segment};
use crate::project::job::{find, running};
use crate::project::membership::unknown;
use crate::token::{NewToken, describe, sign_token};

/// The default lifetime of a one-time token.
const ONE_TIME_LIFETIME: Lifetime = Lifetime::from_secs(60);

/// Signs a token of a project user for one audience. It ends when it expires, with its job, and with the membership;
/// only introspection knows of an early end.
pub(crate) async fn post_token(
    State(base): State<Arc<Base>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
    Body(post): Body<PostToken>,
) -> Result<Json<IssuedToken>, Failure> {
    let identity = ProjectUser { project, user };
    let mut tx = base.store.write("issue_token").await?;
    let member = tx.members().find(&identity).await?.ok_or_else(|| unknown(&identity))?;
    let longest = tx.cluster().get().await?.declared.authority.token_lifetime;
    if let Some(job) = &post.job {
        running(find(&mut tx, &identity, job).await?)?;
    }
    let lifetime = post.lifetime.unwrap_or(if post.one_time { ONE_TIME_LIFETIME.min(longest) } else { longest });
    if lifetime > longest {
        let detail = format!("the lifetime is {lifetime} and may be at most the cluster's token_lifetime, {longest}");
        return Err(Failure::new(ProblemCode::InvalidRequest, detail));
    }
    let job = post.job.as_ref().map(JobId::as_str);
    let claims = tx.cluster().get().await?.declared.token_audiences.remove(&post.audience).unwrap_or_default();
    let what = NewToken {
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
    let issued = sign_token(&base, &mut tx, &what).await?;
    let job = job.map(|job| format!(", job {job}")).unwrap_or_default();
    let once = if post.one_time { ", good once" } else { "" };
    let outcome = format!("{}{job}{once}", describe(&issued, &post.audience));
    actor.record(&mut tx, "issue_token", &identity.to_string(), &outcome, base.now()).await?;
    tx.commit().await?;
    Ok(Json(issued))
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
