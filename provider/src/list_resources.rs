//! List resources, one file each: what `terraform query` finds.

pub(crate) mod project;
pub(crate) mod project_member;
