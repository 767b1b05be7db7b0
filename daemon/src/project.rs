//! Projects and their members. A member is an identity: making one issues its certificate, and removing one
//! revokes it, in the same transaction as the row.

mod certificate;
mod credentials;
pub(crate) mod job;
mod member;
mod members;
mod membership;
#[expect(clippy::module_inception, reason = "the noun of the folder has operations of its own")]
mod project;
mod renew;

pub(crate) use certificate::{__path_post_member_certificate, HandOuts, post_member_certificate};
pub(crate) use credentials::{__path_read_credentials, read_credentials};
pub(crate) use job::{__path_delete_job, __path_post_job_certificate, __path_put_job, __path_read_job};
pub(crate) use job::{delete_job, post_job_certificate, put_job, read_job};
pub(crate) use member::{
    __path_delete_member, __path_put_member, __path_read_member, delete_member, put_member, read_member,
    unknown as unknown_member,
};
pub(crate) use members::{__path_list_members, __path_put_members, list_members, put_members};
pub(crate) use project::{
    __path_delete_project, __path_list_projects, __path_put_project, __path_read_project, delete_project,
    list_projects, put_project, read_project,
};
pub(crate) use renew::RenewProjectUsers;
