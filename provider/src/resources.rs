//! Resources, one file each.

pub(crate) mod cluster;
pub(crate) mod project;
pub(crate) mod project_member;
pub(crate) mod project_members;
