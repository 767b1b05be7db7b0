//! The example: how long apply, plan and destroy take, and what its processes weigh.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use ringfence_tests::head::{TOKEN, connection_of};
use ringfence_tests::sandbox::processes_below;
use ringfence_tests::{Sandbox, Terraform};

use crate::figure::{Figure, Measure};
use crate::memory::{of_children, resident_kib};
use crate::table::{in_mebibytes, median};

pub(crate) const APPLIES: usize = 5;

/// The example, applied, planned and destroyed in each run.
pub(crate) struct Example {
    programs: PathBuf,
}

impl Measure for Example {
    const PAIRS: usize = APPLIES;

    async fn prepare(programs: &Path) -> Result<Self> {
        Ok(Self { programs: programs.to_owned() })
    }

    async fn run(&mut self) -> Result<Vec<Figure>> {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/local");
        let sandbox = Sandbox::new();
        for file in ["main.tf", "variables.tf"] {
            std::fs::copy(example.join(file), sandbox.path().join(file))?;
        }
        let terraform = Terraform::new(sandbox.path()).with_token(Some(TOKEN)).with_programs(&self.programs);
        let applied = terraform.apply(&[]).await.expect("apply").took;
        let (mut heads, mut agents) = (Vec::new(), Vec::new());
        for (directory, identity) in processes_below(sandbox.path()) {
            let is_agent = directory.parent().is_some_and(|parent| parent.ends_with("nodes"));
            let kib = resident_kib(identity.pid)?;
            if is_agent { agents.push(kib) } else { heads.push(kib) }
        }
        let mut planning = terraform.start(&["plan", "-input=false"]);
        let serving = watch_provider(&mut planning)?.into_iter().max();
        planning.wait().await?;
        let planned = terraform.plan(&[]).await.took;
        ensure!(connection_of(&sandbox.path().join(".cluster")).is_ok(), "the cluster is there");
        let destroyed = terraform.destroy(&[]).await.expect("destroy").took;
        let mut figures = vec![
            Figure::new("example: terraform apply, s", applied.as_secs_f64(), 2, "< 10"),
            Figure::new("example: terraform plan without changes, s", planned.as_secs_f64(), 2, ""),
            Figure::new("example: terraform destroy, s", destroyed.as_secs_f64(), 2, ""),
            Figure::new("daemon: resident with 3 nodes, MiB", in_mebibytes(median(&mut heads)), 1, "< 40"),
            Figure::new("agent: resident, MiB", in_mebibytes(median(&mut agents)), 1, ""),
        ];
        let what = "provider: resident during a plan, at most, MiB";
        figures.extend(serving.map(|kib| Figure::new(what, in_mebibytes(kib), 1, "< 30").most()));
        Ok(figures)
    }
}

/// The memory of the provider while terraform plans.
fn watch_provider(terraform: &mut tokio::process::Child) -> Result<Vec<u64>> {
    let mut seen = Vec::new();
    let Some(parent) = terraform.id() else { return Ok(seen) };
    while terraform.try_wait()?.is_none() {
        seen.extend(of_children(parent, "terraform-provider-ringfence"));
        std::thread::yield_now();
    }
    Ok(seen)
}
