//! The table of this part: what honest callers noticed of each load, of one build or of two with their ratio.

#![expect(clippy::print_stdout, reason = "it talks to whoever started it")]

use crate::hostile::calls::Heard;
use crate::table::in_mebibytes;

const CALLS: [&str; 3] = ["GET cluster", "PUT report", "connect and log in"];
const FIGURES: [&str; 5] = ["calls", "failed", "median ms", "99 of 100", "longest"];
/// How many digits are printed behind the point.
const DIGITS: [usize; 5] = [0, 0, 1, 1, 1];

/// What one load has shown of one build.
pub(crate) struct Found {
    /// What came of each of the calls.
    pub(crate) heard: [Heard; 3],
    /// How much memory the daemon held before the load, at its end, and 10 seconds after it, in KiB.
    pub(crate) resident: [u64; 3],
    /// What the hostile clients have done.
    pub(crate) done: Vec<String>,
}

/// The head of the table.
pub(crate) fn head() {
    line("hostile: meanwhile", "what", "build", &FIGURES.map(|figure| format!("{figure:>10}")).concat());
}

/// The rows of a load.
pub(crate) fn report(load: &str, found: &[(&str, Found)]) {
    let mut load = load;
    for (index, call) in CALLS.into_iter().enumerate() {
        for (build, found) in found {
            let heard = &found.heard[index];
            line(std::mem::take(&mut load), call, build, &cells(heard.figures, DIGITS));
            if let Some(why) = &heard.failure {
                line("", "  failed first", build, why);
            }
        }
        if let [(_, before), (_, after)] = found {
            let [before, after] = [before, after].map(|found| found.heard[index].figures);
            line("", call, "ratio", &cells(ratios(before, after), [2; 5]));
        }
    }
    for (build, found) in found {
        line("", "the daemon, MiB", build, &memory(found.resident));
    }
    if let [(_, before), (_, after)] = found {
        let [before, after] = [before, after].map(|found| found.resident.map(in_mebibytes));
        let [idle, loaded, after] = ratios(before, after);
        let text = format!("{idle:.2} before, {loaded:.2} at the end, {after:.2} after 10 s");
        line("", "the daemon, MiB", "ratio", &text);
    }
    for (build, found) in found {
        for done in &found.done {
            line("", "the hostile", build, done);
        }
    }
}

fn line(load: &str, what: &str, build: &str, rest: &str) {
    println!("{load:<20} {what:<20} {build:<7} {rest}");
}

/// Figures side by side. A line stands for what is no number, such as the median of no answers.
fn cells(figures: [f64; 5], digits: [usize; 5]) -> String {
    let cell = |(figure, digits): (f64, usize)| {
        if figure.is_finite() { format!("{figure:>10.digits$}") } else { format!("{:>10}", "-") }
    };
    let cells: Vec<String> = figures.into_iter().zip(digits).map(cell).collect();
    cells.concat()
}

fn ratios<const N: usize>(before: [f64; N], after: [f64; N]) -> [f64; N] {
    std::array::from_fn(|index| after[index] / before[index])
}

/// How much the daemon held, and how much more than before the load.
fn memory(resident: [u64; 3]) -> String {
    let [idle, loaded, after] = resident.map(in_mebibytes);
    let (more, left) = (loaded - idle, after - idle);
    format!("{idle:.1} before, {loaded:.1} at the end ({more:+.1}), {after:.1} after 10 s ({left:+.1})")
}
