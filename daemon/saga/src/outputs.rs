//! What earlier steps returned, readable by later steps under the name of the step.
//!
//! Outputs come from the log and from nowhere else, so a step that runs after a crash reads
//! exactly what it would have read without one.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Event, StepError};

/// The outputs of the steps that are done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outputs(BTreeMap<String, Value>);

impl Outputs {
    /// What `step` returned. A step that is not done, or returned another type, is a mistake in
    /// the saga, hence a permanent error.
    pub fn of<T: DeserializeOwned>(&self, step: &str) -> Result<T, StepError> {
        self.find(step)?.ok_or_else(|| StepError::permanent(format!("step `{step}` has no output: it is not done")))
    }

    /// What `step` returned, if it is done. For undos, which may run when their own step never
    /// answered.
    pub fn find<T: DeserializeOwned>(&self, step: &str) -> Result<Option<T>, StepError> {
        let Some(value) = self.0.get(step) else { return Ok(None) };
        T::deserialize(value)
            .map(Some)
            .map_err(|error| StepError::permanent(format!("the output of step `{step}` is unreadable: {error}")))
    }

    pub(crate) fn from_log(log: &[Event]) -> Self {
        let mut outputs = Self::default();
        for event in log {
            outputs.record(event);
        }
        outputs
    }

    pub(crate) fn record(&mut self, event: &Event) {
        if let Event::StepDone { step, output } = event {
            self.0.insert(step.clone(), output.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_output_is_read_under_its_steps_name_and_type() {
        let outputs = Outputs::from_log(&[Event::StepDone { step: "port".into(), output: json!(8443) }]);
        assert_eq!(outputs.of::<u16>("port"), Ok(8443));
        assert_eq!(outputs.find::<u16>("name"), Ok(None));
        assert!(outputs.of::<u16>("name").is_err());
        assert!(outputs.of::<String>("port").is_err());
    }
}
