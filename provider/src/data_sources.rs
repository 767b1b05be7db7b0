//! Data sources, one file each.

pub(crate) mod aws_cross_account_policy;
pub(crate) mod aws_instance_profile_policy;
#[cfg(feature = "aws")]
pub(crate) mod aws_network_check;
pub(crate) mod aws_trust_policy;
#[cfg(feature = "aws")]
pub(crate) mod aws_verification;
pub(crate) mod cluster;
