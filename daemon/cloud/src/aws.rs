//! AWS: the documents that a security team approves before anything runs, and what they allow.
//!
//! What is built without the feature `aws` is pure: a typed request becomes JSON, and JSON becomes an answer. The documents lie
//! in `templates/aws/`, each statement with the grant that needs it and a sentence why; [`Document`] is what comes out. The feature
//! brings what speaks to AWS: roles, a look at networks, and verification.
//!
//! # Guarantees
//!
//! - The same request gives the same bytes.
//! - Partition, account and region are concrete in every ARN, and so are VPCs, subnets, groups, profiles and roles.
//! - A statement of a grant that was not asked for is not there.

#[cfg(feature = "aws")]
mod account;
mod calls;
mod cross_account;
mod document;
mod evaluate;
mod explain;
mod external_id;
mod foreign;
mod grant;
mod hole;
#[cfg(feature = "aws")]
mod iam;
mod instance_profile;
#[cfg(feature = "aws")]
mod look;
#[cfg(feature = "aws")]
mod managed_policy;
mod name;
mod network;
#[cfg(feature = "aws")]
mod ownership;
#[cfg(feature = "aws")]
mod profile;
#[cfg(feature = "aws")]
mod propagation;
#[cfg(feature = "aws")]
mod role;
#[cfg(feature = "aws")]
mod role_error;
mod template;
mod trust;
#[cfg(feature = "aws")]
mod verify;

#[cfg(feature = "aws")]
pub use account::{AssumeRole, AwsAccount, AwsError, AwsIdentity, AwsSettings};
pub use calls::{NeededCall, all_calls, needed_calls};
pub use cross_account::{CrossAccount, InstanceProfile, Style};
pub use document::{Document, DocumentError, MANAGED_LIMIT, Note, PolicyType, ROLE_LIMIT, Statement, TRUST_LIMIT};
pub use evaluate::{Key, Request, Verdict, evaluate};
pub use explain::{Explained, ExplainedStatement, explain};
pub use external_id::{ExternalId, check_external_id};
pub use foreign::{harmless, read_policy};
pub use grant::{Grant, NodeGrant};
pub use hole::{Attempt, FoundHole, HOLES, Hole, attempts, holes_of, known_holes};
pub use instance_profile::NodeRole;
#[cfg(feature = "aws")]
pub use managed_policy::OwnPolicy;
pub use name::{
    AccountId, AwsNameError, BucketName, ImageOwner, KubernetesName, Partition, Principal, ProfileName, Region,
    RoleName, STACK_TAG, SecurityGroupId, StackName, SubnetId, VpcId,
};
pub use network::{AclRule, CHECKS, Endpoint, Finding, Network, PortRange, SecurityGroup, Subnet, findings};
#[cfg(feature = "aws")]
pub use ownership::Claim;
#[cfg(feature = "aws")]
pub use profile::{ProfileObserved, ProfileSpec};
#[cfg(feature = "aws")]
pub use role::{RoleObserved, RoleSpec};
#[cfg(feature = "aws")]
pub use role_error::RoleError;
pub use template::Rendered;
pub use trust::Trust;
#[cfg(feature = "aws")]
pub use verify::Verified;
