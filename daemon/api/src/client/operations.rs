//! The operations, each by its route.

use super::{Client, ClientError};
use crate::authority::{Authority, AuthorityDomain, ImportAuthorities, RotateAuthority};
use crate::certificate::PostIdentityCertificate;
use crate::cluster::{Cluster, PutCluster};
use crate::crl::PublishedCrl;
use crate::inspect::AuditCheckpoint;
use crate::master_key::MasterKeyState;
use crate::name::{NodeName, ProjectName, ServiceName, UserName};
use crate::node::{DesiredNode, IssuedCertificate, NodeRotation, PostCertificate, PutJoin, PutReport};
use crate::operator::{OperatorKeys, PutOperatorKey};
use crate::project::{Member, MemberCredentials, Project, PutMember, PutMembers, PutProject};
use crate::token::{IssuedToken, Jwks, PostToken, RotateTokenKeys, TokenKey};
use crate::whoami::Caller;
use crate::{
    authority::route as authority, cluster::route as cluster, inspect::route as inspect, login::route as login,
    master_key::route as master_key, node::route as node, project::route as project, token::route as token,
};

impl Client {
    /// Gives the cluster another operator token. The one before is good until the new one has logged in.
    pub async fn put_operator_key(&self, put: &PutOperatorKey) -> Result<OperatorKeys, ClientError> {
        self.give(&login::PUT_OPERATOR_KEY, &[], put).await
    }

    /// Who the daemon takes us for.
    pub async fn whoami(&self) -> Result<Caller, ClientError> {
        self.ask(&login::READ_WHOAMI, &[]).await
    }

    /// The cluster as it is.
    pub async fn cluster(&self) -> Result<Cluster, ClientError> {
        self.ask(&cluster::READ_CLUSTER, &[]).await
    }

    /// The cluster once its revision is above `after`, or unchanged after a [long poll](super::LONG_POLL).
    pub async fn cluster_after(&self, after: i64) -> Result<Cluster, ClientError> {
        self.ask_after(&cluster::READ_CLUSTER, &[], after).await
    }

    /// Declares the cluster.
    pub async fn put_cluster(&self, put: &PutCluster) -> Result<Cluster, ClientError> {
        self.give(&cluster::PUT_CLUSTER, &[], put).await
    }

    /// All projects, by name.
    pub async fn projects(&self) -> Result<Vec<Project>, ClientError> {
        self.ask(&project::LIST_PROJECTS, &[]).await
    }

    /// One project.
    pub async fn project(&self, name: &ProjectName) -> Result<Project, ClientError> {
        self.ask(&project::READ_PROJECT, &[name.as_str()]).await
    }

    /// Creates or changes a project.
    pub async fn put_project(&self, name: &ProjectName, put: &PutProject) -> Result<Project, ClientError> {
        self.give(&project::PUT_PROJECT, &[name.as_str()], put).await
    }

    /// Deletes a project, its members and their identities.
    pub async fn delete_project(&self, name: &ProjectName) -> Result<(), ClientError> {
        self.ask(&project::DELETE_PROJECT, &[name.as_str()]).await
    }

    /// The members of a project, by user.
    pub async fn members(&self, project: &ProjectName) -> Result<Vec<Member>, ClientError> {
        self.ask(&project::LIST_MEMBERS, &[project.as_str()]).await
    }

    /// Makes exactly these the members of a project.
    pub async fn put_members(&self, project: &ProjectName, put: &PutMembers) -> Result<Vec<Member>, ClientError> {
        self.give(&project::PUT_MEMBERS, &[project.as_str()], put).await
    }

    /// One member.
    pub async fn member(&self, project: &ProjectName, user: &UserName) -> Result<Member, ClientError> {
        self.ask(&project::READ_MEMBER, &[project.as_str(), user.as_str()]).await
    }

    /// Makes a user a member, or changes the role.
    pub async fn put_member(
        &self,
        project: &ProjectName,
        user: &UserName,
        put: &PutMember,
    ) -> Result<Member, ClientError> {
        self.give(&project::PUT_MEMBER, &[project.as_str(), user.as_str()], put).await
    }

    /// Removes a member and revokes its certificates.
    pub async fn delete_member(&self, project: &ProjectName, user: &UserName) -> Result<(), ClientError> {
        self.ask(&project::DELETE_MEMBER, &[project.as_str(), user.as_str()]).await
    }

    /// The certificate and key of a project user.
    pub async fn member_credentials(
        &self,
        project: &ProjectName,
        user: &UserName,
    ) -> Result<MemberCredentials, ClientError> {
        self.ask(&project::READ_CREDENTIALS, &[project.as_str(), user.as_str()]).await
    }

    /// Signs a token of a project user. After a lost answer there may be a second one, which nobody holds.
    pub async fn issue_token(
        &self,
        project: &ProjectName,
        user: &UserName,
        post: &PostToken,
    ) -> Result<IssuedToken, ClientError> {
        self.give(&project::POST_TOKEN, &[project.as_str(), user.as_str()], post).await
    }

    /// The keys by which tokens are verified.
    pub async fn jwks(&self) -> Result<Jwks, ClientError> {
        self.ask(&token::READ_JWKS, &[]).await
    }

    /// The keys that sign tokens, newest first.
    pub async fn token_keys(&self) -> Result<Vec<TokenKey>, ClientError> {
        self.ask(&token::LIST_TOKEN_KEYS, &[]).await
    }

    /// Lets the next key sign from now on. After a lost answer it may happen twice, which harms no token.
    pub async fn rotate_token_keys(&self) -> Result<Vec<TokenKey>, ClientError> {
        self.give(&token::ROTATE_TOKEN_KEYS, &[], &RotateTokenKeys { compromised: false }).await
    }

    /// Erases the keys that sign tokens, ends every token, and lets another key sign.
    pub async fn rotate_compromised_token_keys(&self) -> Result<Vec<TokenKey>, ClientError> {
        self.give(&token::ROTATE_TOKEN_KEYS, &[], &RotateTokenKeys { compromised: true }).await
    }

    /// A certificate of a project user, for a key of the caller's own.
    pub async fn issue_member_certificate(
        &self,
        project: &ProjectName,
        user: &UserName,
        post: &PostIdentityCertificate,
    ) -> Result<IssuedCertificate, ClientError> {
        self.give(&project::POST_MEMBER_CERTIFICATE, &[project.as_str(), user.as_str()], post).await
    }

    /// A certificate of a service on a node, for a key of the caller's own.
    pub async fn issue_service_certificate(
        &self,
        name: &NodeName,
        service: &ServiceName,
        post: &PostIdentityCertificate,
    ) -> Result<IssuedCertificate, ClientError> {
        self.give(&node::POST_SERVICE_CERTIFICATE, &[name.as_str(), service.as_str()], post).await
    }

    /// Revokes a certificate that was issued from a CSR. One that is revoked or expired stays as it is.
    pub async fn revoke_certificate(&self, serial: &str) -> Result<(), ClientError> {
        self.ask(&authority::DELETE_CERTIFICATE, &[serial]).await
    }

    /// Has everything that a node's agent holds replaced, unless that is under way already.
    pub async fn rotate_node(&self, name: &NodeName) -> Result<NodeRotation, ClientError> {
        self.ask(&node::ROTATE_NODE, &[name.as_str()]).await
    }

    /// The node's last rotation once its revision is above `after`, or unchanged after a [long poll](super::LONG_POLL).
    pub async fn rotation_after(&self, name: &NodeName, after: i64) -> Result<NodeRotation, ClientError> {
        self.ask_after(&node::READ_ROTATION, &[name.as_str()], after).await
    }

    /// Signs how the audit log stands now.
    pub async fn post_audit_checkpoint(&self) -> Result<AuditCheckpoint, ClientError> {
        self.ask(&inspect::POST_CHECKPOINT, &[]).await
    }

    /// Imports what an offline root has signed.
    pub async fn import_authorities(&self, import: &ImportAuthorities) -> Result<Vec<Authority>, ClientError> {
        self.give(&authority::IMPORT_AUTHORITIES, &[], import).await
    }

    /// The versions of the master key.
    pub async fn master_key(&self) -> Result<MasterKeyState, ClientError> {
        self.ask(&master_key::READ_MASTER_KEY, &[]).await
    }

    /// Seals with a newer version of the master key from now on. The rest is sealed anew in the background.
    pub async fn rotate_master_key(&self) -> Result<MasterKeyState, ClientError> {
        self.ask(&master_key::ROTATE_MASTER_KEY, &[]).await
    }

    /// Has a fresh list of every shard signed now. Returns them once they are committed.
    pub async fn publish_crls(&self) -> Result<Vec<PublishedCrl>, ClientError> {
        self.ask(&authority::PUBLISH_CRLS, &[]).await
    }

    /// Trades a ticket for the node's certificate.
    pub async fn join(&self, name: &NodeName, put: &PutJoin) -> Result<IssuedCertificate, ClientError> {
        self.give(&node::JOIN_NODE, &[name.as_str()], put).await
    }

    /// What the node should hold, once its generation is above `after`, or unchanged after a
    /// [long poll](super::LONG_POLL).
    pub async fn desired(&self, name: &NodeName, after: i64) -> Result<DesiredNode, ClientError> {
        self.ask_after(&node::READ_DESIRED, &[name.as_str()], after).await
    }

    /// Asks for a certificate of the node or of one of its services.
    pub async fn issue(&self, name: &NodeName, post: &PostCertificate) -> Result<IssuedCertificate, ClientError> {
        self.give(&node::POST_CERTIFICATE, &[name.as_str()], post).await
    }

    /// Asks for a token of a service on the node.
    pub async fn service_token(&self, name: &NodeName, service: &ServiceName) -> Result<IssuedToken, ClientError> {
        self.ask(&node::POST_SERVICE_TOKEN, &[name.as_str(), service.as_str()]).await
    }

    /// Says what the node holds.
    pub async fn report(&self, name: &NodeName, put: &PutReport) -> Result<(), ClientError> {
        self.give(&node::PUT_REPORT, &[name.as_str()], put).await
    }

    /// The authorities, with those that are gone.
    pub async fn authorities(&self) -> Result<Vec<Authority>, ClientError> {
        self.ask(&authority::LIST_AUTHORITIES, &[]).await
    }

    /// Asks for a successor of the active authority of a domain.
    pub async fn rotate_authority(
        &self,
        domain: AuthorityDomain,
        rotate: RotateAuthority,
    ) -> Result<Vec<Authority>, ClientError> {
        self.give(&authority::ROTATE_AUTHORITY, &[domain.as_str()], &rotate).await
    }
}
