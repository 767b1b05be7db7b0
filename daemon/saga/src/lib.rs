//! Crash-safe multi-step operations.
//!
//! A saga is for work whose crash half-way would leave something outside the database that only
//! this operation can explain: a process, a machine, a role. It is a table of steps, each with an
//! act, perhaps an undo, and the reason why repeating it is safe.
//!
//! # Guarantees
//!
//! - **Intent before effect.** The event that says a step starts is durable before the step acts,
//!   so whoever finds the log knows what may exist.
//! - **The log is the whole state.** [`next()`] decides the next move from the log and the table,
//!   and from nothing else. Dropping a run anywhere, or killing the process, loses no knowledge:
//!   the next run reads the log and goes on.
//! - **One writer.** Every event is appended under its owner's [`Epoch`] and its number in the
//!   log. An owner that was replaced is refused, and stops.
//! - **A definite end.** A saga ends all done, all undone, or stuck at a named step with the
//!   error that stopped it. Stuck is a state for an operator, not a line in a log file.
//!
//! # Assumptions
//!
//! - An act and an undo may run more than once, also at the same time when an owner lost its
//!   lease without noticing. Each step says why that is safe. External creations carry a token
//!   derived from the saga's id and the step, so that a repeat finds the first.
//! - An undo copes with an act that never happened, or happened without its answer arriving. The
//!   step that failed is undone too.
//!
//! # How to add a saga
//!
//! One file in five bands: a header (why a saga, which rows, what others may do meanwhile, what
//! an operator sees when it sticks), the input, the table, the implementations in table order,
//! and the tests, which are [`faults::every_fault`] and an invariant.
//!
//! ```
//! use ringfence_saga::{Outputs, Saga, Step, StepError};
//! # struct Cluster;
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct LaunchNodeInput {
//!     node: String,
//! }
//!
//! struct LaunchNode;
//!
//! impl Saga for LaunchNode {
//!     const NAME: &'static str = "launch_node";
//!     type Context = Cluster;
//!     type Input = LaunchNodeInput;
//!
//!     fn steps() -> Vec<Step<Self>> {
//!         vec![
//!             Step::without_effect("choose_port", choose_port, "only reads"),
//!             Step::undoable("start_agent", start_agent, stop_agent, "a directory holds one agent").retries(3),
//!         ]
//!     }
//! }
//!
//! async fn choose_port(_: &Cluster, _: &LaunchNodeInput, _: &Outputs) -> Result<u16, StepError> {
//!     Ok(4242)
//! }
//!
//! async fn start_agent(_: &Cluster, _: &LaunchNodeInput, outputs: &Outputs) -> Result<(), StepError> {
//!     let _port: u16 = outputs.of("choose_port")?;
//!     Ok(())
//! }
//!
//! async fn stop_agent(_: &Cluster, _: &LaunchNodeInput, _: &Outputs) -> Result<(), StepError> {
//!     Ok(())
//! }
//! ```

pub mod faults;

mod event;
mod log;
mod memory_log;
mod next;
mod observer;
mod outputs;
mod pause;
mod run;
mod saga;
mod step_error;

pub use event::{Event, Failure};
pub use log::{AppendError, Epoch, LoadError, Log, SagaId};
pub use memory_log::MemoryLog;
pub use next::{LogError, Move, Outcome, StepKind, Undo, next};
pub use observer::{Moment, NoObserver, Observer, Point};
pub use outputs::Outputs;
pub use pause::{Backoff, NoPause, Pause};
pub use run::{RunError, Runner};
pub use saga::{Saga, Step, StepFn};
pub use step_error::StepError;
