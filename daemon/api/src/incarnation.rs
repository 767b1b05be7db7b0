//! The history of a cluster's database, so that everybody notices when it goes back.
//!
//! A database that was restored from a backup has forgotten its last changes, and counts on from where the backup was
//! taken. Its generations then have been used before, for something else. An [`Incarnation`] tells the two histories
//! apart: it is new after each restore, and whoever has heard of another one, or of a generation that does not exist
//! yet, takes the whole state anew.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One history of a cluster's database.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Incarnation {
    /// Greater than the number of every earlier history that was known when this one began.
    pub number: i64,
    /// Random, because two histories may begin without knowing of each other. Empty in a database that is older than
    /// incarnations.
    pub id: String,
}

impl fmt::Display for Incarnation {
    /// `NUMBER.ID`, as in a query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.number, self.id)
    }
}

impl FromStr for Incarnation {
    type Err = NotAnIncarnation;

    fn from_str(text: &str) -> Result<Self, NotAnIncarnation> {
        let (number, id) = text.split_once('.').ok_or(NotAnIncarnation)?;
        let is_id = id.len() <= 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        let number = number.parse().ok().filter(|_| is_id).ok_or(NotAnIncarnation)?;
        Ok(Self { number, id: id.to_owned() })
    }
}

/// The text is not `NUMBER.ID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an incarnation is NUMBER.ID")]
pub struct NotAnIncarnation;

/// A point in a history: as far as somebody has heard, or as far as the database is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// The history.
    pub incarnation: Incarnation,
    /// The generation of what nodes should hold.
    pub generation: i64,
}

/// How what somebody has heard compares with the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It is a part of the database's history.
    Part,
    /// It is of a history that the database's has replaced.
    Replaced,
    /// It is of a history that the database does not have: the database has been put back to an earlier state.
    Beyond,
}

impl Point {
    /// How this point compares with where the database is.
    pub fn heard(&self, database: &Self) -> Heard {
        if self.incarnation == database.incarnation {
            return if self.generation > database.generation { Heard::Beyond } else { Heard::Part };
        }
        if self.incarnation.number > database.incarnation.number { Heard::Beyond } else { Heard::Replaced }
    }

    /// Whether a database that is here now can have been there: what is further on than years of changes is a lie or a
    /// mistake, and must not become the point from which another history counts.
    pub fn is_plausible(&self, database: &Self) -> bool {
        let within = |value: i64, from: i64, most: i64| value >= 0 && value <= from.saturating_add(most);
        within(self.incarnation.number, database.incarnation.number, 1 << 16)
            && within(self.generation, database.generation, 1 << 32)
    }

    /// Whether somebody who is at this point must be told the state of the database. A generation that the database
    /// does not have yet counts too.
    pub fn is_outdated(&self, database: &Self) -> bool {
        self.incarnation != database.incarnation || self.generation != database.generation
    }

    /// The first point of a history that follows all of these.
    pub fn following<'a>(all: impl IntoIterator<Item = &'a Self>, id: String) -> Self {
        let (number, generation) = all.into_iter().fold((0, 0), |(number, generation), point| {
            (number.max(point.incarnation.number), generation.max(point.generation))
        });
        let incarnation = Incarnation { number: number.saturating_add(1), id };
        Self { incarnation, generation: generation.saturating_add(1) }
    }
}

/// Whether nodes have heard enough of a history that the database does not have: more than half of those that have
/// joined. What one node claims among several changes nothing.
pub fn is_history_lost(beyond: usize, joined: usize) -> bool {
    beyond > joined / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(number: i64, id: &str, generation: i64) -> Point {
        Point { incarnation: Incarnation { number, id: id.to_owned() }, generation }
    }

    #[test]
    fn what_was_heard_is_a_part_of_the_history_or_replaced_by_it_or_beyond_it() {
        let database = point(2, "b", 10);
        let table = [
            ("the present", point(2, "b", 10), Heard::Part, false),
            ("an earlier generation", point(2, "b", 9), Heard::Part, true),
            ("a later generation", point(2, "b", 11), Heard::Beyond, true),
            ("an earlier history, further on", point(1, "a", 99), Heard::Replaced, true),
            ("a later history", point(3, "c", 1), Heard::Beyond, true),
            ("another history that began at the same time", point(2, "x", 99), Heard::Replaced, true),
        ];
        for (what, heard, expected, outdated) in table {
            assert_eq!(heard.heard(&database), expected, "{what}");
            assert_eq!(heard.is_outdated(&database), outdated, "{what}");
        }
    }

    #[test]
    fn what_no_database_can_have_reached_is_not_plausible() {
        let database = point(2, "b", 10);
        for heard in [point(2, "b", 11), point(3, "c", 1), point(2, "b", 1 << 32), point(0, "", 0)] {
            assert!(heard.is_plausible(&database), "{heard:?}");
        }
        for heard in [point(i64::MAX, "x", 1), point(2, "b", i64::MAX), point(-1, "x", 1), point(2, "b", -1)] {
            assert!(!heard.is_plausible(&database), "{heard:?}");
        }
    }

    #[test]
    fn a_new_history_follows_everything_that_was_heard() {
        let (database, heard) = (point(2, "b", 10), point(4, "c", 7));
        let next = Point::following([&database, &heard], "d".to_owned());
        assert_eq!(next, point(5, "d", 11));
        for before in [database, heard] {
            assert_eq!(before.heard(&next), Heard::Replaced);
        }
    }

    #[test]
    fn an_incarnation_is_read_as_it_is_written() {
        for text in ["7.7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34", "0."] {
            assert_eq!(text.parse::<Incarnation>().unwrap().to_string(), text);
        }
        for text in ["", "7", "x.7b0f", "7.not hexadecimal", &format!("1.{}", "a".repeat(37))] {
            assert_eq!(text.parse::<Incarnation>(), Err(NotAnIncarnation), "{text}");
        }
    }

    #[test]
    fn a_single_node_among_others_proves_nothing() {
        let table = [(0, 0, false), (1, 1, true), (1, 2, false), (2, 2, true), (1, 3, false), (2, 3, true)];
        for (beyond, joined, expected) in table {
            assert_eq!(is_history_lost(beyond, joined), expected, "{beyond} of {joined}");
        }
    }
}
