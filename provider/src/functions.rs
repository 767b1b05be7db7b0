//! Functions: pure and offline, on an unconfigured provider.

pub(crate) mod aws_cross_account_policy;
pub(crate) mod aws_external_id;
pub(crate) mod aws_instance_profile_policy;
pub(crate) mod aws_trust_policy;
pub(crate) mod project_user;
