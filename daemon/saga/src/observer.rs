//! The moments of a run, named, so that a test can stop or kill a run at each of them.

use std::fmt;
use std::ops::ControlFlow;

/// Watches a run and may stop it.
pub trait Observer: Send + Sync {
    /// Called at every moment of a run. `Break` abandons the run there and then, as a crash
    /// would: nothing more is appended, and a later run goes on from the log.
    fn at(&self, point: Point) -> ControlFlow<()>;
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn at(&self, _: Point) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// A moment in the run of one step of one saga. Reads `launch_node/start_agent/acted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Point {
    /// The saga's name.
    pub saga: &'static str,
    /// The step's name.
    pub step: &'static str,
    /// Where in the step.
    pub moment: Moment,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.saga, self.step, self.moment)
    }
}

/// Where in a step a run is. Every append and every act lies between two of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub enum Moment {
    /// Decided, nothing is logged.
    Starting,
    /// The intent is logged, the act has not begun.
    Started,
    /// The act has returned, its result is not logged.
    Acted,
    /// The act's output is logged.
    Done,
    /// The act's failure is logged.
    Failed,
    /// Decided to undo, nothing is logged.
    UndoStarting,
    /// The intent to undo is logged, the undo has not begun.
    UndoStarted,
    /// The undo has returned, its result is not logged.
    UndoActed,
    /// The undo is logged as done.
    UndoDone,
    /// The undo's failure is logged.
    UndoFailed,
}
