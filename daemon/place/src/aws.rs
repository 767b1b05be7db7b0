//! AWS, as the SDK reaches it: roles and instance profiles, networks, and verification.
//!
//! What documents say, and what they allow, is in `ringfence_policy::aws`.

mod account;
mod iam;
mod managed_policy;
mod network;
mod ownership;
mod profile;
mod propagation;
mod role;
mod role_error;
mod verify;

pub use account::{AssumeRole, AwsAccount, AwsError, AwsIdentity, AwsSettings};
pub use managed_policy::OwnPolicy;
pub use ownership::Claim;
pub use profile::{ProfileObserved, ProfileSpec};
pub use role::{RoleObserved, RoleSpec};
pub use role_error::RoleError;
pub use verify::Verified;
