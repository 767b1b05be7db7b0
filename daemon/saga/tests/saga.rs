//! A saga with every kind of step, run against a world that remembers what was done to it.

#![allow(clippy::unwrap_used, reason = "in a test a broken expectation is a failure")]

use std::collections::BTreeSet;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use ringfence_saga::{
    AppendError, Epoch, Event, Failure, MemoryLog, NoObserver, NoPause, Observer, Outcome, Outputs, Pause, Point,
    RunError, Runner, Saga, SagaId, Step, StepError, faults,
};
use serde::{Deserialize, Serialize};

/// Reserves a name, looks something up, starts a thing and announces it; all of it can be undone.
struct Launch;

/// The same, and then says so to somebody who cannot unhear it.
struct LaunchAndTell;

impl Saga for Launch {
    const NAME: &'static str = "launch";
    type Context = World;
    type Input = Input;

    fn steps() -> Vec<Step<Self>> {
        vec![
            Step::undoable("reserve", reserve, release, "a set holds a name once"),
            Step::without_effect("look_up", look_up, "only reads"),
            Step::undoable("start", start, stop, "a set holds a name once").retries(2),
        ]
    }
}

impl Saga for LaunchAndTell {
    const NAME: &'static str = "launch_and_tell";
    type Context = World;
    type Input = Input;

    fn steps() -> Vec<Step<Self>> {
        vec![
            Step::undoable("reserve", reserve, release, "a set holds a name once").retries(1),
            Step::forward_only("tell", tell, "being told twice changes nothing").retries(1),
            Step::undoable("start", start_told, stop, "a set holds a name once"),
        ]
    }
}

async fn reserve(world: &World, input: &Input, _: &Outputs) -> Result<String, StepError> {
    world.act("reserve", &input.name).await?;
    Ok(format!("token-of-{}", input.name))
}

async fn release(world: &World, input: &Input, _: &Outputs) -> Result<(), StepError> {
    world.undo("reserve", &input.name).await
}

async fn look_up(world: &World, _: &Input, _: &Outputs) -> Result<u16, StepError> {
    world.note("look_up").await?;
    Ok(8443)
}

async fn start(world: &World, input: &Input, outputs: &Outputs) -> Result<(), StepError> {
    let (token, port): (String, u16) = (outputs.of("reserve")?, outputs.of("look_up")?);
    assert_eq!((token.as_str(), port), ("token-of-w1", 8443));
    world.act("start", &input.name).await
}

async fn start_told(world: &World, input: &Input, _: &Outputs) -> Result<(), StepError> {
    world.act("start", &input.name).await
}

async fn stop(world: &World, input: &Input, _: &Outputs) -> Result<(), StepError> {
    world.undo("start", &input.name).await
}

async fn tell(world: &World, input: &Input, _: &Outputs) -> Result<(), StepError> {
    world.act("tell", &input.name).await
}

#[derive(Serialize, Deserialize)]
struct Input {
    name: String,
}

fn input() -> Input {
    Input { name: "w1".to_owned() }
}

/// What exists, everything that was done, and how the step `fails.0` fails the first `fails.2` times.
#[derive(Default)]
struct World {
    effects: Mutex<BTreeSet<String>>,
    done: Mutex<Vec<String>>,
    fails: Option<(&'static str, Failure, u32)>,
    failed: Mutex<u32>,
}

impl World {
    fn failing(step: &'static str, failure: Failure, times: u32) -> Self {
        Self { fails: Some((step, failure, times)), ..Self::default() }
    }

    async fn act(&self, step: &str, name: &str) -> Result<(), StepError> {
        tokio::task::yield_now().await;
        self.effects.lock().unwrap().insert(format!("{step}/{name}"));
        self.note(step).await
    }

    async fn undo(&self, step: &str, name: &str) -> Result<(), StepError> {
        tokio::task::yield_now().await;
        self.effects.lock().unwrap().remove(&format!("{step}/{name}"));
        self.note(&format!("undo {step}")).await
    }

    async fn note(&self, what: &str) -> Result<(), StepError> {
        self.done.lock().unwrap().push(what.to_owned());
        tokio::task::yield_now().await;
        let mut failed = self.failed.lock().unwrap();
        match self.fails {
            Some((step, failure, times)) if step == what && *failed < times => {
                *failed += 1;
                Err(match failure {
                    Failure::Transient => StepError::transient("busy"),
                    Failure::Permanent => StepError::permanent("refused"),
                })
            }
            _ => Ok(()),
        }
    }

    fn effects(&self) -> Vec<String> {
        self.effects.lock().unwrap().iter().cloned().collect()
    }

    fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }
}

fn id() -> SagaId {
    SagaId::new("saga-1")
}

async fn run<S: Saga<Context = World, Input = Input>>(
    world: &World,
    log: &MemoryLog,
    epoch: i64,
    observer: &dyn Observer,
) -> Result<Outcome, RunError> {
    Runner { log, observer, pause: &NoPause }.run::<S>(world, &input(), &id(), Epoch(epoch)).await
}

#[tokio::test]
async fn a_saga_that_can_be_undone_survives_every_fault() {
    faults::every_fault::<Launch>(
        async || (World::default(), input()),
        async |world, outcome, case| match outcome {
            Outcome::Done => assert_eq!(world.effects(), ["reserve/w1", "start/w1"], "{case}"),
            Outcome::Undone { .. } => assert_eq!(world.effects(), [""; 0], "{case}"),
            Outcome::Stuck { .. } => panic!("{case}: everything can be undone"),
        },
    )
    .await;
}

#[tokio::test]
async fn a_saga_past_its_point_of_no_return_survives_every_fault() {
    faults::every_fault::<LaunchAndTell>(
        async || (World::default(), input()),
        async |world, outcome, case| match outcome {
            Outcome::Done => assert_eq!(world.effects(), ["reserve/w1", "start/w1", "tell/w1"], "{case}"),
            Outcome::Undone { step, .. } => {
                assert_eq!(step, "reserve", "{case}");
                assert_eq!(world.effects(), [""; 0], "{case}");
            }
            Outcome::Stuck { .. } => assert!(world.effects().contains(&"reserve/w1".to_owned()), "{case}"),
        },
    )
    .await;
}

/// The fault tests are worth something only if they catch those who deserve it.
mod careless {
    use super::*;

    struct NotRepeatable;

    impl Saga for NotRepeatable {
        const NAME: &'static str = "not_repeatable";
        type Context = Mutex<Vec<String>>;
        type Input = Input;

        fn steps() -> Vec<Step<Self>> {
            vec![Step::undoable("push", push, pop, "it is not")]
        }
    }

    async fn push(list: &Mutex<Vec<String>>, input: &Input, _: &Outputs) -> Result<(), StepError> {
        list.lock().unwrap().push(input.name.clone());
        Ok(())
    }

    async fn pop(list: &Mutex<Vec<String>>, _: &Input, _: &Outputs) -> Result<(), StepError> {
        list.lock().unwrap().pop();
        Ok(())
    }

    async fn exactly_one(list: &Mutex<Vec<String>>, outcome: &Outcome, case: &faults::Case) {
        let expected = usize::from(*outcome == Outcome::Done);
        assert_eq!(list.lock().unwrap().len(), expected, "{case}");
    }

    fn factory() -> (Mutex<Vec<String>>, Input) {
        (Mutex::default(), input())
    }

    #[tokio::test]
    #[should_panic(expected = "`push` repeated")]
    async fn an_act_that_may_not_be_repeated_is_caught() {
        faults::every_step_repeated::<NotRepeatable>(async || factory(), exactly_one).await;
    }

    #[tokio::test]
    #[should_panic(expected = "crashed at not_repeatable/push/acted")]
    async fn an_act_that_does_not_survive_a_crash_is_caught() {
        faults::crash_after_every_event::<NotRepeatable>(async || factory(), exactly_one).await;
    }

    struct LeavesTraces;

    impl Saga for LeavesTraces {
        const NAME: &'static str = "leaves_traces";
        type Context = World;
        type Input = Input;

        fn steps() -> Vec<Step<Self>> {
            vec![Step::without_effect("reserve", reserve, "a set holds a name once")]
        }
    }

    #[tokio::test]
    #[should_panic(expected = "`reserve` failed after it acted")]
    async fn an_effect_without_an_undo_is_caught() {
        faults::every_step_failing::<LeavesTraces>(
            async || (World::default(), input()),
            async |world, outcome, case| {
                assert_eq!(world.effects().len(), usize::from(*outcome == Outcome::Done), "{case}");
            },
        )
        .await;
    }
}

#[tokio::test]
async fn undo_runs_in_reverse_and_includes_the_step_that_failed() {
    let world = World::failing("start", Failure::Permanent, 1);
    let outcome = run::<Launch>(&world, &MemoryLog::new(), 1, &NoObserver).await.unwrap();
    assert_eq!(outcome, Outcome::Undone { step: "start".to_owned(), error: "refused".to_owned() });
    assert_eq!(world.done(), ["reserve", "look_up", "start", "undo start", "undo reserve"]);
}

#[tokio::test]
async fn a_transient_failure_is_retried_after_a_pause_that_grows() {
    #[derive(Default)]
    struct Pauses(Mutex<Vec<u32>>);

    #[async_trait]
    impl Pause for Pauses {
        async fn pause(&self, failures: u32) {
            self.0.lock().unwrap().push(failures);
        }
    }

    let (world, log, pause) = (World::failing("start", Failure::Transient, 2), MemoryLog::new(), Pauses::default());
    let runner = Runner { log: &log, observer: &NoObserver, pause: &pause };
    let outcome = runner.run::<Launch>(&world, &input(), &id(), Epoch(1)).await.unwrap();
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(*pause.0.lock().unwrap(), [1, 2]);
    assert_eq!(world.done(), ["reserve", "look_up", "start", "start", "start"]);
}

#[tokio::test]
async fn a_stuck_saga_stays_stuck() {
    let (world, log) = (World::failing("tell", Failure::Permanent, 2), MemoryLog::new());
    let stuck = Outcome::Stuck { step: "tell".to_owned(), error: "refused".to_owned() };
    assert_eq!(run::<LaunchAndTell>(&world, &log, 1, &NoObserver).await.unwrap(), stuck);
    assert_eq!(run::<LaunchAndTell>(&world, &log, 1, &NoObserver).await.unwrap(), stuck);
    assert_eq!(world.done(), ["reserve", "tell"]);
}

#[tokio::test]
async fn an_owner_that_was_replaced_does_not_act() {
    let (world, log) = (World::default(), MemoryLog::new());
    log.hand_over(&id(), Epoch(2));
    let refused = run::<Launch>(&world, &log, 1, &NoObserver).await;
    assert!(matches!(refused, Err(RunError::Append(AppendError::Replaced { newest: Epoch(2), .. }))));
    assert_eq!(world.done(), [""; 0]);
    assert_eq!(log.events(&id()), []);
}

#[tokio::test]
async fn the_result_of_an_owner_that_was_replaced_while_it_acted_is_refused() {
    struct HandOver<'a>(&'a MemoryLog);

    impl Observer for HandOver<'_> {
        fn at(&self, point: Point) -> ControlFlow<()> {
            if point.to_string() == "launch/reserve/acted" {
                self.0.hand_over(&id(), Epoch(2));
            }
            ControlFlow::Continue(())
        }
    }

    let (world, log) = (World::default(), MemoryLog::new());
    let refused = run::<Launch>(&world, &log, 1, &HandOver(&log)).await;
    assert!(matches!(refused, Err(RunError::Append(AppendError::Replaced { .. }))));
    assert_eq!(log.events(&id()), [Event::StepStarted { step: "reserve".to_owned() }]);
    // The new owner acts again and goes on.
    assert_eq!(run::<Launch>(&world, &log, 2, &NoObserver).await.unwrap(), Outcome::Done);
}

#[tokio::test]
async fn a_log_of_another_table_is_refused_and_nothing_acts() {
    let log = MemoryLog::with(id(), vec![Event::StepStarted { step: "renamed".to_owned() }]);
    let world = World::default();
    assert!(matches!(run::<Launch>(&world, &log, 1, &NoObserver).await, Err(RunError::Log { .. })));
    assert_eq!(world.done(), [""; 0]);
}

#[tokio::test]
async fn two_steps_of_one_name_are_refused() {
    struct Twice;

    impl Saga for Twice {
        const NAME: &'static str = "twice";
        type Context = World;
        type Input = Input;

        fn steps() -> Vec<Step<Self>> {
            vec![
                Step::without_effect("look_up", look_up, "only reads"),
                Step::without_effect("look_up", look_up, "only reads"),
            ]
        }
    }

    let refused = run::<Twice>(&World::default(), &MemoryLog::new(), 1, &NoObserver).await;
    assert!(matches!(refused, Err(RunError::StepNamedTwice { step: "look_up", .. })));
}

#[test]
fn a_run_may_be_spawned_on_any_thread() {
    fn is_send(_: impl Send) {}
    let (world, log, input, id) = (World::default(), MemoryLog::new(), input(), id());
    let runner = Runner { log: &log, observer: &NoObserver, pause: &NoPause };
    is_send(runner.run::<Launch>(&world, &input, &id, Epoch(1)));
}

/// Stops a run after a number of moments.
struct StopAfter(Mutex<u8>);

impl Observer for StopAfter {
    fn at(&self, _: Point) -> ControlFlow<()> {
        let mut left = self.0.lock().unwrap();
        *left = match left.checked_sub(1) {
            Some(left) => left,
            None => return ControlFlow::Break(()),
        };
        ControlFlow::Continue(())
    }
}

/// How one step, or none, fails: always, or as often as its retries bear. What happens must not
/// depend on the number of calls otherwise, since a crash loses answers.
fn step_faults() -> impl Strategy<Value = Option<(&'static str, Failure, u32)>> {
    let steps = prop::sample::select(vec!["reserve", "look_up", "start"]);
    let failures = prop::sample::select(vec![Failure::Transient, Failure::Permanent]);
    prop_oneof![
        Just(None),
        (steps, failures).prop_map(|(step, failure)| Some((step, failure, u32::MAX))),
        (1..=2_u32).prop_map(|times| Some(("start", Failure::Transient, times))),
    ]
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_mins(1), future).await.unwrap() })
}

proptest! {
    /// Stopped between any moments, any number of times, each time by a new owner.
    #[test]
    fn any_sequence_of_crashes_ends_alike(fails in step_faults(), crashes in prop::collection::vec(0..12_u8, 0..12)) {
        let whole = World { fails, ..World::default() };
        let expected = block_on(run::<Launch>(&whole, &MemoryLog::new(), 1, &NoObserver)).unwrap();

        let (world, log) = (World { fails, ..World::default() }, MemoryLog::new());
        let mut epoch = 0;
        for crash in crashes {
            epoch += 1;
            let stopped = block_on(run::<Launch>(&world, &log, epoch, &StopAfter(Mutex::new(crash))));
            let expected = matches!(stopped, Ok(_) | Err(RunError::Stopped { .. }));
            prop_assert!(expected, "{:?}", stopped);
        }
        let outcome = block_on(run::<Launch>(&world, &log, epoch + 1, &NoObserver)).unwrap();
        same_ending(&world, &outcome, &whole, &expected)?;
    }

    /// Dropped at any await, also in the middle of an act.
    #[test]
    fn any_sequence_of_dropped_runs_ends_alike(fails in step_faults(), polls in prop::collection::vec(1..8_u8, 0..12)) {
        let whole = World { fails, ..World::default() };
        let expected = block_on(run::<Launch>(&whole, &MemoryLog::new(), 1, &NoObserver)).unwrap();

        let (world, log) = (World { fails, ..World::default() }, MemoryLog::new());
        let mut epoch = 0;
        for polls in polls {
            epoch += 1;
            let mut running = pin!(run::<Launch>(&world, &log, epoch, &NoObserver));
            for _ in 0..polls {
                if let Poll::Ready(ended) = running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    prop_assert!(ended.is_ok());
                    break;
                }
            }
        }
        let outcome = block_on(run::<Launch>(&world, &log, epoch + 1, &NoObserver)).unwrap();
        same_ending(&world, &outcome, &whole, &expected)?;
    }
}

fn same_ending(world: &World, outcome: &Outcome, whole: &World, expected: &Outcome) -> Result<(), TestCaseError> {
    prop_assert_eq!(outcome, expected);
    prop_assert_eq!(world.effects(), whole.effects());
    let undone: Vec<_> = world.done().into_iter().filter(|done| done.starts_with("undo")).collect();
    prop_assert!(undone.is_sorted_by_key(|done| done != "undo start"), "{:?}", undone);
    Ok(())
}
