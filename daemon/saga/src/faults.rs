//! Breaks a saga in every way it must survive, and asks the author's invariant each time.
//!
//! The author gives a factory, which makes a fresh world and input for every case, and an
//! invariant, which looks at that world when the saga has ended:
//!
//! ```
//! # use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
//! # use ringfence_saga::{Outcome, Outputs, Saga, Step, StepError, faults};
//! # struct Launch;
//! # struct World(AtomicBool);
//! # impl Saga for Launch {
//! #     const NAME: &'static str = "launch";
//! #     type Context = World;
//! #     type Input = String;
//! #     fn steps() -> Vec<Step<Self>> {
//! #         vec![Step::undoable("start", start, stop, "a flag")]
//! #     }
//! # }
//! # async fn start(world: &World, _: &String, _: &Outputs) -> Result<(), StepError> {
//! #     Ok(world.0.store(true, SeqCst))
//! # }
//! # async fn stop(world: &World, _: &String, _: &Outputs) -> Result<(), StepError> {
//! #     Ok(world.0.store(false, SeqCst))
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! faults::every_fault::<Launch>(
//!     async || (World(AtomicBool::new(false)), "worker-1".to_owned()),
//!     async |world, outcome, case| match outcome {
//!         Outcome::Done => assert!(world.0.load(SeqCst), "{case}"),
//!         Outcome::Undone { .. } => assert!(!world.0.load(SeqCst), "{case}"),
//!         Outcome::Stuck { .. } => panic!("{case}: everything can be undone"),
//!     },
//! )
//! .await;
//! # }
//! ```
//!
//! A failed case panics; its name stands in the panic or in the captured output beside it.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::saga::Act;
use crate::{
    Epoch, Failure, MemoryLog, NoObserver, NoPause, Observer, Outcome, Point, RunError, Runner, Saga, SagaId, Step,
    StepError, Undo,
};

/// All of the tests in this module.
pub async fn every_fault<S: Saga>(
    factory: impl AsyncFn() -> (S::Context, S::Input),
    invariant: impl AsyncFn(&S::Context, &Outcome, &Case),
) {
    without_fault::<S>(&factory, &invariant).await;
    every_step_repeated::<S>(&factory, &invariant).await;
    every_step_failing::<S>(&factory, &invariant).await;
    every_undo_failing::<S>(&factory, &invariant).await;
    crash_after_every_event::<S>(&factory, &invariant).await;
}

/// The saga ends done when nothing goes wrong.
pub async fn without_fault<S: Saga>(
    factory: impl AsyncFn() -> (S::Context, S::Input),
    invariant: impl AsyncFn(&S::Context, &Outcome, &Case),
) {
    let case = Case::new("no fault".to_owned());
    ends_as::<S>(Ending::Done, S::steps(), case, &factory, &invariant).await;
}

/// Every act runs twice in a row, as after a crash that lost its answer, on the way to done; and
/// every act and every undo runs twice on the way back from a failure of the last step.
pub async fn every_step_repeated<S: Saga>(
    factory: impl AsyncFn() -> (S::Context, S::Input),
    invariant: impl AsyncFn(&S::Context, &Outcome, &Case),
) {
    for (index, step) in S::steps().iter().enumerate() {
        let steps = tampered::<S>(index, twice::<S>);
        let case = Case::new(format!("`{}` repeated", step.name()));
        ends_as::<S>(Ending::Done, steps, case, &factory, &invariant).await;
    }
    let Some(last) = S::steps().len().checked_sub(1) else { return };
    let steps = tampered::<S>(last, |step| blow(step, Side::Act, LOST_ANSWER));
    let case = Case::new("every act and undo repeated, the last step failed".to_owned());
    let steps = steps.into_iter().map(twice).collect();
    ends_as::<S>(Ending::of_failure::<S>(last), steps, case, &factory, &invariant).await;
}

/// Every step fails for good, before it acts and after it acted (the answer is lost); fails as
/// often as its retries bear, which ends well; and once more than that, which does not. A step
/// that is stuck ends well when its cause is gone and it is retried.
pub async fn every_step_failing<S: Saga>(
    factory: impl AsyncFn() -> (S::Context, S::Input),
    invariant: impl AsyncFn(&S::Context, &Outcome, &Case),
) {
    for (index, step) in S::steps().iter().enumerate() {
        let (name, retries) = (step.name(), step.kind().retries);
        let failed = Ending::of_failure::<S>(index);
        let too_often = retries.saturating_add(1);
        let faults = [
            (REFUSED, failed, "failed before it acted".to_owned()),
            (LOST_ANSWER, failed, "failed after it acted".to_owned()),
            (busy(retries), Ending::Done, format!("failed {retries} times for now")),
            (busy(too_often), failed, format!("failed {too_often} times for now")),
        ];
        for (fault, ending, what) in faults {
            let steps = tampered::<S>(index, |step| blow(step, Side::Act, fault));
            let case = Case::new(format!("`{name}` {what}"));
            ends_as::<S>(ending, steps, case, &factory, &invariant).await;
        }
        if failed == Ending::Stuck {
            let steps = tampered::<S>(index, |step| blow(step, Side::Act, Blow { times: 1, ..LOST_ANSWER }));
            let case = Case::new(format!("`{name}` stuck"));
            stays_stuck::<S>(steps, case, &factory).await;
        }
    }
}

/// On the way back from the last failure that can be undone, every undo fails for good, before
/// and after it acted, and is stuck; and fails as often as the retries bear, which ends undone by itself.
pub async fn every_undo_failing<S: Saga>(
    factory: impl AsyncFn() -> (S::Context, S::Input),
    invariant: impl AsyncFn(&S::Context, &Outcome, &Case),
) {
    let kinds: Vec<_> = S::steps().iter().map(Step::kind).collect();
    let undoable = kinds.iter().take_while(|kind| kind.undo != Undo::Impossible).count();
    for (index, kind) in kinds.iter().enumerate().take(undoable).filter(|(_, kind)| kind.undo == Undo::Possible) {
        let steps = |fault| {
            let mut steps = tampered::<S>(index, |step| blow(step, Side::Undo, fault));
            let last = steps.remove(undoable - 1);
            steps.insert(undoable - 1, blow(last, Side::Act, LOST_ANSWER));
            steps
        };
        for (fault, what) in [(REFUSED, "before"), (LOST_ANSWER, "after")] {
            let case = Case::new(format!("undo of `{}` failed {what} it acted", kind.name));
            let steps = steps(Blow { times: 1, ..fault });
            stays_stuck::<S>(steps, case, &factory).await;
        }
        let case = Case::new(format!("undo of `{}` failed {} times for now", kind.name, kind.retries));
        ends_as::<S>(Ending::Undone, steps(busy(kind.retries)), case, &factory, &invariant).await;
    }
}

/// The run is killed at every moment it passes, and run again by a new owner from its log: on
/// the way to done, and on the way back from a failure of each step.
pub async fn crash_after_every_event<S: Saga>(
    factory: impl AsyncFn() -> (S::Context, S::Input),
    invariant: impl AsyncFn(&S::Context, &Outcome, &Case),
) {
    crash_everywhere::<S>(Ending::Done, S::steps, "", &factory, &invariant).await;
    for (index, step) in S::steps().iter().enumerate() {
        let steps = || tampered::<S>(index, |step| blow(step, Side::Act, LOST_ANSWER));
        let what = format!(", `{}` failed", step.name());
        crash_everywhere::<S>(Ending::of_failure::<S>(index), steps, &what, &factory, &invariant).await;
    }
}

/// What was done to the saga, in words, for assertion messages.
#[derive(Debug, Clone)]
pub struct Case(Arc<str>);

impl Case {
    fn new(name: String) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says which case was running when an assertion that does not name it fails.
struct Naming<'a>(&'a Case);

impl Drop for Naming<'_> {
    #[expect(clippy::print_stderr, reason = "a failing test is described where its panic is")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in the case: {}", self.0);
        }
    }
}

/// How a case must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Done,
    Undone,
    Stuck,
}

impl Ending {
    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::Done,
            Outcome::Undone { .. } => Self::Undone,
            Outcome::Stuck { .. } => Self::Stuck,
        }
    }

    fn of_failure<S: Saga>(index: usize) -> Self {
        let undoable = S::steps()[..=index].iter().all(|step| step.kind().undo != Undo::Impossible);
        if undoable { Self::Undone } else { Self::Stuck }
    }
}

async fn ends_as<S: Saga>(
    ending: Ending,
    steps: Vec<Step<S>>,
    case: Case,
    factory: &impl AsyncFn() -> (S::Context, S::Input),
    invariant: &impl AsyncFn(&S::Context, &Outcome, &Case),
) {
    let _naming = Naming(&case);
    let (context, input) = factory().await;
    let log = MemoryLog::new();
    let first = Owner { epoch: Epoch(1), observer: &NoObserver };
    let outcome = ended(run(&steps, &context, &input, &log, first).await, ending, &case);
    invariant(&context, &outcome, &case).await;
}

/// Another owner finds it stuck too, and does nothing.
async fn stays_stuck<S: Saga>(steps: Vec<Step<S>>, case: Case, factory: &impl AsyncFn() -> (S::Context, S::Input)) {
    let _naming = Naming(&case);
    let (context, input) = factory().await;
    let log = MemoryLog::new();
    let first = Owner { epoch: Epoch(1), observer: &NoObserver };
    ended(run(&steps, &context, &input, &log, first).await, Ending::Stuck, &case);
    let second = Owner { epoch: Epoch(2), ..first };
    ended(run(&steps, &context, &input, &log, second).await, Ending::Stuck, &case);
}

async fn crash_everywhere<S: Saga>(
    ending: Ending,
    steps: impl Fn() -> Vec<Step<S>>,
    what: &str,
    factory: &impl AsyncFn() -> (S::Context, S::Input),
    invariant: &impl AsyncFn(&S::Context, &Outcome, &Case),
) {
    for passed in 0.. {
        let crash = CrashAfter::new(passed);
        let (context, input) = factory().await;
        let log = MemoryLog::new();
        // One world and one table before and after the crash.
        let steps = steps();
        let first = Owner { epoch: Epoch(1), observer: &crash };
        let crashed = run(&steps, &context, &input, &log, first).await;
        let Some(point) = crash.point() else {
            assert!(crashed.is_ok(), "without a crash{what}: {crashed:?}");
            return;
        };
        let case = Case::new(format!("crashed at {point}{what}"));
        let _naming = Naming(&case);
        assert!(matches!(crashed, Err(RunError::Stopped { .. })), "{case}: {crashed:?}");
        let second = Owner { epoch: Epoch(2), observer: &NoObserver };
        let outcome = ended(run(&steps, &context, &input, &log, second).await, ending, &case);
        invariant(&context, &outcome, &case).await;
    }
}

/// Who runs a saga, and how.
#[derive(Clone, Copy)]
struct Owner<'a> {
    epoch: Epoch,
    observer: &'a dyn Observer,
}

async fn run<S: Saga>(
    steps: &[Step<S>],
    context: &S::Context,
    input: &S::Input,
    log: &MemoryLog,
    owner: Owner<'_>,
) -> Result<Outcome, RunError> {
    let runner = Runner { log, observer: owner.observer, pause: &NoPause };
    runner.run_steps(steps, context, input, &SagaId::new("fault"), owner.epoch).await
}

fn ended(result: Result<Outcome, RunError>, ending: Ending, case: &Case) -> Outcome {
    let outcome = result.unwrap_or_else(|error| panic!("{case}: no outcome: {error:?}"));
    assert_eq!(Ending::of(&outcome), ending, "{case}: {outcome:?}");
    outcome
}

/// Stops a run at its `n`-th moment, from 0.
struct CrashAfter {
    passed: Mutex<Passed>,
}

struct Passed {
    left: u32,
    point: Option<Point>,
}

impl CrashAfter {
    fn new(left: u32) -> Self {
        Self { passed: Mutex::new(Passed { left, point: None }) }
    }

    fn point(&self) -> Option<Point> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).point
    }
}

impl Observer for CrashAfter {
    fn at(&self, point: Point) -> ControlFlow<()> {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        if passed.left == 0 {
            passed.point = Some(point);
            return ControlFlow::Break(());
        }
        passed.left -= 1;
        ControlFlow::Continue(())
    }
}

/// How an act or an undo is made to fail.
#[derive(Clone, Copy)]
struct Blow {
    when: When,
    failure: Failure,
    /// The first so many times.
    times: u32,
}

#[derive(Clone, Copy)]
enum When {
    Before,
    After,
}

#[derive(Clone, Copy)]
enum Side {
    Act,
    Undo,
}

const REFUSED: Blow = Blow { when: When::Before, failure: Failure::Permanent, times: u32::MAX };
const LOST_ANSWER: Blow = Blow { when: When::After, failure: Failure::Permanent, times: u32::MAX };

const fn busy(times: u32) -> Blow {
    Blow { when: When::After, failure: Failure::Transient, times }
}

fn tampered<S: Saga>(index: usize, tamper: impl Fn(Step<S>) -> Step<S>) -> Vec<Step<S>> {
    let steps = S::steps().into_iter().enumerate();
    steps.map(|(at, step)| if at == index { tamper(step) } else { step }).collect()
}

/// The step, with act and undo each performed twice; the second answer counts.
fn twice<S: Saga>(mut step: Step<S>) -> Step<S> {
    step.act = doubled::<S>(step.act);
    step.undo = step.undo.map(doubled::<S>);
    step
}

fn doubled<S: Saga>(act: Act<S>) -> Act<S> {
    Arc::new(move |context, input, outputs| {
        let (first, second) = (act(context, input, outputs), act(context, input, outputs));
        Box::pin(async move {
            first.await?;
            second.await
        })
    })
}

fn blow<S: Saga>(mut step: Step<S>, side: Side, blow: Blow) -> Step<S> {
    match side {
        Side::Act => step.act = struck::<S>(step.act, blow),
        Side::Undo => step.undo = step.undo.map(|undo| struck::<S>(undo, blow)),
    }
    step
}

fn struck<S: Saga>(act: Act<S>, blow: Blow) -> Act<S> {
    let called = AtomicU32::new(0);
    Arc::new(move |context, input, outputs| {
        let acting = act(context, input, outputs);
        let struck = called.fetch_add(1, Ordering::Relaxed) < blow.times;
        Box::pin(async move {
            if !struck {
                return acting.await;
            }
            if let When::After = blow.when {
                acting.await?;
            }
            Err(match blow.failure {
                Failure::Permanent => StepError::permanent("made to fail"),
                Failure::Transient => StepError::transient("made to fail for now"),
            })
        })
    })
}
