//! The table that is printed: what was measured, what was found, what is aimed at.

#![expect(clippy::print_stdout, reason = "it talks to whoever started it")]

use std::time::Duration;

/// The head of the table.
pub(crate) fn head() {
    report("measure (median)", "found", "aim");
}

/// One line.
pub(crate) fn report(what: &str, found: &str, aim: &str) {
    println!("{what:<58} {found:>12} {aim:>12}");
}

/// The head of the table when two builds are compared.
pub(crate) fn head_of_pairs() {
    line_of_pair("measure (median)", ["before", "after"], ["ratio", "least", "most"], "aim");
}

/// One line about two builds, with the median, least and greatest ratio of the pairs.
pub(crate) fn report_pair(what: &str, found: [&str; 2], ratios: Option<[f64; 3]>, aim: &str) {
    let ratios = ratios.map_or_else(|| ["-"; 3].map(str::to_owned), |ratios| ratios.map(|ratio| format!("{ratio:.2}")));
    line_of_pair(what, found, ratios.each_ref().map(String::as_str), aim);
}

fn line_of_pair(what: &str, [before, after]: [&str; 2], [ratio, least, most]: [&str; 3], aim: &str) {
    println!("{what:<58} {before:>10} {after:>10} {ratio:>7} {least:>7} {most:>7} {aim:>8}");
}

pub(crate) fn median<T: Ord + Copy + Default>(values: &mut [T]) -> T {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

pub(crate) fn in_millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64())
}

pub(crate) fn in_mebibytes(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1_024.0
}

pub(crate) fn mebibytes(kib: u64) -> String {
    format!("{:.1}", in_mebibytes(kib))
}
