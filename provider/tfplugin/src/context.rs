//! What an operation is given besides its model: provider data, cancellation, warnings, the plan.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::deferral::{Deferral, DeferralReason};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::path::Path;
use crate::schema::{Field, Model};
use crate::value::Dynamic;

/// What every operation on a configured provider has.
pub struct Context<D> {
    data: Arc<D>,
    /// The `provider_meta` block of the module.
    meta: Dynamic,
    calls: Calls,
}

/// Cancellation, warnings and deferral of one call.
pub(crate) struct Calls {
    cancelled: CancellationToken,
    warnings: Mutex<Diagnostics>,
    deferral: Deferral,
}

impl Calls {
    pub(crate) fn new(cancelled: CancellationToken, deferral: Deferral) -> Self {
        Self { cancelled, warnings: Mutex::default(), deferral }
    }

    fn warn(&self, warning: Diagnostic) {
        lock(&self.warnings).push(warning);
    }

    pub(crate) fn take_warnings(&self) -> Diagnostics {
        std::mem::take(&mut lock(&self.warnings))
    }
}

impl<D> Context<D> {
    pub(crate) fn new(data: Arc<D>, cancelled: CancellationToken) -> Self {
        Self { data, meta: Dynamic::Null, calls: Calls::new(cancelled, Deferral::default()) }
    }

    /// The same for a call that may be deferred.
    pub(crate) fn deferrable(mut self, deferral: Deferral) -> Self {
        self.calls.deferral = deferral;
        self
    }

    /// The same with what the module says in its `provider_meta` block.
    pub(crate) fn with_meta(mut self, meta: Dynamic) -> Self {
        self.meta = meta;
        self
    }

    /// What `configure` made.
    pub fn data(&self) -> &Arc<D> {
        &self.data
    }

    /// Fires when Terraform stops the provider (Ctrl-C): end what can be ended, save what exists, return.
    pub fn cancelled(&self) -> &CancellationToken {
        &self.calls.cancelled
    }

    /// Tells the user something without failing.
    pub fn warn(&self, warning: Diagnostic) {
        self.calls.warn(warning);
    }

    /// Puts this off to a later round, if Terraform accepts that here and something is unknown. Returns whether it
    /// does: then whatever the call returns may hold unknown values, else go on as if nothing had been asked.
    pub fn defer(&self, reason: DeferralReason) -> bool {
        self.calls.deferral.defer(reason)
    }

    /// What the module says in its `provider_meta` block; `None` without one. `M` is the model that was registered with
    /// [`Registry::provider_meta`](crate::Registry::provider_meta).
    pub fn provider_meta<M: Model>(&self) -> Result<Option<M>> {
        Ok(Option::<M>::decode(self.meta.clone(), &Path::root())?)
    }

    pub(crate) fn deferred(&self) -> Option<DeferralReason> {
        self.calls.deferral.reason()
    }

    /// Runs `work` for at most `limit`, and not beyond cancellation. `doing` names it in the error: "creating the
    /// cluster".
    pub async fn within<T>(
        &self,
        doing: &str,
        limit: Duration,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        tokio::select! {
            biased;
            done = tokio::time::timeout(limit, work) => done.unwrap_or_else(|_| {
                Err(Diagnostic::error(format!("Timed out while {doing}"))
                    .detail(format!(
                        "It took longer than {} s. Raise the limit in `timeouts` if it needs more time.",
                        limit.as_secs_f64()
                    ))
                    .into())
            }),
            () = self.calls.cancelled.cancelled() => Err(Diagnostic::error(format!("Interrupted while {doing}"))
                .detail("Terraform asked the provider to stop.")
                .into()),
        }
    }

    /// The same for a call that runs to its end although Terraform stops the provider.
    pub(crate) fn uncancelled(&self) -> Self {
        Self::new(Arc::clone(&self.data), CancellationToken::new())
    }

    pub(crate) fn take_warnings(&self) -> Diagnostics {
        self.calls.take_warnings()
    }
}

/// What `configure` has.
pub struct ConfigureContext {
    terraform_version: String,
    calls: Calls,
}

impl ConfigureContext {
    pub(crate) fn new(terraform_version: String, cancelled: CancellationToken, deferral: Deferral) -> Self {
        Self { terraform_version, calls: Calls::new(cancelled, deferral) }
    }

    /// The version of Terraform, such as `1.11.4`.
    pub fn terraform_version(&self) -> &str {
        &self.terraform_version
    }

    /// Fires when Terraform stops the provider.
    pub fn cancelled(&self) -> &CancellationToken {
        &self.calls.cancelled
    }

    /// Tells the user something without failing.
    pub fn warn(&self, warning: Diagnostic) {
        self.calls.warn(warning);
    }

    /// Puts off everything that needs a configured provider, if Terraform accepts that and something in the provider
    /// block is unknown. Returns whether it does.
    pub fn defer(&self) -> bool {
        self.calls.deferral.defer(DeferralReason::ProviderConfigUnknown)
    }

    pub(crate) fn deferred(&self) -> Option<DeferralReason> {
        self.calls.deferral.reason()
    }

    pub(crate) fn take_warnings(&self) -> Diagnostics {
        self.calls.take_warnings()
    }
}

/// A change that is being planned.
#[derive(Debug, Clone)]
pub struct Plan<M> {
    /// The configuration; `None` when destroying.
    pub config: Option<M>,
    /// The state before; `None` when creating.
    pub prior: Option<M>,
    /// The state planned; `None` when destroying. Change it here.
    pub planned: Option<M>,
    pub(crate) requires_replace: Vec<Path>,
}

impl<M: Model> Plan<M> {
    /// Whether a new resource is planned.
    pub fn is_create(&self) -> bool {
        self.prior.is_none()
    }

    /// Whether an existing resource is kept, changed or not.
    pub fn is_update(&self) -> bool {
        self.prior.is_some() && self.planned.is_some()
    }

    /// Whether the resource is to go.
    pub fn is_destroy(&self) -> bool {
        self.planned.is_none()
    }

    /// The change at that path needs a new resource.
    pub fn require_replace(&mut self, path: Path) {
        self.requires_replace.push(path);
    }
}

/// The data behind these locks is replaced whole, so a panic elsewhere leaves it consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
