//! What a saga's log is made of.
//!
//! Events are serialized externally tagged and are only ever appended. Logs outlive programs: a
//! field may be added with a default, and no variant, field or step is renamed while a log that
//! names it may still be unfinished.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One entry in the append-only log of one saga.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, strum::IntoStaticStr)]
pub enum Event {
    /// The step is about to act, or to act again; from here on its effect may exist.
    StepStarted {
        /// The step's name in the table.
        step: String,
    },
    /// The step has acted.
    StepDone {
        /// The step's name in the table.
        step: String,
        /// What the act returned; later steps read it.
        output: Value,
    },
    /// The step could not act, or its answer was lost: its effect may or may not exist.
    StepFailed {
        /// The step's name in the table.
        step: String,
        /// The error and its causes, for operators.
        error: String,
        /// Whether trying again can help.
        #[serde(default)]
        failure: Failure,
    },
    /// The step's undo is about to run, or to run again.
    UndoStarted {
        /// The step's name in the table.
        step: String,
    },
    /// The step's effect is gone.
    UndoDone {
        /// The step's name in the table.
        step: String,
    },
    /// The undo failed: the effect may still exist.
    UndoFailed {
        /// The step's name in the table.
        step: String,
        /// The error and its causes, for operators.
        error: String,
        /// Whether trying again can help.
        #[serde(default)]
        failure: Failure,
    },
}

impl Event {
    /// The step this event is about.
    pub fn step(&self) -> &str {
        match self {
            Self::StepStarted { step }
            | Self::StepDone { step, .. }
            | Self::StepFailed { step, .. }
            | Self::UndoStarted { step }
            | Self::UndoDone { step }
            | Self::UndoFailed { step, .. } => step,
        }
    }

    /// The variant's name, for messages and log fields.
    pub fn kind(&self) -> &'static str {
        self.into()
    }
}

/// Whether trying the same step again can help.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// The world may answer differently next time: throttled, unreachable, busy.
    Transient,
    /// The answer will be the same: refused, malformed, not allowed. Also what an old log means
    /// that does not say.
    #[default]
    Permanent,
}
