//! The trait of an ephemeral resource: something that exists only while Terraform needs it, such as a token.
//!
//! Expected flow: `validate` on every walk; `open` once the configuration is known; `renew` whenever the time has come;
//! `close` after the last use. A plan opens and closes, and so does the apply after it.
//!
//! Guarantees: neither result nor private value is stored or logged; what `open` has made is closed also when its
//! result is refused, and when Terraform stops the provider.
//!
//! Assumption: Terraform 1.11 gives `close` the private value of `open`, and what `renew` changes only to the next
//! `renew`. So it is `open` that must say what is to be closed.

use std::future::Future;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::schema::Model;

/// Something that is opened for one run of Terraform, used, and closed.
pub trait EphemeralResource: Send + Sync + 'static {
    /// The struct that mirrors the schema.
    type Model: Model;
    /// What the provider's `configure` makes.
    type Data: Send + Sync + 'static;
    /// What `renew` and `close` need to find it again; `()` when they need nothing.
    type Private: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// The whole type name, with the provider's prefix.
    const NAME: &'static str;

    /// Rules across attributes. The provider need not be configured; any value may be unknown.
    fn validate(&self, _config: &Self::Model, _out: &mut Diagnostics) {}

    /// Opens it: the configuration, completed. When this fails nothing is closed, so it leaves nothing behind.
    fn open(&self, ctx: &Context<Self::Data>, config: Self::Model)
    -> impl Future<Output = Result<Opened<Self>>> + Send;

    /// Makes it last longer, and says when to do so again. Its values stay what they were.
    fn renew(
        &self,
        _ctx: &Context<Self::Data>,
        _private: &mut Self::Private,
    ) -> impl Future<Output = Result<Option<Timestamp>>> + Send {
        async { Err(Diagnostic::error(format!("{} cannot be renewed", Self::NAME)).into()) }
    }

    /// Ends it. Already gone is success. It runs to its end also after Terraform has stopped the provider.
    fn close(&self, _ctx: &Context<Self::Data>, _private: Self::Private) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}

/// What was opened.
pub struct Opened<E: EphemeralResource + ?Sized> {
    /// What configurations see; nothing in it may be unknown.
    pub result: E::Model,
    /// For `renew` and `close`.
    pub private: E::Private,
    /// When to call `renew`, some time before it would expire; `None` when it lasts.
    ///
    /// An instant and not a time from now, because that is what issuers of tokens answer with and what Terraform wants;
    /// this crate then needs no clock.
    pub renew_at: Option<Timestamp>,
}
