//! The protocol messages and services, generated from `proto/` and committed.
//!
//! Not part of the stable interface: providers never name them. They are public for tests that speak to a provider as
//! Terraform does.

#[allow(missing_docs, unreachable_pub, unused_qualifications, rust_2018_idioms, clippy::all, clippy::pedantic)]
#[rustfmt::skip]
pub mod tfplugin6;

#[allow(missing_docs, unreachable_pub, unused_qualifications, rust_2018_idioms, clippy::all, clippy::pedantic)]
#[rustfmt::skip]
pub mod plugin;

use std::fmt;

/// Shows sizes only: values may be secret.
impl fmt::Debug for tfplugin6::DynamicValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "DynamicValue({} bytes)", self.msgpack.len() + self.json.len())
    }
}

/// Shows sizes only: values may be secret.
impl fmt::Debug for tfplugin6::RawState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "RawState({} bytes)", self.json.len())
    }
}

/// Messages that show nothing but their name: the private value of an ephemeral resource may be secret.
macro_rules! secretive {
    ($($message:path)*) => {
        $(
            impl fmt::Debug for $message {
                fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                    out.write_str(stringify!($message))
                }
            }
        )*
    };
}

secretive! {
    tfplugin6::open_ephemeral_resource::Response
    tfplugin6::renew_ephemeral_resource::Request
    tfplugin6::renew_ephemeral_resource::Response
    tfplugin6::close_ephemeral_resource::Request
}
