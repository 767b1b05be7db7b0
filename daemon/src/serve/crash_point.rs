//! For fault tests: kills this process at a named point of a saga, as `kill -9` would. Only builds with debug
//! assertions listen to it; a release build has no such switch.

use std::ops::ControlFlow;

use ringfence_saga::{Observer, Point};

/// Watches for the point that the environment names, such as
/// `RINGFENCED_CRASH_AT=launch_node/start_node/acted`.
pub(crate) struct CrashPoint;

impl Observer for CrashPoint {
    #[cfg(not(debug_assertions))]
    fn at(&self, _: Point) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[cfg(debug_assertions)]
    #[allow(clippy::disallowed_methods, reason = "a switch for tests of debug builds, read nowhere else")]
    fn at(&self, point: Point) -> ControlFlow<()> {
        if std::env::var("RINGFENCED_CRASH_AT").is_ok_and(|wanted| wanted == point.to_string()) {
            let me = i32::try_from(std::process::id()).expect("a pid fits");
            let me = rustix::process::Pid::from_raw(me).expect("a pid is not zero");
            let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
            // The signal is on its way; nothing may happen after it.
            loop {
                std::thread::park();
            }
        }
        ControlFlow::Continue(())
    }
}
