//! What background work cannot do, for whoever looks at the cluster.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The faults of tasks, by task. One that failed once may just have met a moment of trouble; only what fails twice in a
/// row is shown.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<BTreeMap<&'static str, (u32, String)>>);

impl Faults {
    /// Records how a run of a task ended: with a fault, or well.
    pub(crate) fn record(&self, task: &'static str, fault: Option<String>) {
        let mut faults = self.lock();
        match fault {
            Some(fault) => {
                let failed = faults.get(task).map_or(0, |(failed, _)| *failed);
                faults.insert(task, (failed.saturating_add(1), fault));
            }
            None => {
                faults.remove(task);
            }
        }
    }

    /// The faults that last.
    pub(crate) fn list(&self) -> Vec<String> {
        let faults = self.lock();
        let lasting = faults.iter().filter(|(_, (failed, _))| *failed > 1);
        lasting.map(|(task, (_, fault))| format!("{task}: {fault}")).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, (u32, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_shown_from_the_second_time_in_a_row_until_a_run_succeeds() {
        let faults = Faults::default();
        let failed = || Some("no space".to_owned());
        faults.record("publish_crls", failed());
        assert!(faults.list().is_empty());
        faults.record("publish_crls", failed());
        assert_eq!(faults.list(), ["publish_crls: no space"]);
        faults.record("publish_crls", None);
        faults.record("publish_crls", failed());
        assert!(faults.list().is_empty());
    }
}
