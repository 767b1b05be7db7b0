//! The trait of a list resource: finding what exists, for `terraform query`.
//!
//! Expected flow: `validate`, then `list`, which hands over one result at a time; Terraform gets each at once.
//! Guarantees: no more results than the user's limit leave the provider; the whole object is sent only when it was
//! asked for.

use std::future::Future;
use std::marker::PhantomData;
use std::ops::ControlFlow;

use tokio::sync::mpsc;

use crate::context::Context;
use crate::diagnostic::{Diagnostics, Result};
use crate::resource::Resource;
use crate::schema::{Field, Model};
use crate::value::Dynamic;

/// A way to find objects of one resource type. It has the name of that resource.
pub trait ListResource: Send + Sync + 'static {
    /// What it finds.
    type Resource: Resource;
    /// The struct that mirrors the `config` block.
    type Model: Model;

    /// Rules across attributes. The provider need not be configured; any value may be unknown.
    fn validate(&self, _config: &Self::Model, _out: &mut Diagnostics) {}

    /// Finds objects, in an order that stays the same, and hands each to [`Listing::add`] until that says to stop.
    fn list(
        &self,
        ctx: &Context<<Self::Resource as Resource>::Data>,
        config: Self::Model,
        listing: &mut Listing<Self::Resource>,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// One object that was found.
pub struct Listed<R: Resource> {
    /// What people call it.
    pub display_name: String,
    /// What identifies it.
    pub identity: R::Identity,
    /// The whole object, if [`Listing::wants_resource`].
    pub resource: Option<R::Model>,
}

/// Where results go.
pub struct Listing<R: Resource> {
    results: mpsc::Sender<Found>,
    wants_resource: bool,
    left: u64,
    of: PhantomData<fn() -> R>,
}

/// One result, untyped.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) display_name: String,
    pub(crate) identity: Dynamic,
    pub(crate) resource: Option<Dynamic>,
}

impl<R: Resource> Listing<R> {
    /// At most `limit` results; all of them for zero or less.
    pub(crate) fn new(results: mpsc::Sender<Found>, wants_resource: bool, limit: i64) -> Self {
        let left = u64::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(u64::MAX);
        Self { results, wants_resource, left, of: PhantomData }
    }

    /// Whether results should hold the whole object.
    pub fn wants_resource(&self) -> bool {
        self.wants_resource
    }

    /// Hands over a result. Breaks when there were enough, or nobody listens any more: return then.
    pub async fn add(&mut self, listed: Listed<R>) -> ControlFlow<()> {
        if self.left == 0 {
            return ControlFlow::Break(());
        }
        let resource = listed.resource.filter(|_| self.wants_resource);
        let found = Found {
            display_name: listed.display_name,
            identity: listed.identity.encode(),
            resource: resource.map(|resource| resource.encode().nulls_for_unknowns()),
        };
        self.left -= 1;
        match self.results.send(found).await {
            Ok(()) if self.left > 0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }
}
