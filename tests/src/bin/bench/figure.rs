//! What a run of a measure finds, and how several runs are told: of this build alone, or of two builds in pairs.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::table::{report, report_pair};

/// A measure that can be run again and again, on any build of the programs.
pub(crate) trait Measure: Sized {
    /// How often each build is run when two are compared.
    const PAIRS: usize;

    /// Starts what is measured, from the programs in this directory.
    async fn prepare(programs: &Path) -> Result<Self>;

    /// Measures once.
    async fn run(&mut self) -> Result<Vec<Figure>>;
}

/// A figure of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) what: &'static str,
    pub(crate) value: f64,
    /// How many digits are printed behind the point.
    digits: usize,
    aim: &'static str,
    of_all: OfAll,
}

/// Which of the figures of all runs is told.
#[derive(Debug, Clone, Copy)]
enum OfAll {
    Median,
    Most,
}

impl Figure {
    /// A figure of which the median tells.
    pub(crate) const fn new(what: &'static str, value: f64, digits: usize, aim: &'static str) -> Self {
        Self { what, value, digits, aim, of_all: OfAll::Median }
    }

    /// A figure of which the largest tells.
    pub(crate) const fn most(self) -> Self {
        Self { of_all: OfAll::Most, ..self }
    }

    fn text(&self, value: f64) -> String {
        format!("{value:.*}", self.digits)
    }

    /// The one that tells of the same figure in several runs.
    fn of(&self, mut values: Vec<f64>) -> f64 {
        values.sort_by(f64::total_cmp);
        match self.of_all {
            OfAll::Median => values[values.len() / 2],
            OfAll::Most => values[values.len() - 1],
        }
    }
}

/// Runs the measure so often on this build, and reports.
pub(crate) async fn alone<M: Measure>(programs: &Path, runs: usize) -> Result<()> {
    let mut measure = M::prepare(programs).await?;
    let mut found = Vec::new();
    for _ in 0..runs {
        found.push(measure.run().await?);
    }
    report_all(&found);
    Ok(())
}

/// Reports each figure of several runs.
pub(crate) fn report_all(runs: &[Vec<Figure>]) {
    for (index, figure) in runs.first().into_iter().flatten().enumerate() {
        let values = runs.iter().map(|run| run[index].value).collect();
        report(figure.what, &figure.text(figure.of(values)), figure.aim);
    }
}

/// Runs the measure on both builds in turn, and reports both and the ratios of the pairs.
pub(crate) async fn paired<M: Measure>(before: &Path, after: &Path) -> Result<()> {
    let (mut old, mut new) = (M::prepare(before).await?, M::prepare(after).await?);
    let mut pairs = Vec::new();
    for _ in 0..M::PAIRS {
        let pair = (old.run().await?, new.run().await?);
        ensure!(pair.0.len() == pair.1.len(), "both builds are measured alike");
        pairs.push(pair);
    }
    for (index, figure) in pairs[0].1.iter().enumerate() {
        let values: Vec<(f64, f64)> = pairs.iter().map(|(old, new)| (old[index].value, new[index].value)).collect();
        let of = |side: fn(&(f64, f64)) -> f64| figure.text(figure.of(values.iter().map(side).collect()));
        report_pair(figure.what, [&of(|pair| pair.0), &of(|pair| pair.1)], ratios(&values), figure.aim);
    }
    Ok(())
}

/// Median, least and greatest ratio of after to before, pair by pair; nothing where something was divided by nothing.
fn ratios(pairs: &[(f64, f64)]) -> Option<[f64; 3]> {
    let mut ratios: Vec<f64> = pairs.iter().map(|(before, after)| after / before).collect();
    ratios.sort_by(f64::total_cmp);
    let found = [ratios[ratios.len() / 2], ratios[0], ratios[ratios.len() - 1]];
    found.iter().all(|ratio| ratio.is_finite()).then_some(found)
}
