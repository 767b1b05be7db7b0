//! Functions: pure and offline, on an unconfigured provider.

pub(crate) mod project_user;
