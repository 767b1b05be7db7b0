//! Projects, their members, and the jobs of members.

#![expect(missing_docs, reason = "each route says what it is for in its summary")]

use std::time::Duration;

use crate::certificate::PostIdentityCertificate;
use crate::job::Job;
use crate::node::IssuedCertificate;
use crate::problem::ProblemCode;
use crate::project::{Member, MemberCredentials, Project, PutMember, PutMembers, PutProject};
use crate::route::{CREATING, Callers, Route};
use crate::token::{IssuedToken, PostToken};

pub const LIST_PROJECTS: Route<(), Vec<Project>> = Route::get("list_projects", "/v1/projects", Callers::Operator)
    .tagged("projects")
    .summary("All projects, by name.")
    .answers_list::<Project>();

pub const READ_PROJECT: Route<(), Project> = Route::get("read_project", "/v1/projects/{project}", Callers::Operator)
    .tagged("projects")
    .summary("One project.")
    .answers::<Project>();

pub const PUT_PROJECT: Route<PutProject, Project> =
    Route::put("put_project", "/v1/projects/{project}", Callers::Operator)
        .tagged("projects")
        .summary(
            "Creates a project, or changes its description. A name that differs from another's only in case is \
        refused.",
        )
        .parameters(&[CREATING])
        .takes::<PutProject>()
        .answers::<Project>()
        .problems(&[ProblemCode::Conflict, ProblemCode::AlreadyExists]);

pub const DELETE_PROJECT: Route<(), ()> = Route::delete("delete_project", "/v1/projects/{project}", Callers::Operator)
    .tagged("projects")
    .summary("Deletes a project with its members, and revokes their certificates.")
    .meaning("Deleted");

pub const LIST_MEMBERS: Route<(), Vec<Member>> =
    Route::get("list_members", "/v1/projects/{project}/members", Callers::DataOwner)
        .tagged("projects")
        .summary("The members of a project, by user. For the operator and the project's data owners.")
        .answers_list::<Member>();

pub const PUT_MEMBERS: Route<PutMembers, Vec<Member>> =
    Route::put("put_members", "/v1/projects/{project}/members", Callers::DataOwner)
        .tagged("projects")
        .summary(
            "Makes exactly these the members: adds, changes roles and removes in one transaction, and answers with all \
        of them.",
        )
        .description(
            "For the operator and the project's data owners. A project that has a data owner keeps one \
        (`last_data_owner`), and a data owner who calls stays one (`own_membership`). At most 1,000 members.",
        )
        .may_take(Duration::from_mins(10))
        .takes::<PutMembers>()
        .answers_list::<Member>()
        .problems(&[ProblemCode::LastDataOwner, ProblemCode::OwnMembership]);

pub const READ_MEMBER: Route<(), Member> =
    Route::get("read_member", "/v1/projects/{project}/members/{user}", Callers::DataOwner)
        .tagged("projects")
        .summary("One member. For the operator and the project's data owners.")
        .answers::<Member>();

pub const PUT_MEMBER: Route<PutMember, Member> =
    Route::put("put_member", "/v1/projects/{project}/members/{user}", Callers::DataOwner)
        .tagged("projects")
        .summary("Makes a user a member, with an identity and a certificate of its own, or changes the role.")
        .description(
            "For the operator, whom nothing stops from demoting the last data owner (`PUT …/members` guards against \
        that), and for the project's data owners, who stay what they are.",
        )
        .parameters(&[CREATING])
        .may_take(Duration::from_mins(1))
        .takes::<PutMember>()
        .answers::<Member>()
        .problems(&[ProblemCode::AlreadyExists, ProblemCode::OwnMembership]);

pub const DELETE_MEMBER: Route<(), ()> =
    Route::delete("delete_member", "/v1/projects/{project}/members/{user}", Callers::DataOwner)
        .tagged("projects")
        .summary("Removes a member and revokes its certificates.")
        .description(
            "For the operator, whom nothing stops from removing the last data owner (`PUT …/members` guards against \
        that), and for the project's data owners, who cannot remove themselves.",
        )
        .meaning("Removed")
        .problems(&[ProblemCode::OwnMembership]);

pub const POST_MEMBER_CERTIFICATE: Route<PostIdentityCertificate, IssuedCertificate> =
    Route::post("post_member_certificate", "/v1/projects/{project}/members/{user}/certificates", Callers::Operator)
        .tagged("projects")
        .summary("Issues a certificate of a project user for a key of the caller's own.")
        .takes::<PostIdentityCertificate>()
        .answers::<IssuedCertificate>()
        .problems(&[ProblemCode::InvalidCsr]);

pub const READ_CREDENTIALS: Route<(), MemberCredentials> =
    Route::get("read_credentials", "/v1/projects/{project}/members/{user}/credentials", Callers::Operator)
        .tagged("projects")
        .summary("The present certificate and key of a project user.")
        .answers::<MemberCredentials>();

pub const READ_JOB: Route<(), Job> =
    Route::get("read_job", "/v1/projects/{project}/members/{user}/jobs/{job}", Callers::Operator)
        .tagged("projects")
        .summary("One job, also when it has ended.")
        .answers::<Job>();

pub const PUT_JOB: Route<(), Job> =
    Route::put("put_job", "/v1/projects/{project}/members/{user}/jobs/{job}", Callers::Operator)
        .tagged("projects")
        .summary("Starts a job. Starting one that runs changes nothing; one that has ended does not run again.")
        .answers::<Job>()
        .problems(&[ProblemCode::Conflict]);

pub const DELETE_JOB: Route<(), Job> =
    Route::delete("delete_job", "/v1/projects/{project}/members/{user}/jobs/{job}", Callers::Operator)
        .tagged("projects")
        .summary(
            "Ends a job: its certificates are revoked and its tokens are good no more. One that has ended stays so.",
        )
        .meaning("Ended")
        .answers::<Job>();

pub const POST_JOB_CERTIFICATE: Route<PostIdentityCertificate, IssuedCertificate> = Route::post(
    "post_job_certificate",
    "/v1/projects/{project}/members/{user}/jobs/{job}/certificates",
    Callers::Operator,
)
.tagged("projects")
.summary("Issues a certificate of a job for a key of its own. Its organization is the job.")
.takes::<PostIdentityCertificate>()
.answers::<IssuedCertificate>()
.problems(&[ProblemCode::InvalidCsr, ProblemCode::Conflict]);

pub const POST_TOKEN: Route<PostToken, IssuedToken> =
    Route::post("post_token", "/v1/projects/{project}/members/{user}/tokens", Callers::Operator)
        .tagged("tokens")
        .summary(
            "Signs a token of a project user for one audience. It ends by itself, with its job, and with the \
        membership; of an end before its time only introspection tells.",
        )
        .takes::<PostToken>()
        .answers::<IssuedToken>()
        .problems(&[ProblemCode::Conflict]);
