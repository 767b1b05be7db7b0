//! Projects and their members, as a client of the daemon.

use super::{Member, MemberCredentials, Project, PutMember, PutMembers, PutProject, route};
use crate::certificate::PostIdentityCertificate;
use crate::client::{Client, ClientError};
use crate::name::{ProjectName, UserName};
use crate::node::IssuedCertificate;
use crate::token::{IssuedToken, PostToken};

impl Client {
    /// All projects, by name.
    pub async fn projects(&self) -> Result<Vec<Project>, ClientError> {
        self.ask(&route::LIST_PROJECTS, &[]).await
    }

    /// One project.
    pub async fn project(&self, name: &ProjectName) -> Result<Project, ClientError> {
        self.ask(&route::READ_PROJECT, &[name.as_str()]).await
    }

    /// Creates or changes a project.
    pub async fn put_project(&self, name: &ProjectName, put: &PutProject) -> Result<Project, ClientError> {
        self.give(&route::PUT_PROJECT, &[name.as_str()], put).await
    }

    /// Deletes a project, its members and their identities.
    pub async fn delete_project(&self, name: &ProjectName) -> Result<(), ClientError> {
        self.ask(&route::DELETE_PROJECT, &[name.as_str()]).await
    }

    /// The members of a project, by user.
    pub async fn members(&self, project: &ProjectName) -> Result<Vec<Member>, ClientError> {
        self.ask(&route::LIST_MEMBERS, &[project.as_str()]).await
    }

    /// Makes exactly these the members of a project.
    pub async fn put_members(&self, project: &ProjectName, put: &PutMembers) -> Result<Vec<Member>, ClientError> {
        self.give(&route::PUT_MEMBERS, &[project.as_str()], put).await
    }

    /// One member.
    pub async fn member(&self, project: &ProjectName, user: &UserName) -> Result<Member, ClientError> {
        self.ask(&route::READ_MEMBER, &[project.as_str(), user.as_str()]).await
    }

    /// Makes a user a member, or changes the role.
    pub async fn put_member(
        &self,
        project: &ProjectName,
        user: &UserName,
        put: &PutMember,
    ) -> Result<Member, ClientError> {
        self.give(&route::PUT_MEMBER, &[project.as_str(), user.as_str()], put).await
    }

    /// Removes a member and revokes its certificates.
    pub async fn delete_member(&self, project: &ProjectName, user: &UserName) -> Result<(), ClientError> {
        self.ask(&route::DELETE_MEMBER, &[project.as_str(), user.as_str()]).await
    }

    /// The certificate and key of a project user.
    pub async fn member_credentials(
        &self,
        project: &ProjectName,
        user: &UserName,
    ) -> Result<MemberCredentials, ClientError> {
        self.ask(&route::READ_CREDENTIALS, &[project.as_str(), user.as_str()]).await
    }

    /// Signs a token of a project user. After a lost answer there may be a second one, which nobody holds.
    pub async fn issue_token(
        &self,
        project: &ProjectName,
        user: &UserName,
        post: &PostToken,
    ) -> Result<IssuedToken, ClientError> {
        self.give(&route::POST_TOKEN, &[project.as_str(), user.as_str()], post).await
    }

    /// A certificate of a project user, for a key of the caller's own.
    pub async fn issue_member_certificate(
        &self,
        project: &ProjectName,
        user: &UserName,
        post: &PostIdentityCertificate,
    ) -> Result<IssuedCertificate, ClientError> {
        self.give(&route::POST_MEMBER_CERTIFICATE, &[project.as_str(), user.as_str()], post).await
    }
}
