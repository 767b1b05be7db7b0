//! From when to when a certificate or CRL is valid.

use jiff::{SignedDuration, Timestamp};
use time::OffsetDateTime;

/// A period of whole seconds, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: Timestamp,
    /// The last second.
    pub not_after: Timestamp,
}

/// How far into the past a certificate's life begins at the most, for peers whose clock is behind.
const MAX_BACKDATE: SignedDuration = SignedDuration::from_mins(5);

impl Validity {
    /// A life that ends `lifetime` from now. It begins a twentieth of it, at most five minutes, before now.
    pub fn starting(now: Timestamp, lifetime: SignedDuration) -> Self {
        let backdate = (lifetime / 20).min(MAX_BACKDATE);
        Self { not_before: whole_seconds(now - backdate), not_after: whole_seconds(now + lifetime) }
    }

    /// The same life, ending no later than `end`.
    pub fn within(self, end: Timestamp) -> Self {
        Self { not_after: self.not_after.min(end), ..self }
    }
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).expect("a timestamp without its fraction is in range")
}

pub(crate) fn to_offset(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.as_second()).expect("jiff's range is within time's")
}

pub(crate) fn from_unix(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}
