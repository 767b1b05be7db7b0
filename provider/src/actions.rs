//! Actions, one file each: what is done at once and leaves no state.

pub(crate) mod publish_crls;
pub(crate) mod rotate_node_certificates;
pub(crate) mod rotate_token_keys;
