//! Projects and their members. Adding a member issues its certificate, and removing it revokes that, in the same
//! transaction as the row.

mod certificate;
mod change;
mod credentials;
mod identity;
mod job;
mod member;
mod members;
mod membership;
mod order;
#[expect(clippy::module_inception, reason = "the noun of the folder has operations of its own")]
mod project;
mod renew;
mod token;

use std::sync::Arc;

use axum::extract::FromRef;
use ringfence_api::project::route;

use crate::access::{Access, Routes};
use crate::authority::{Authorities, Issuing};
use crate::base::{Base, Task};

#[cfg(test)]
pub(crate) use credentials::read_credentials;
#[cfg(test)]
pub(crate) use member::{delete_member, put_member};
pub(crate) use order::OfProject;
#[cfg(test)]
pub(crate) use project::put_project;

/// The routes of projects, their members, and the jobs of members.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Routes<S>
where
    Arc<Access>: FromRef<S>,
    Arc<Base>: FromRef<S>,
    Arc<Authorities>: FromRef<S>,
    Arc<Issuing<OfProject>>: FromRef<S>,
{
    Routes::new()
        .add(&route::LIST_PROJECTS, project::list_projects)
        .add(&route::READ_PROJECT, project::read_project)
        .add(&route::PUT_PROJECT, project::put_project)
        .add(&route::DELETE_PROJECT, project::delete_project)
        .add(&route::LIST_MEMBERS, members::list_members)
        .add(&route::PUT_MEMBERS, members::put_members)
        .add(&route::READ_MEMBER, member::read_member)
        .add(&route::PUT_MEMBER, member::put_member)
        .add(&route::DELETE_MEMBER, member::delete_member)
        .add(&route::READ_CREDENTIALS, credentials::read_credentials)
        .add(&route::POST_TOKEN, token::post_token)
        .add(&route::PUT_JOB, job::put_job)
        .add(&route::READ_JOB, job::read_job)
        .add(&route::DELETE_JOB, job::delete_job)
        .add(&route::POST_MEMBER_CERTIFICATE, certificate::post_member_certificate)
        .add(&route::POST_JOB_CERTIFICATE, certificate::post_job_certificate)
}

/// The task that renews project users.
pub(crate) fn tasks<S>(state: &S) -> Vec<Box<dyn Task>>
where
    Arc<Authorities>: FromRef<S>,
{
    vec![Box::new(renew::RenewProjectUsers(FromRef::from_ref(state)))]
}
