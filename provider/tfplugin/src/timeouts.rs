//! The `timeouts` attribute: how long each operation may take.

use std::time::Duration;

use crate::Model;
pub use crate::duration::parse_duration;
use crate::value::Value;

/// How long each operation may take. Durations look like `90s`, `10m` or `1h30m`.
#[derive(Clone, PartialEq, Eq, Model)]
pub struct Timeouts {
    /// How long creating may take, such as `10m`.
    #[tf(optional, validate = duration())]
    pub create: Value<String>,
    /// How long reading may take, such as `1m`.
    #[tf(optional, validate = duration())]
    pub read: Value<String>,
    /// How long updating may take, such as `10m`.
    #[tf(optional, validate = duration())]
    pub update: Value<String>,
    /// How long deleting may take, such as `10m`.
    #[tf(optional, validate = duration())]
    pub delete: Value<String>,
}

impl Value<Timeouts> {
    /// The time for creating, or the fallback when none is set.
    pub fn create_or(&self, fallback: Duration) -> Duration {
        self.pick(|timeouts| &timeouts.create, fallback)
    }

    /// The time for reading, or the fallback when none is set.
    pub fn read_or(&self, fallback: Duration) -> Duration {
        self.pick(|timeouts| &timeouts.read, fallback)
    }

    /// The time for updating, or the fallback when none is set.
    pub fn update_or(&self, fallback: Duration) -> Duration {
        self.pick(|timeouts| &timeouts.update, fallback)
    }

    /// The time for deleting, or the fallback when none is set.
    pub fn delete_or(&self, fallback: Duration) -> Duration {
        self.pick(|timeouts| &timeouts.delete, fallback)
    }

    fn pick(&self, field: impl Fn(&Timeouts) -> &Value<String>, fallback: Duration) -> Duration {
        self.known().and_then(|timeouts| field(timeouts).as_str().and_then(parse_duration)).unwrap_or(fallback)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unset_timeout_is_the_fallback() {
        let fallback = Duration::from_secs(7);
        let set = Value::Known(Timeouts { create: "1m".into(), ..Timeouts::default() });
        assert_eq!(set.create_or(fallback), Duration::from_mins(1));
        assert_eq!(set.delete_or(fallback), fallback);
        assert_eq!(Value::<Timeouts>::Null.create_or(fallback), fallback);
    }
}
