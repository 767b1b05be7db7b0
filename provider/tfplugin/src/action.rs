//! The trait of an action: something that is done and leaves no state, such as rotating a key.
//!
//! Expected flow: `validate` on every walk; `plan` when its trigger is planned; `invoke` when applying. Guarantee: an
//! action that was begun runs until it returns, also when nobody reads its progress any more; only Terraform's stop
//! cancels it.

use std::future::Future;

use tokio::sync::mpsc;

use crate::context::Context;
use crate::diagnostic::{Diagnostics, Result};
use crate::schema::Model;

/// Something that can be done.
pub trait Action: Send + Sync + 'static {
    /// The struct that mirrors the `config` block.
    type Model: Model;
    /// What the provider's `configure` makes.
    type Data: Send + Sync + 'static;
    /// The whole type name, with the provider's prefix.
    const NAME: &'static str;

    /// Rules across attributes. The provider need not be configured; any value may be unknown.
    fn validate(&self, _config: &Self::Model, _out: &mut Diagnostics) {}

    /// Looks whether it can be done. Values may be unknown. It changes nothing.
    fn plan(&self, _ctx: &Context<Self::Data>, _config: &Self::Model) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Does it. Terraform may invoke it again after a failure.
    fn invoke(&self, ctx: &ActionContext<Self::Data>, config: Self::Model) -> impl Future<Output = Result<()>> + Send;
}

/// What an action has: a [`Context`], and a way to tell how far it is.
pub struct ActionContext<D> {
    context: Context<D>,
    progress: mpsc::UnboundedSender<String>,
}

impl<D> ActionContext<D> {
    pub(crate) fn new(context: Context<D>, progress: mpsc::UnboundedSender<String>) -> Self {
        Self { context, progress }
    }

    /// Tells the user what has been done so far. Terraform shows it at once.
    pub fn progress(&self, message: impl Into<String>) {
        // Nobody listening does not keep the action from going on.
        let _ = self.progress.send(message.into());
    }
}

impl<D> std::ops::Deref for ActionContext<D> {
    type Target = Context<D>;

    fn deref(&self) -> &Context<D> {
        &self.context
    }
}
