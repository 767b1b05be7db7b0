//! Log lines that anybody can cause: a few of each kind a minute. The next line after that says how many were left out,
//! so that a flood shows, and does not fill the disk.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// The number of lines of one kind in a minute.
const LINES: u32 = 5;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Counts lines by kind.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<BTreeMap<&'static str, Minute>>);

/// A minute in which lines of one kind are written.
#[derive(Debug)]
struct Minute {
    began: Timestamp,
    written: u32,
    left_out: u64,
    /// When the first one was left out.
    since: Timestamp,
}

impl Seldom {
    /// Whether a line of this kind is written now. If so, this is what to add to it: how many were left out before it,
    /// or nothing.
    pub(crate) fn line(&self, kind: &'static str, now: Timestamp) -> Option<String> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = kinds.entry(kind).or_insert_with(|| Minute::beginning(now));
        // A clock that was set back begins another minute.
        if now < minute.began || minute.began + MINUTE <= now {
            let before = std::mem::replace(minute, Minute { written: 1, ..Minute::beginning(now) });
            return Some(before.told());
        }
        if minute.written < LINES {
            minute.written += 1;
            return Some(String::new());
        }
        if minute.left_out == 0 {
            minute.since = now;
        }
        minute.left_out += 1;
        None
    }
}

impl Minute {
    fn beginning(now: Timestamp) -> Self {
        Self { began: now, written: 0, left_out: 0, since: now }
    }

    /// How many lines were left out.
    fn told(&self) -> String {
        match self.left_out {
            0 => String::new(),
            count => format!(", and {} more since {}", grouped(count), self.since.strftime("%H:%M:%SZ")),
        }
    }
}

/// A number with a comma between each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        let noon: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        noon + SignedDuration::from_secs(second)
    }

    #[test]
    fn five_lines_a_minute_are_written_and_the_next_one_tells_of_the_rest() {
        let seldom = Seldom::default();
        for second in 0..5 {
            assert_eq!(seldom.line("login", at(second)).as_deref(), Some(""));
        }
        for _ in 0..1_234 {
            assert_eq!(seldom.line("login", at(7)), None);
        }
        assert_eq!(seldom.line("login", at(59)), None);
        assert_eq!(seldom.line("login", at(60)).as_deref(), Some(", and 1,235 more since 12:00:07Z"));
        assert_eq!(seldom.line("login", at(61)).as_deref(), Some(""), "it is told once");
    }

    #[test]
    fn one_kind_leaves_no_line_of_another_out() {
        let seldom = Seldom::default();
        for _ in 0..9 {
            seldom.line("login", at(0));
        }
        assert_eq!(seldom.line("handshake", at(0)).as_deref(), Some(""));
    }

    #[test]
    fn a_clock_that_is_set_back_silences_nobody() {
        let seldom = Seldom::default();
        for _ in 0..6 {
            seldom.line("login", at(0));
        }
        assert_eq!(seldom.line("login", at(-3_600)).as_deref(), Some(", and 1 more since 12:00:00Z"));
    }

    #[test]
    fn digits_are_grouped_by_threes() {
        let cases =
            [(1, "1"), (12, "12"), (123, "123"), (1_234, "1,234"), (123_456, "123,456"), (1_000_000, "1,000,000")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }
}
