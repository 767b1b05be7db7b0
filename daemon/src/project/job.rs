//! Jobs of project users: started, given short-lived certificates and tokens, and ended, which takes all of that away in one
//! transaction. A job has no rights over members, whatever role its user has.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::certificate::{CertificateProfile, PostIdentityCertificate, RevocationReason};
use ringfence_api::job::Job;
use ringfence_api::node::IssuedCertificate;
use ringfence_api::{JobId, ProblemCode, ProjectName, ProjectUser, UserName};
use ringfence_pki::Request;
use ringfence_store::Transaction;

use crate::Daemon;
use crate::authority::{Identity, hand_out};
use crate::http::{Body, Failure, OperatorCaller, Segment};
use crate::project::member::unknown;
use crate::task::Wake;

/// Starts a job. Starting one that runs changes nothing; one that has ended does not run again.
#[utoipa::path(put, path = "/v1/projects/{project}/members/{user}/jobs/{job}", tag = "projects", params(("project" = String, Path, description = "The project"), ("user" = String, Path, description = "The user"), ("job" = String, Path, description = "The job")), responses((status = 200, body = Job), (status = 404, body = ringfence_api::Problem), (status = 409, body = ringfence_api::Problem)))]
pub(crate) async fn put_job(
    State(daemon): State<Arc<Daemon>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
    Segment(job): Segment<JobId>,
) -> Result<Json<Job>, Failure> {
    let now = daemon.now();
    let identity = ProjectUser { project, user };
    let mut tx = daemon.store.write("put_job").await?;
    if let Some(job) = tx.find_job(&identity, &job).await? {
        return running(job).map(Json);
    }
    tx.find_member(&identity).await?.ok_or_else(|| unknown(&identity))?;
    tx.insert_job(&identity, &job, now).await?;
    actor.record(&mut tx, "start_job", &name_of(&identity, &job), "started", now).await?;
    let started = find(&mut tx, &identity, &job).await?;
    tx.commit().await?;
    Ok(Json(started))
}

/// One job, also when it has ended.
#[utoipa::path(get, path = "/v1/projects/{project}/members/{user}/jobs/{job}", tag = "projects", params(("project" = String, Path, description = "The project"), ("user" = String, Path, description = "The user"), ("job" = String, Path, description = "The job")), responses((status = 200, body = Job), (status = 404, body = ringfence_api::Problem)))]
pub(crate) async fn read_job(
    State(daemon): State<Arc<Daemon>>,
    _: OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
    Segment(job): Segment<JobId>,
) -> Result<Json<Job>, Failure> {
    let mut tx = daemon.store.read("read_job").await?;
    find(&mut tx, &ProjectUser { project, user }, &job).await.map(Json)
}

/// Ends a job: its certificates are revoked and its tokens are good no more. One that has ended stays so.
#[utoipa::path(delete, path = "/v1/projects/{project}/members/{user}/jobs/{job}", tag = "projects", params(("project" = String, Path, description = "The project"), ("user" = String, Path, description = "The user"), ("job" = String, Path, description = "The job")), responses((status = 200, description = "Ended", body = Job), (status = 404, body = ringfence_api::Problem)))]
pub(crate) async fn delete_job(
    State(daemon): State<Arc<Daemon>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
    Segment(job): Segment<JobId>,
) -> Result<Json<Job>, Failure> {
    let now = daemon.now();
    let identity = ProjectUser { project, user };
    let mut tx = daemon.store.write("end_job").await?;
    if tx.update_job_ended(&identity, &job, now).await? {
        let reason = RevocationReason::CessationOfOperation;
        let revoked = tx.update_certificates_revoked_of_job(&identity, &job, reason, now).await?;
        let ended = tx.update_tokens_ended_of(&identity, Some(&job), now).await?;
        let outcome = format!("{revoked} certificates revoked, {ended} tokens ended");
        actor.record(&mut tx, "end_job", &name_of(&identity, &job), &outcome, now).await?;
    }
    let ended = find(&mut tx, &identity, &job).await?;
    tx.commit().await?;
    daemon.tasks.wake(Wake::PublishCrls);
    Ok(Json(ended))
}

/// Issues a certificate of a job for a key of its own. Its organization is the job.
#[utoipa::path(post, path = "/v1/projects/{project}/members/{user}/jobs/{job}/certificates", tag = "projects", params(("project" = String, Path, description = "The project"), ("user" = String, Path, description = "The user"), ("job" = String, Path, description = "The job")), request_body = PostIdentityCertificate, responses((status = 200, body = IssuedCertificate), (status = 400, body = ringfence_api::Problem), (status = 404, body = ringfence_api::Problem), (status = 409, body = ringfence_api::Problem)))]
pub(crate) async fn post_job_certificate(
    State(daemon): State<Arc<Daemon>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
    Segment(job): Segment<JobId>,
    Body(post): Body<PostIdentityCertificate>,
) -> Result<Json<IssuedCertificate>, Failure> {
    let request = Request::parse(&post.request)?;
    let identity = ProjectUser { project, user };
    let mut tx = daemon.store.write("hand_out_job_certificate").await?;
    running(find(&mut tx, &identity, &job).await?)?;
    let declared = tx.cluster().await?.declared.authority.project_user_certificate_lifetime;
    let subject = Identity { common_name: identity.to_string(), job: Some(job.clone()), ..Identity::default() };
    let lifetime = (post.lifetime, declared);
    let issued = hand_out(&daemon, &mut tx, CertificateProfile::Job, &subject, &request, lifetime).await?;
    let holder = name_of(&identity, &job);
    actor.record(&mut tx, "hand_out_certificate", &holder, &issued.serial, daemon.now()).await?;
    tx.commit().await?;
    Ok(Json(issued))
}

/// The job, which must be there.
pub(crate) async fn find(tx: &mut Transaction, identity: &ProjectUser, job: &JobId) -> Result<Job, Failure> {
    let found = tx.find_job(identity, job).await?;
    found.ok_or_else(|| Failure::not_found(format!("job {job} of {identity}")))
}

/// The job, if it has not ended.
pub(crate) fn running(job: Job) -> Result<Job, Failure> {
    match job.ended_at {
        None => Ok(job),
        Some(at) => {
            let detail = format!("job {} of {} ended at {at}; start another one", job.job, job.project_user);
            Err(Failure::new(ProblemCode::Conflict, detail))
        }
    }
}

/// A job in the audit log.
fn name_of(identity: &ProjectUser, job: &JobId) -> String {
    format!("{identity}/{job}")
}
