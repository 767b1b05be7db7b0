//! What the author of a saga writes: a type with a table of steps.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Outputs, StepError, StepKind, Undo};

/// A crash-safe operation: a name, what it works with, and its steps.
pub trait Saga: Sized + Send + Sync + 'static {
    /// Identifies the saga in the database and in points; never changes.
    const NAME: &'static str;

    /// What the steps work with: drivers, the store, a clock.
    type Context: Send + Sync;

    /// What this run is about. It is stored with the saga and read again after a crash, perhaps
    /// by a newer program: fields are added with defaults and never change their meaning.
    type Input: Serialize + DeserializeOwned + Send + Sync;

    /// The table, in the order of acting. Names are unique, and a step keeps its name and place
    /// while logs that mention it are unfinished.
    fn steps() -> Vec<Step<Self>>;
}

/// One line of a saga's table.
pub struct Step<S: Saga> {
    name: &'static str,
    why_repeatable: &'static str,
    retries: u32,
    undo_kind: Undo,
    pub(crate) act: Act<S>,
    pub(crate) undo: Option<Act<S>>,
}

impl<S: Saga> Step<S> {
    /// A step whose effect `undo` takes back. `undo` runs also when the act failed or its answer
    /// was lost, and copes with finding nothing. `why_repeatable` speaks for both.
    pub fn undoable<A, U, O>(name: &'static str, act: A, undo: U, why_repeatable: &'static str) -> Self
    where
        A: for<'a> StepFn<'a, S::Context, S::Input, O> + 'static,
        U: for<'a> StepFn<'a, S::Context, S::Input, ()> + 'static,
        O: Serialize + Send + 'static,
    {
        Self { undo: Some(erase::<S, U, ()>(undo)), ..Self::with(name, act, Undo::Possible, why_repeatable) }
    }

    /// A step that leaves nothing behind to undo: it reads, computes or waits.
    pub fn without_effect<A, O>(name: &'static str, act: A, why_repeatable: &'static str) -> Self
    where
        A: for<'a> StepFn<'a, S::Context, S::Input, O> + 'static,
        O: Serialize + Send + 'static,
    {
        Self::with(name, act, Undo::Nothing, why_repeatable)
    }

    /// A step that cannot be undone. Once it has started the saga only goes forward: a failure
    /// that retries do not cure leaves it stuck.
    pub fn forward_only<A, O>(name: &'static str, act: A, why_repeatable: &'static str) -> Self
    where
        A: for<'a> StepFn<'a, S::Context, S::Input, O> + 'static,
        O: Serialize + Send + 'static,
    {
        Self::with(name, act, Undo::Impossible, why_repeatable)
    }

    /// Tries the act, and the undo, so many times more after transient failures. None by default.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The step's name, unique in its saga.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Why acting or undoing twice does no harm, for reviewers and `inspect`.
    pub fn why_repeatable(&self) -> &'static str {
        self.why_repeatable
    }

    /// The part of the step that decisions are made from.
    pub fn kind(&self) -> StepKind {
        StepKind { name: self.name, undo: self.undo_kind, retries: self.retries }
    }

    fn with<A, O>(name: &'static str, act: A, undo_kind: Undo, why_repeatable: &'static str) -> Self
    where
        A: for<'a> StepFn<'a, S::Context, S::Input, O> + 'static,
        O: Serialize + Send + 'static,
    {
        Self { name, why_repeatable, retries: 0, undo_kind, act: erase::<S, A, O>(act), undo: None }
    }
}

impl<S: Saga> std::fmt::Debug for Step<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Step").field("name", &self.name).finish_non_exhaustive()
    }
}

/// An `async fn(&Context, &Input, &Outputs) -> Result<Output, StepError>`.
///
/// Every such function is one; the trait exists because the future borrows its arguments, and
/// that the future is `Send` can only be said about a type with a name.
pub trait StepFn<'a, Context, Input, Output>: Send + Sync {
    /// What calling returns.
    type Future: Future<Output = Result<Output, StepError>> + Send + 'a;

    /// Calls the function.
    fn call(&self, context: &'a Context, input: &'a Input, outputs: &'a Outputs) -> Self::Future;
}

impl<'a, F, Fut, Context, Input, Output> StepFn<'a, Context, Input, Output> for F
where
    F: Fn(&'a Context, &'a Input, &'a Outputs) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Output, StepError>> + Send + 'a,
    Context: 'a,
    Input: 'a,
{
    type Future = Fut;

    fn call(&self, context: &'a Context, input: &'a Input, outputs: &'a Outputs) -> Fut {
        self(context, input, outputs)
    }
}

pub(crate) type Acting<'a> = Pin<Box<dyn Future<Output = Result<Value, StepError>> + Send + 'a>>;

/// An act or undo with its output's type forgotten.
pub(crate) type Act<S> =
    Arc<dyn for<'a> Fn(&'a <S as Saga>::Context, &'a <S as Saga>::Input, &'a Outputs) -> Acting<'a> + Send + Sync>;

fn erase<S: Saga, F, O>(function: F) -> Act<S>
where
    F: for<'a> StepFn<'a, S::Context, S::Input, O> + 'static,
    O: Serialize + Send + 'static,
{
    Arc::new(move |context, input, outputs| {
        let acting = function.call(context, input, outputs);
        Box::pin(async move {
            serde_json::to_value(acting.await?)
                .map_err(|error| StepError::permanent(format!("the output cannot be stored: {error}")))
        })
    })
}
