//! Runs a saga: asks [`next`](crate::next()) what to do, logs the intent, does it, logs the result.
//!
//! There is no decision here and no state that is not in the log, so a run may be dropped, killed
//! or stopped anywhere and started again. The number of each event is the length of the log as
//! this run knows it: two runs of one saga collide on it, and one of them ends with
//! [`AppendError::SeqTaken`] before it acts.

use std::collections::HashSet;

use tracing::{debug, info, warn};

use crate::next::State;
use crate::{
    AppendError, Epoch, Event, LoadError, Log, LogError, Moment, Move, Observer, Outcome, Outputs, Pause, Point, Saga,
    SagaId, Step, StepError, StepKind,
};

/// Runs sagas with one log, one observer and one way to wait.
#[derive(Clone, Copy)]
pub struct Runner<'a> {
    /// Where events become durable.
    pub log: &'a dyn Log,
    /// Watches, and may stop a run; [`NoObserver`](crate::NoObserver) outside fault tests.
    pub observer: &'a dyn Observer,
    /// Waits before a retry.
    pub pause: &'a dyn Pause,
}

impl Runner<'_> {
    /// Runs a saga from wherever its log says it is, until it ends or is stuck. Running one that
    /// has ended returns its outcome again.
    pub async fn run<S: Saga>(
        &self,
        context: &S::Context,
        input: &S::Input,
        id: &SagaId,
        epoch: Epoch,
    ) -> Result<Outcome, RunError> {
        self.run_steps::<S>(&S::steps(), context, input, id, epoch).await
    }

    /// Runs a given table, which the fault tests have tampered with.
    pub(crate) async fn run_steps<S: Saga>(
        &self,
        steps: &[Step<S>],
        context: &S::Context,
        input: &S::Input,
        id: &SagaId,
        epoch: Epoch,
    ) -> Result<Outcome, RunError> {
        let mut run = Run::begin(*self, steps, S::NAME, id, epoch).await?;
        let mut next = run.state.next_move(&run.kinds);
        loop {
            match next {
                Move::Act { step } => run.act(step, context, input).await?,
                Move::Undo { step } => run.undo(step, context, input).await?,
                Move::Finished(outcome) => {
                    info!(saga.id = %id, saga.name = S::NAME, saga.outcome = ?outcome, "saga ended");
                    return Ok(outcome);
                }
            }
            if let Some(failures) = run.state.failures() {
                self.pause.pause(failures).await;
            }
            next = run.state.next_move(&run.kinds);
        }
    }
}

impl std::fmt::Debug for Runner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").finish_non_exhaustive()
    }
}

/// Why a run ended without an outcome. The saga is unfinished; what its log says still holds.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The log could not be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// An event could not be appended.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log does not fit the saga's table.
    #[error("the log of saga {saga} does not fit the steps of `{name}`")]
    Log {
        /// The saga.
        saga: SagaId,
        /// Its operation's name.
        name: &'static str,
        /// Where it does not fit.
        #[source]
        source: LogError,
    },
    /// The table names a step twice, so its log would be ambiguous. A mistake in the program.
    #[error("saga `{name}` has two steps named `{step}`")]
    StepNamedTwice {
        /// The operation's name.
        name: &'static str,
        /// The name used twice.
        step: &'static str,
    },
    /// The log is longer than an event's number can say.
    #[error("the log of saga {saga} is full")]
    LogFull {
        /// The saga.
        saga: SagaId,
    },
    /// The observer stopped the run.
    #[error("the run was stopped at {point}")]
    Stopped {
        /// Where.
        point: Point,
    },
}

/// One run: what it knows of the log, kept in step with what it appends.
struct Run<'a, S: Saga> {
    runner: Runner<'a>,
    steps: &'a [Step<S>],
    kinds: Vec<StepKind>,
    name: &'static str,
    id: &'a SagaId,
    epoch: Epoch,
    state: State,
    outputs: Outputs,
    len: usize,
}

impl<'a, S: Saga> Run<'a, S> {
    async fn begin(
        runner: Runner<'a>,
        steps: &'a [Step<S>],
        name: &'static str,
        id: &'a SagaId,
        epoch: Epoch,
    ) -> Result<Self, RunError> {
        let kinds: Vec<StepKind> = steps.iter().map(Step::kind).collect();
        let mut seen = HashSet::new();
        if let Some(twice) = kinds.iter().find(|kind| !seen.insert(kind.name)) {
            return Err(RunError::StepNamedTwice { name, step: twice.name });
        }
        let log = runner.log.load(id).await?;
        let state = State::of(&log, &kinds).map_err(|source| RunError::Log { saga: id.clone(), name, source })?;
        let outputs = Outputs::from_log(&log);
        Ok(Self { runner, steps, kinds, name, id, epoch, state, outputs, len: log.len() })
    }

    async fn act(&mut self, step: &'static str, context: &S::Context, input: &S::Input) -> Result<(), RunError> {
        self.at(step, Moment::Starting)?;
        self.append(Event::StepStarted { step: step.to_owned() }).await?;
        self.at(step, Moment::Started)?;
        let result = (self.step(step).act)(context, input, &self.outputs).await;
        self.at(step, Moment::Acted)?;
        let step_name = step.to_owned();
        match result {
            Ok(output) => {
                self.append(Event::StepDone { step: step_name, output }).await?;
                self.at(step, Moment::Done)
            }
            Err(error) => {
                self.warn(step, &error, "step failed");
                let failure = error.failure();
                self.append(Event::StepFailed { step: step_name, error: error.to_string(), failure }).await?;
                self.at(step, Moment::Failed)
            }
        }
    }

    async fn undo(&mut self, step: &'static str, context: &S::Context, input: &S::Input) -> Result<(), RunError> {
        self.at(step, Moment::UndoStarting)?;
        self.append(Event::UndoStarted { step: step.to_owned() }).await?;
        self.at(step, Moment::UndoStarted)?;
        let undo = self.step(step).undo.as_ref().expect("only a step whose undo is possible is undone");
        let result = undo(context, input, &self.outputs).await;
        self.at(step, Moment::UndoActed)?;
        let step_name = step.to_owned();
        match result {
            Ok(_) => {
                self.append(Event::UndoDone { step: step_name }).await?;
                self.at(step, Moment::UndoDone)
            }
            Err(error) => {
                self.warn(step, &error, "undo failed");
                let failure = error.failure();
                self.append(Event::UndoFailed { step: step_name, error: error.to_string(), failure }).await?;
                self.at(step, Moment::UndoFailed)
            }
        }
    }

    /// Makes an event durable, and only then part of what this run knows.
    async fn append(&mut self, event: Event) -> Result<(), RunError> {
        let full = || RunError::LogFull { saga: self.id.clone() };
        let seq = u32::try_from(self.len).map_err(|_| full())?;
        let state = self.state.clone().after(self.len, &event, &self.kinds).map_err(|source| RunError::Log {
            saga: self.id.clone(),
            name: self.name,
            source,
        })?;
        self.runner.log.append(self.id, self.epoch, seq, &event).await?;
        debug!(saga.id = %self.id, saga.name = self.name, saga.step = event.step(), saga.event = event.kind());
        self.outputs.record(&event);
        self.state = state;
        self.len += 1;
        Ok(())
    }

    fn at(&self, step: &'static str, moment: Moment) -> Result<(), RunError> {
        let point = Point { saga: self.name, step, moment };
        if self.runner.observer.at(point).is_break() {
            return Err(RunError::Stopped { point });
        }
        Ok(())
    }

    fn step(&self, name: &str) -> &'a Step<S> {
        self.steps.iter().find(|step| step.name() == name).expect("moves name steps of this table")
    }

    fn warn(&self, step: &'static str, error: &StepError, message: &'static str) {
        warn!(saga.id = %self.id, saga.name = self.name, saga.step = step, error = %error, "{message}");
    }
}
