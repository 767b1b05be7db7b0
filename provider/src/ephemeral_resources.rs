//! Ephemeral resources, one file each: credentials that never reach the state.

pub(crate) mod certificate;
pub(crate) mod token;
