//! Data sources, one file each.

pub(crate) mod aws_cross_account_policy;
pub(crate) mod aws_instance_profile_policy;
pub(crate) mod aws_trust_policy;
pub(crate) mod cluster;
