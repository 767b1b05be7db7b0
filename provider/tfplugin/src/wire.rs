//! The edge: where the framework's values and schemas become protocol messages and back.
//!
//! Only this module and the server name generated types.

mod decode;
mod encode;
mod message;

pub(crate) use decode::{Budget, WireError, decode};
pub(crate) use encode::encode;
pub(crate) use message::{
    deferred, diagnostics, dynamic, from_dynamic, function, identity_schema, path, schema, timestamp,
};

#[cfg(test)]
mod tests;
