//! Jobs of project users. A job gets short-lived certificates and tokens; its end revokes and ends them in one
//! transaction. A job may not manage members, whatever the role of its user.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringfence_api::certificate::RevocationReason;
use ringfence_api::job::Job;
use ringfence_api::{JobId, ProblemCode, ProjectName, ProjectUser, UserName};
use ringfence_store::Transaction;
use ringfence_store::certificate::Revoke;
use ringfence_store::token::End;

use crate::access::OperatorCaller;
use crate::base::{Base, Event, Failure, Segment};
use crate::project::membership::unknown;

/// Starts a job. Starting a running job changes nothing; an ended one cannot be started again.
pub(crate) async fn put_job(
    State(base): State<Arc<Base>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
    Segment(job): Segment<JobId>,
) -> Result<Json<Job>, Failure> {
    let now = base.now();
    let identity = ProjectUser { project, user };
    let mut tx = base.store.write("put_job").await?;
    if let Some(job) = tx.jobs().find(&identity, &job).await? {
        return running(job).map(Json);
    }
    tx.members().find(&identity).await?.ok_or_else(|| unknown(&identity))?;
    tx.jobs().insert(&identity, &job, now).await?;
    actor.record(&mut tx, "start_job", &name_of(&identity, &job), "started", now).await?;
    let started = find(&mut tx, &identity, &job).await?;
    tx.commit().await?;
    Ok(Json(started))
}

/// One job, even if it has ended.
pub(crate) async fn read_job(
    State(base): State<Arc<Base>>,
    _: OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
    Segment(job): Segment<JobId>,
) -> Result<Json<Job>, Failure> {
    let mut tx = base.store.read("read_job").await?;
    find(&mut tx, &ProjectUser { project, user }, &job).await.map(Json)
}

/// Ends a job: revokes its certificates and ends its tokens. Ending an ended job changes nothing.
pub(crate) async fn delete_job(
    State(base): State<Arc<Base>>,
    OperatorCaller(actor): OperatorCaller,
    Segment(project): Segment<ProjectName>,
    Segment(user): Segment<UserName>,
    Segment(job): Segment<JobId>,
) -> Result<Json<Job>, Failure> {
    let now = base.now();
    let identity = ProjectUser { project, user };
    let mut tx = base.store.write("end_job").await?;
    if tx.jobs().end(&identity, &job, now).await? {
        let reason = RevocationReason::CessationOfOperation;
        let revoked = tx.certificates().revoke_all(Revoke::OfJob(&identity, &job), reason, now).await?;
        let ended = tx.tokens().end_all(End::OfJob(&identity, &job), now).await?;
        let outcome = format!("{revoked} certificates revoked, {ended} tokens ended");
        actor.record(&mut tx, "end_job", &name_of(&identity, &job), &outcome, now).await?;
    }
    let ended = find(&mut tx, &identity, &job).await?;
    tx.commit().await?;
    base.events.notify(Event::Revoked);
    Ok(Json(ended))
}

/// Finds a job.
pub(crate) async fn find(tx: &mut Transaction, identity: &ProjectUser, job: &JobId) -> Result<Job, Failure> {
    let found = tx.jobs().find(identity, job).await?;
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

/// The name of a job in the audit log.
fn name_of(identity: &ProjectUser, job: &JobId) -> String {
    format!("{identity}/{job}")
}
