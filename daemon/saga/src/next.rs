//! From a log to the next move: the whole of a saga's control flow, as a pure function.
//!
//! ```text
//!   Act ──StepStarted──▶ Acting ──StepDone──▶ Act(next step) … ▶ Done
//!    ▲                    │   ▲
//!    └──StepFailed────────┤   └─StepStarted (a crash: act again)
//!      (retries left)     │
//!                         ├──StepFailed──▶ Undo ──UndoStarted──▶ Undoing ──UndoDone──▶ Undo(step before) … ▶ Undone
//!                         │                 ▲                      │
//!                         │                 └──UndoFailed──────────┤
//!                         │                    (retries left)      │
//!                         └──StepFailed──▶ Stuck ◀──UndoFailed─────┘
//! ```
//!
//! A saga goes back only when every step it started, the failed one included, can be undone;
//! otherwise a failure that retries do not cure leaves it stuck, which is an end: whoever wants the same again records
//! another saga.
//!
//! Undo runs in the reverse order of acting and passes over steps that leave nothing behind.

use serde::{Deserialize, Serialize};

use crate::{Event, Failure};

/// What to do next, given everything that happened. An event that cannot follow the ones before
/// it is an error: the log belongs to another table, or was not written by [`Runner`](crate::Runner).
pub fn next(log: &[Event], steps: &[StepKind]) -> Result<Move, LogError> {
    Ok(State::of(log, steps)?.next_move(steps))
}

/// The next thing to happen to a saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// Log the intent, then act.
    Act {
        /// The step's name.
        step: &'static str,
    },
    /// Log the intent, then undo.
    Undo {
        /// The step's name.
        step: &'static str,
    },
    /// Nothing: the saga has ended, or waits for an operator.
    Finished(Outcome),
}

/// How a saga ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Every step is done.
    Done,
    /// A step failed, and every effect is gone.
    Undone {
        /// The step that failed.
        step: String,
        /// Its error.
        error: String,
    },
    /// Neither forward nor back; an operator removes the cause and retries.
    Stuck {
        /// The step whose act or undo failed.
        step: String,
        /// Its error.
        error: String,
    },
}

/// What decisions need to know about a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepKind {
    /// Unique in its saga.
    pub name: &'static str,
    /// Whether its effect can be taken back.
    pub undo: Undo,
    /// How often a transient failure is tried again.
    pub retries: u32,
}

/// Whether a step's effect can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// It has an undo.
    Possible,
    /// There is never anything to undo.
    Nothing,
    /// It cannot be undone.
    Impossible,
}

/// Why a log makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The table has no such step: the log was written by a program with another table. Finish
    /// the saga with that program, or give the step its name back.
    #[error("event {seq} names step `{step}`, which this program's table does not have")]
    UnknownStep {
        /// Which event, from 0.
        seq: usize,
        /// The unknown name.
        step: String,
    },
    /// The event cannot follow those before it.
    #[error("event {seq} ({event} of `{step}`) cannot follow the events before it")]
    IllegalSuccessor {
        /// Which event, from 0.
        seq: usize,
        /// The event's kind.
        event: &'static str,
        /// The step it is about.
        step: String,
    },
}

/// Where a saga stands after some events. `at` indexes the table; in `Act` it may be one past
/// the end, which is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Act { at: usize, failures: u32 },
    Acting { at: usize, failures: u32 },
    Undo { at: usize, failures: u32, cause: Cause },
    Undoing { at: usize, failures: u32, cause: Cause },
    Undone { cause: Cause },
    Stuck { at: usize, error: String },
}

/// The failure that turned a saga around.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    at: usize,
    error: String,
}

impl State {
    pub(crate) fn of(log: &[Event], steps: &[StepKind]) -> Result<Self, LogError> {
        let start = Self::Act { at: 0, failures: 0 };
        log.iter().enumerate().try_fold(start, |state, (seq, event)| state.after(seq, event, steps))
    }

    /// The state after one more event, which is number `seq`.
    pub(crate) fn after(self, seq: usize, event: &Event, steps: &[StepKind]) -> Result<Self, LogError> {
        let step = || event.step().to_owned();
        let named = steps
            .iter()
            .position(|kind| kind.name == event.step())
            .ok_or_else(|| LogError::UnknownStep { seq, step: step() })?;
        let illegal = || LogError::IllegalSuccessor { seq, event: event.kind(), step: step() };

        let next = match (self, event) {
            (Self::Act { at, failures } | Self::Acting { at, failures }, Event::StepStarted { .. }) if at == named => {
                Self::Acting { at, failures }
            }

            (Self::Acting { at, .. }, Event::StepDone { .. }) if at == named => Self::Act { at: at + 1, failures: 0 },

            (Self::Acting { at, failures }, Event::StepFailed { error, failure, .. }) if at == named => {
                let (failures, again) = count(*failure, failures, steps[at]);
                let undoable = steps[..=at].iter().all(|kind| kind.undo != Undo::Impossible);
                let error = error.clone();
                match (again, undoable) {
                    (true, _) => Self::Act { at, failures },
                    (false, true) => Self::back_before(at + 1, Cause { at, error }, steps),
                    (false, false) => Self::Stuck { at, error },
                }
            }

            (Self::Undo { at, failures, cause } | Self::Undoing { at, failures, cause }, Event::UndoStarted { .. })
                if at == named =>
            {
                Self::Undoing { at, failures, cause }
            }

            (Self::Undoing { at, cause, .. }, Event::UndoDone { .. }) if at == named => {
                Self::back_before(at, cause, steps)
            }

            (Self::Undoing { at, failures, cause }, Event::UndoFailed { error, failure, .. }) if at == named => {
                let (failures, again) = count(*failure, failures, steps[at]);
                if again { Self::Undo { at, failures, cause } } else { Self::Stuck { at, error: error.clone() } }
            }

            _ => return Err(illegal()),
        };
        Ok(next)
    }

    pub(crate) fn next_move(&self, steps: &[StepKind]) -> Move {
        let name = |at: usize| steps[at].name;
        match self {
            Self::Act { at, .. } if *at == steps.len() => Move::Finished(Outcome::Done),
            Self::Act { at, .. } | Self::Acting { at, .. } => Move::Act { step: name(*at) },
            Self::Undo { at, .. } | Self::Undoing { at, .. } => Move::Undo { step: name(*at) },
            Self::Undone { cause } => {
                Move::Finished(Outcome::Undone { step: name(cause.at).to_owned(), error: cause.error.clone() })
            }
            Self::Stuck { at, error } => {
                Move::Finished(Outcome::Stuck { step: name(*at).to_owned(), error: error.clone() })
            }
        }
    }

    /// How often the step that is about to be tried again has failed.
    pub(crate) fn failures(&self) -> Option<u32> {
        match self {
            Self::Act { failures, .. } | Self::Undo { failures, .. } if *failures > 0 => Some(*failures),
            _ => None,
        }
    }

    /// Goes back to the last undoable step before `end`.
    fn back_before(end: usize, cause: Cause, steps: &[StepKind]) -> Self {
        match steps[..end].iter().rposition(|kind| kind.undo == Undo::Possible) {
            Some(at) => Self::Undo { at, failures: 0, cause },
            None => Self::Undone { cause },
        }
    }
}

/// The transient failures so far, and whether the step is tried again by itself.
fn count(failure: Failure, failures: u32, step: StepKind) -> (u32, bool) {
    match failure {
        Failure::Transient => (failures.saturating_add(1), failures < step.retries),
        Failure::Permanent => (failures, false),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const fn kind(name: &'static str, undo: Undo, retries: u32) -> StepKind {
        StepKind { name, undo, retries }
    }

    /// Three steps that can go back, the middle one with nothing to undo.
    const BOTH_WAYS: &[StepKind] =
        &[kind("a", Undo::Possible, 0), kind("b", Undo::Nothing, 0), kind("c", Undo::Possible, 1)];

    /// Past `b` there is no way back.
    const ONE_WAY: &[StepKind] =
        &[kind("a", Undo::Possible, 0), kind("b", Undo::Impossible, 1), kind("c", Undo::Possible, 0)];

    /// Reads `+a` started, `=a` done, `!a` failed, `~a` failed for now; `-a`, `_a`, `?a`, `%a`
    /// the same for undo.
    fn log(text: &str) -> Vec<Event> {
        text.split_whitespace()
            .map(|word| {
                let (mark, step) = word.split_at(1);
                let (step, error) = (step.to_owned(), "broken".to_owned());
                match mark {
                    "+" => Event::StepStarted { step },
                    "=" => Event::StepDone { step, output: Value::Null },
                    "!" => Event::StepFailed { step, error, failure: Failure::Permanent },
                    "~" => Event::StepFailed { step, error, failure: Failure::Transient },
                    "-" => Event::UndoStarted { step },
                    "_" => Event::UndoDone { step },
                    "?" => Event::UndoFailed { step, error, failure: Failure::Permanent },
                    "%" => Event::UndoFailed { step, error, failure: Failure::Transient },
                    other => panic!("no event is written {other}"),
                }
            })
            .collect()
    }

    fn undone(step: &str) -> Move {
        Move::Finished(Outcome::Undone { step: step.to_owned(), error: "broken".to_owned() })
    }

    fn stuck(step: &str) -> Move {
        Move::Finished(Outcome::Stuck { step: step.to_owned(), error: "broken".to_owned() })
    }

    #[test]
    fn the_move_follows_from_the_log() {
        let act = |step| Move::Act { step };
        let undo = |step| Move::Undo { step };
        let done = Move::Finished(Outcome::Done);
        let table: &[(&[StepKind], &str, Move)] = &[
            (&[], "", done.clone()),
            (BOTH_WAYS, "", act("a")),
            // A crash in the middle of a step: act again.
            (BOTH_WAYS, "+a", act("a")),
            (BOTH_WAYS, "+a +a", act("a")),
            (BOTH_WAYS, "+a =a", act("b")),
            (BOTH_WAYS, "+a =a +b =b +c =c", done.clone()),
            // Permanent failures go back at once, and undo the failed step too.
            (BOTH_WAYS, "+a !a", undo("a")),
            (BOTH_WAYS, "+a =a +b !b", undo("a")),
            (BOTH_WAYS, "+a =a +b =b +c !c", undo("c")),
            (BOTH_WAYS, "+a =a +b =b +c !c -c", undo("c")),
            (BOTH_WAYS, "+a =a +b =b +c !c -c -c _c", undo("a")),
            (BOTH_WAYS, "+a =a +b =b +c !c -c _c -a _a", undone("c")),
            // Transient failures are tried again as often as the table says, across crashes.
            (BOTH_WAYS, "+a ~a", undo("a")),
            (BOTH_WAYS, "+a =a +b =b +c ~c", act("c")),
            (BOTH_WAYS, "+a =a +b =b +c ~c +c +c ~c", undo("c")),
            (BOTH_WAYS, "+a =a +b =b +c ~c +c =c", done.clone()),
            (BOTH_WAYS, "+a =a +b =b +c !c -c %c", undo("c")),
            // An undo that fails is stuck.
            (BOTH_WAYS, "+a =a +b =b +c !c -c %c -c %c", stuck("c")),
            (BOTH_WAYS, "+a =a +b =b +c !c -c ?c", stuck("c")),
            // Past the step without return, only forward.
            (ONE_WAY, "+a !a", undo("a")),
            (ONE_WAY, "+a =a +b ~b", act("b")),
            (ONE_WAY, "+a =a +b ~b +b ~b", stuck("b")),
            (ONE_WAY, "+a =a +b !b", stuck("b")),
            (ONE_WAY, "+a =a +b =b +c !c", stuck("c")),
            (ONE_WAY, "+a =a +b =b +c =c", done),
        ];
        for (steps, text, expected) in table {
            assert_eq!(next(&log(text), steps).as_ref(), Ok(expected), "after `{text}`");
        }
    }

    #[test]
    fn an_event_that_cannot_follow_is_refused() {
        let table = [
            ("=a", 0),
            ("!a", 0),
            ("-a", 0),
            ("+b", 0),
            ("+a +b", 1),
            ("+a -a", 1),
            ("+a =a =a", 2),
            ("+a =a +a", 2),
            ("+a =a !a", 2),
            ("+a !a +a", 2),
            ("+a !a _a", 2),
            ("+a =a +b =b +c !c -a", 6),
            ("+a =a +b =b +c =c +a", 6),
            ("+a !a -a _a -a", 4),
            ("+a !a -a _a +a", 4),
            ("+a !a -a ?a +a", 4),
        ];
        for (text, at) in table {
            let refused = next(&log(text), BOTH_WAYS);
            assert!(
                matches!(refused, Err(LogError::IllegalSuccessor { seq, .. }) if seq == at),
                "after `{text}`: {refused:?}"
            );
        }
    }

    #[test]
    fn a_step_the_table_lacks_is_named() {
        assert_eq!(next(&log("+a =a +z"), BOTH_WAYS), Err(LogError::UnknownStep { seq: 2, step: "z".to_owned() }));
    }

    #[test]
    fn events_have_a_stable_form() {
        let events = log("+a =a ~a -a _a ?a");
        let text = serde_json::to_string(&events).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"[{"StepStarted":{"step":"a"}},{"StepDone":{"step":"a","output":null}},"#,
                r#"{"StepFailed":{"step":"a","error":"broken","failure":"Transient"}},"#,
                r#"{"UndoStarted":{"step":"a"}},{"UndoDone":{"step":"a"}},"#,
                r#"{"UndoFailed":{"step":"a","error":"broken","failure":"Permanent"}}]"#
            )
        );
        assert_eq!(serde_json::from_str::<Vec<Event>>(&text).unwrap(), events);
    }

    #[derive(Debug, Clone, Copy)]
    enum Answer {
        Yes,
        Busy,
        No,
        /// The process dies instead.
        Crash,
    }

    fn tables() -> impl Strategy<Value = Vec<StepKind>> {
        let undo = prop::sample::select(vec![Undo::Possible, Undo::Nothing, Undo::Impossible]);
        let kinds = prop::collection::vec((undo, 0..3_u32), 0..5);
        kinds.prop_map(|kinds| {
            let names = ["a", "b", "c", "d", "e"].into_iter();
            names.zip(kinds).map(|(name, (undo, retries))| kind(name, undo, retries)).collect()
        })
    }

    fn answers() -> impl Strategy<Value = Vec<Answer>> {
        prop::collection::vec(
            prop::sample::select(vec![Answer::Yes, Answer::Yes, Answer::Busy, Answer::No, Answer::Crash]),
            0..20,
        )
    }

    proptest! {
        /// Whatever the world answers, following the moves ends, and ends as it says.
        #[test]
        fn following_the_moves_ends(steps in tables(), answers in answers()) {
            let mut answers = answers.into_iter().chain(std::iter::repeat(Answer::Yes));
            let (mut log, mut acted, mut undone) = (Vec::new(), Vec::new(), Vec::new());
            let outcome = loop {
                let (step, mark, forward) = match next(&log, &steps).unwrap() {
                    Move::Act { step } => (step, ["+", "=", "~", "!"], true),
                    Move::Undo { step } => (step, ["-", "_", "%", "?"], false),
                    Move::Finished(outcome) => break outcome,
                };
                log.extend(self::log(&format!("{}{step}", mark[0])));
                if forward && acted.last() != Some(&step) {
                    acted.push(step);
                }
                let result = match answers.next().unwrap() {
                    Answer::Yes => mark[1],
                    Answer::Busy => mark[2],
                    Answer::No => mark[3],
                    Answer::Crash => continue,
                };
                log.extend(self::log(&format!("{result}{step}")));
                if result == "_" {
                    undone.push(step);
                }
                prop_assert!(log.len() < 1000);
            };
            let names: Vec<_> = steps.iter().map(|step| step.name).collect();
            prop_assert_eq!(&acted, &names[..acted.len()]);
            let begun = &steps[..acted.len()];
            let undoable: Vec<_> =
                begun.iter().rev().filter(|step| step.undo == Undo::Possible).map(|step| step.name).collect();
            prop_assert_eq!(&undone, &undoable[..undone.len()]);
            match outcome {
                Outcome::Done => prop_assert!(acted == names && undone.is_empty()),
                Outcome::Undone { step, .. } => {
                    prop_assert_eq!(Some(step.as_str()), acted.last().copied());
                    prop_assert_eq!(undone, undoable);
                    prop_assert!(begun.iter().all(|step| step.undo != Undo::Impossible));
                }
                Outcome::Stuck { step, .. } => prop_assert_eq!(&step, log.last().unwrap().step()),
            }
        }
    }
}
