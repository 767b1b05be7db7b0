//! Where a cluster's head runs, and how the provider plants and removes it.

pub(crate) mod local;
