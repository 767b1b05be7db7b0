//! Columns to values and back: times, numbers, JSON, and words with a fixed set of values.

use jiff::Timestamp;
use sqlx::Row as _;
pub(crate) use sqlx::any::AnyRow as Row;

use crate::error::StoreError;

/// The most rows that one statement writes: within both databases' limits of parameters, and with few enough different
/// texts for prepared statements to stay cached.
pub(crate) const ROWS: usize = 16;

/// The placeholders of rows: `($1, $2), ($3, $4)`.
pub(crate) fn values(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let placeholders: Vec<String> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", placeholders.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

pub(crate) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

pub(crate) fn time(row: &Row, column: &'static str) -> Result<Timestamp, StoreError> {
    let millis: i64 = value(row, column)?;
    Timestamp::from_millisecond(millis).map_err(|_| StoreError::Corrupt { column })
}

pub(crate) fn optional_time(row: &Row, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
    let millis: Option<i64> = value(row, column)?;
    millis.map(|ms| Timestamp::from_millisecond(ms).map_err(|_| StoreError::Corrupt { column })).transpose()
}

pub(crate) fn value<'r, T>(row: &'r Row, column: &'static str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, sqlx::Any> + sqlx::Type<sqlx::Any>,
{
    row.try_get(column).map_err(|_| StoreError::Corrupt { column })
}

/// A number that is never negative and fits into 32 bits.
pub(crate) fn number(row: &Row, column: &'static str) -> Result<u32, StoreError> {
    let number: i64 = value(row, column)?;
    u32::try_from(number).map_err(|_| StoreError::Corrupt { column })
}

/// A column of text, parsed into a type of this program.
pub(crate) fn parsed<T>(
    row: &Row,
    column: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, StoreError> {
    let text: String = value(row, column)?;
    parse(&text).ok_or(StoreError::Corrupt { column })
}

/// A column of JSON.
pub(crate) fn json<T: serde::de::DeserializeOwned>(row: &Row, column: &'static str) -> Result<T, StoreError> {
    parsed(row, column, |text| serde_json::from_str(text).ok())
}

/// A value as JSON text. Types of the API always serialize.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("the types of the API serialize")
}
