//! The edge: where the framework's values and schemas become protocol messages and back.
//!
//! Only this module and the server name generated types.

mod decode;
mod encode;
mod message;

use unicode_normalization::{UnicodeNormalization, is_nfc};

pub(crate) use decode::{Budget, WireError, decode};
pub(crate) use encode::encode;
pub(crate) use message::{
    deferred, diagnostics, dynamic, from_dynamic, function, identity_schema, path, schema, timestamp,
};

/// The text in NFC, the form that Terraform keeps.
pub(crate) fn normalized(text: String) -> String {
    if is_nfc(&text) { text } else { text.nfc().collect() }
}

#[cfg(test)]
mod tests;
