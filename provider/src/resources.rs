//! Resources, one file each.

#[cfg(feature = "aws")]
pub(crate) mod aws_cross_account_role;
#[cfg(feature = "aws")]
pub(crate) mod aws_instance_profile;
pub(crate) mod cluster;
pub(crate) mod project;
pub(crate) mod project_member;
pub(crate) mod project_members;
