//! AWS: the documents that a security team approves before anything runs, and what they allow.
//!
//! A typed request becomes JSON, and JSON becomes an answer. The documents lie in `templates/aws/`, each statement with
//! the grant that needs it and a sentence why; [`Document`] is what comes out.
//!
//! # Guarantees
//!
//! - The same request gives the same bytes.
//! - Partition, account and region are concrete in every ARN, and so are VPCs, subnets, groups, profiles and roles.
//! - A statement of a grant that was not asked for is not there.

mod calls;
mod cross_account;
mod document;
mod evaluate;
mod explain;
mod external_id;
mod fault;
mod finding;
mod foreign;
mod grant;
mod instance_profile;
mod name;
mod network;
mod request;
mod template;
mod trust;

pub use calls::{NeededCall, all_calls, needed_calls};
pub use cross_account::{CrossAccount, InstanceProfile, Style};
pub use document::{
    Document, DocumentError, Effect, MANAGED_LIMIT, Note, PolicyType, ROLE_LIMIT, Statement, TRUST_LIMIT,
};
pub use evaluate::{Key, Request, Verdict, evaluate};
pub use explain::{Explained, ExplainedStatement, explain};
pub use external_id::{ExternalId, check_external_id};
pub use fault::Fault;
pub use finding::{Attempt, ESCALATION_PATHS, EscalationPath, Finding, attempts, findings, paths_checked};
pub use foreign::{harmless, read_policy};
pub use grant::{Grant, NodeGrant};
pub use instance_profile::NodeRole;
pub use name::{
    AccountId, AwsNameError, BucketName, ImageOwner, KubernetesName, Partition, Principal, ProfileName, Region,
    RoleName, STACK_TAG, SecurityGroupId, StackName, SubnetId, VpcId,
};
pub use network::{
    AclRule, Endpoint, NETWORK_CHECKS, Network, NetworkFinding, PortRange, SecurityGroup, Subnet, network_findings,
};
pub use request::{CrossAccountRequest, InstanceProfileRequest, NodeRoleRequest, TrustRequest, Unknown};
pub use template::Rendered;
pub use trust::Trust;
