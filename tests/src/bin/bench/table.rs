//! The table that is printed: what was measured, what was found, what is aimed at.

use std::time::Duration;

/// The head of the table.
pub(crate) fn head() {
    report("measure (median)", "found", "aim");
}

/// One line.
pub(crate) fn report(what: &str, found: &str, aim: &str) {
    println!("{what:<58} {found:>12} {aim:>12}");
}

pub(crate) fn median<T: Ord + Copy + Default>(values: &mut [T]) -> T {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

pub(crate) fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1_000.0)
}

pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64())
}

pub(crate) fn mebibytes(kib: u64) -> String {
    let tenths = kib * 10 / 1_024;
    format!("{}.{}", tenths / 10, tenths % 10)
}
