//! The example: how long apply, plan and destroy take, and what its processes weigh.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use ringfence_tests::head::{TOKEN, connection_of};
use ringfence_tests::sandbox::processes_below;
use ringfence_tests::{Sandbox, Terraform};

use crate::memory::{of_children, resident_kib};
use crate::table::{mebibytes, median, report, seconds};

const APPLIES: usize = 5;

/// Applies, plans and destroys the example, and reports.
pub(crate) async fn measure(programs: &Path) -> Result<()> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/local");
    let mut times: [Vec<Duration>; 3] = Default::default();
    let (mut heads, mut agents, mut serving) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..APPLIES {
        let sandbox = Sandbox::new();
        for file in ["main.tf", "variables.tf"] {
            std::fs::copy(example.join(file), sandbox.path().join(file))?;
        }
        let terraform = Terraform::new(sandbox.path()).with_token(Some(TOKEN)).with_programs(programs);
        times[0].push(terraform.apply(&[]).await.expect("apply").took);
        for (directory, identity) in processes_below(sandbox.path()) {
            let is_agent = directory.parent().is_some_and(|parent| parent.ends_with("nodes"));
            let kib = resident_kib(identity.pid)?;
            if is_agent { agents.push(kib) } else { heads.push(kib) }
        }
        let mut planning = terraform.start(&["plan", "-input=false"]);
        serving.extend(watch_provider(&mut planning)?);
        planning.wait().await?;
        times[1].push(terraform.plan(&[]).await.took);
        ensure!(connection_of(&sandbox.path().join(".cluster")).is_ok(), "the cluster is there");
        times[2].push(terraform.destroy(&[]).await.expect("destroy").took);
    }
    let [applies, plans, destroys] = &mut times;
    report("example: terraform apply, s", &seconds(median(applies)), "< 10");
    report("example: terraform plan without changes, s", &seconds(median(plans)), "");
    report("example: terraform destroy, s", &seconds(median(destroys)), "");
    if !serving.is_empty() {
        report(
            "provider: resident during a plan, at most, MiB",
            &mebibytes(*serving.iter().max().unwrap_or(&0)),
            "< 30",
        );
    }
    report("daemon: resident with 3 nodes, MiB", &mebibytes(median(&mut heads)), "< 40");
    report("agent: resident, MiB", &mebibytes(median(&mut agents)), "");
    Ok(())
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
