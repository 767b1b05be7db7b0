//! The `timeouts` attribute: how long each operation may take.

use std::time::Duration;

use crate::Model;
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

/// Reads `1h30m`, `90s`, `500ms`: whole numbers with units, none zero in sum.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let count: u64 = rest[..digits].parse().ok()?;
        let unit_end =
            rest[digits..].find(|letter: char| letter.is_ascii_digit()).map_or(rest.len(), |length| digits + length);
        let part = match &rest[digits..unit_end] {
            "ms" => Duration::from_millis(count),
            "s" => Duration::from_secs(count),
            "m" => Duration::from_secs(count.checked_mul(60)?),
            "h" => Duration::from_secs(count.checked_mul(3600)?),
            _ => return None,
        };
        total = total.checked_add(part)?;
        rest = &rest[unit_end..];
    }
    (total > Duration::ZERO).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        let table = [
            ("90s", Some(Duration::from_secs(90))),
            ("1h30m", Some(Duration::from_mins(90))),
            ("500ms", Some(Duration::from_millis(500))),
            ("", None),
            ("10", None),
            ("m", None),
            ("0s", None),
            ("-1s", None),
            ("99999999999999999999h", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_duration(text), expected, "{text}");
        }
    }

    #[test]
    fn an_unset_timeout_is_the_fallback() {
        let fallback = Duration::from_secs(7);
        let set = Value::Known(Timeouts { create: "1m".into(), ..Timeouts::default() });
        assert_eq!(set.create_or(fallback), Duration::from_mins(1));
        assert_eq!(set.delete_or(fallback), fallback);
        assert_eq!(Value::<Timeouts>::Null.create_or(fallback), fallback);
    }
}
