//! How long something lives: a positive span of time, written for people (`45s`, `1h 30m`, `3d`).

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A positive span of whole seconds. A day is 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "24h")]
pub struct Lifetime(u32);

/// Why a text is not a lifetime.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "duration {text:?} is not valid: write a positive number of seconds, minutes, hours or days, such as 45s, 90m, 24h \
     or 7d"
)]
pub struct LifetimeError {
    text: String,
}

impl Lifetime {
    /// This many seconds.
    pub const fn from_secs(seconds: u32) -> Self {
        Self(seconds)
    }

    /// Reads a friendly duration; days are 24 hours, fractions of a second are refused.
    pub fn parse(text: &str) -> Result<Self, LifetimeError> {
        let error = || LifetimeError { text: text.chars().take(40).collect() };
        // Days come first and apart: a calendar day is not a fixed span to the parser, but it is to us.
        let (days, rest) = match text.split_once('d') {
            Some((days, rest)) => (days.trim().parse::<i64>().map_err(|_| error())?, rest.trim()),
            None => (0, text.trim()),
        };
        let rest = if rest.is_empty() && text.contains('d') {
            SignedDuration::ZERO
        } else {
            rest.parse::<SignedDuration>().map_err(|_| error())?
        };
        let total = days.checked_mul(86_400).and_then(|s| s.checked_add(rest.as_secs())).ok_or_else(error)?;
        let negative = days < 0 || rest.is_negative() || rest.subsec_nanos() != 0;
        match u32::try_from(total) {
            Ok(seconds) if seconds > 0 && !negative => Ok(Self(seconds)),
            _ => Err(error()),
        }
    }

    /// As whole seconds.
    pub fn as_secs(self) -> u32 {
        self.0
    }

    /// For timers.
    pub fn as_duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }

    /// For arithmetic on timestamps.
    pub fn as_signed(self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.0))
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s if s % 3_600 == 0 => write!(f, "{}h", s / 3_600),
            s if s % 60 == 0 => write!(f, "{}m", s / 60),
            s => write!(f, "{s}s"),
        }
    }
}

impl TryFrom<String> for Lifetime {
    type Error = LifetimeError;
    fn try_from(text: String) -> Result<Self, LifetimeError> {
        Self::parse(&text)
    }
}

impl From<Lifetime> for String {
    fn from(lifetime: Lifetime) -> String {
        lifetime.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn friendly_durations_are_read() {
        for (text, seconds) in
            [("45s", 45), ("90m", 5_400), ("24h", 86_400), ("7d", 604_800), ("1d 2h", 93_600), ("1h 30m", 5_400)]
        {
            assert_eq!(Lifetime::parse(text), Ok(Lifetime(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_positive_whole_span_is_refused() {
        for text in ["", "0s", "-5s", "5", "soon", "1.5s", "d", "99999999999999h", "-1d 30h"] {
            assert!(Lifetime::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        for seconds in [1, 59, 60, 61, 3_600, 5_400, 86_400] {
            assert_eq!(Lifetime::parse(&Lifetime(seconds).to_string()), Ok(Lifetime(seconds)));
        }
    }
}
