//! For fault tests: kills this process at a named point, as `kill -9` would. Only builds with debug assertions have
//! this switch; release builds do not.
//!
//! `RINGFENCED_CRASH_AT` names the point: a step of a saga (`launch_node/start_node/acted`), a transaction just before
//! or just after it is durable (`put_member/committing`, `put_member/committed`), or a signature
//! (`sign/certificate/made`). With `@N` appended, the process dies the Nth time. Each point is traced when it is
//! passed, so that a test can list them.

use std::ops::ControlFlow;

use ringfence_saga::{Observer, Point};
use ringfence_store::Moment;

/// Watches the steps of sagas.
pub(crate) struct CrashPoint;

impl Observer for CrashPoint {
    fn at(&self, point: Point) -> ControlFlow<()> {
        reached(|| point.to_string());
        ControlFlow::Continue(())
    }
}

/// Watches transactions.
pub(crate) fn at_commit(transaction: &'static str, moment: Moment) {
    let word = match moment {
        Moment::Committing => "committing",
        Moment::Committed => "committed",
    };
    reached(|| format!("{transaction}/{word}"));
}

/// Watches signatures: one has just been created, and is not recorded yet.
pub(crate) fn signed(what: &str) {
    reached(|| format!("sign/{what}/made"));
}

#[cfg(not(debug_assertions))]
fn reached(_: impl Fn() -> String) {}

#[cfg(debug_assertions)]
#[allow(clippy::disallowed_methods, reason = "a switch for tests of debug builds, read nowhere else")]
fn reached(point: impl Fn() -> String) {
    use std::sync::atomic::{AtomicU32, Ordering};

    static PASSED: AtomicU32 = AtomicU32::new(0);

    let point = point();
    tracing::trace!(point, "crash point");
    let Ok(wanted) = std::env::var("RINGFENCED_CRASH_AT") else { return };
    let (wanted, time) = wanted.rsplit_once('@').map_or((wanted.as_str(), 1), |(wanted, time)| {
        (wanted, time.parse().expect("RINGFENCED_CRASH_AT must be a point, or a point and a number: POINT@N"))
    });
    if point != wanted || PASSED.fetch_add(1, Ordering::Relaxed) + 1 != time {
        return;
    }
    let me = i32::try_from(std::process::id()).expect("a pid fits");
    let me = rustix::process::Pid::from_raw(me).expect("a pid is not zero");
    let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
    // The signal is on its way; nothing may happen after it.
    loop {
        std::thread::park();
    }
}
