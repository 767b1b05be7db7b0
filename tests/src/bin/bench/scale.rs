//! Growth: thousands of members against as many of Terraform's own `terraform_data`, which has no provider process, no
//! network and no database. What is measured is the ratio; the rest is Terraform's.
//!
//! Both sides run alternately with the same flags, and hold the same: two words and a reference to one other resource.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use ringfence_tests::hcl::REQUIRED_PROVIDERS;
use ringfence_tests::head::TOKEN;
use ringfence_tests::{Head, Sandbox, Terraform};

use crate::state_server;
use crate::table::{median, report, seconds};

/// How many resources with the state on a server, and how often that is measured.
const ON_SERVER: &[(usize, usize)] = &[(200, 3), (2_000, 3), (5_000, 1)];
/// The same with the state in a local file, where Terraform's own time grows with the square of the number.
const IN_FILE: &[(usize, usize)] = &[(200, 3), (2_000, 1)];
const APPLY_AIM: &str = "< 1.20";
const PLAN_AIM: &str = "< 1.30";

/// Applies and plans both sides at every size, and reports.
pub(crate) async fn measure(programs: &Path) -> Result<()> {
    let server = state_server::start().await?;
    for &(count, runs) in ON_SERVER {
        compare(programs, count, runs, Some(server)).await?;
    }
    for &(count, runs) in IN_FILE {
        compare(programs, count, runs, None).await?;
    }
    Ok(())
}

/// What one side took.
#[derive(Default)]
struct Times {
    applies: Vec<Duration>,
    plans: Vec<Duration>,
}

/// One size, both sides in turn.
async fn compare(programs: &Path, count: usize, runs: usize, server: Option<SocketAddr>) -> Result<()> {
    let (mut ours, mut theirs) = (Times::default(), Times::default());
    let state = |name: &str| server.map(|server| format!("http://{server}/{name}"));
    for run in 0..runs {
        {
            let sandbox = Sandbox::new();
            let head = Head::start(sandbox.path()).await;
            let directory = sandbox.path().join("configuration");
            let side = Side { programs, directory, state: state(&format!("members-{count}-{run}")) };
            side.run(&members(&head, count), &mut ours).await?;
        }
        let sandbox = Sandbox::new();
        let directory = sandbox.path().to_owned();
        let side = Side { programs, directory, state: state(&format!("data-{count}-{run}")) };
        side.run(&data(count), &mut theirs).await?;
    }
    let place = if server.is_some() { "on a server" } else { "in a file" };
    line(&format!("{count} members, state {place}: apply"), &mut ours.applies, &mut theirs.applies, APPLY_AIM);
    line(&format!("{count} members, state {place}: plan"), &mut ours.plans, &mut theirs.plans, PLAN_AIM);
    Ok(())
}

/// One run of one side.
struct Side<'a> {
    programs: &'a Path,
    directory: PathBuf,
    /// Where the state is, unless in a local file.
    state: Option<String>,
}

impl Side<'_> {
    async fn run(&self, configuration: &str, times: &mut Times) -> Result<()> {
        let terraform = Terraform::new(&self.directory).with_token(Some(TOKEN)).with_programs(self.programs);
        let mut backend = String::new();
        if let Some(address) = &self.state {
            backend = format!("terraform {{\n  backend \"http\" {{ address = \"{address}\" }}\n}}\n");
            // Before the provider is named: `init` would look for it, and programs that were just built need none.
            terraform.write(&backend);
            terraform.run(&["init", "-input=false", "-no-color"]).await.expect("init");
        }
        terraform.write(&format!("{backend}{configuration}"));
        times.applies.push(terraform.apply(&[]).await.expect("apply").took);
        let planned = terraform.plan(&[]).await;
        ensure!(planned.code == 0, "a plan after an apply says no changes: {}{}", planned.stdout, planned.stderr);
        times.plans.push(planned.took);
        Ok(())
    }
}

/// A line for the times and one for the ratio.
fn line(what: &str, ours: &mut [Duration], theirs: &mut [Duration], aim: &str) {
    let (ours, theirs) = (median(ours), median(theirs));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    report(&format!("{what}, s (terraform_data {})", seconds(theirs)), &seconds(ours), "");
    report("  ratio", &format!("{ratio:.2}"), aim);
}

/// Members of one project of that cluster.
fn members(head: &Head, count: usize) -> String {
    let connection = head.connection();
    format!(
        r#"{REQUIRED_PROVIDERS}
provider "ringfence" {{
  cluster = {{
    endpoint       = "{}"
    cluster_id     = "{}"
    ca_certificate = <<-PEM
{}
    PEM
  }}
}}

resource "ringfence_project" "scale" {{
  name = "scale"
}}

resource "ringfence_project_member" "all" {{
  count   = {count}
  project = ringfence_project.scale.name
  user    = "user_${{count.index}}"
  role    = "data_scientist"
}}
"#,
        connection.endpoint,
        connection.cluster_id,
        connection.ca_certificate.trim_end()
    )
}

/// As many of Terraform's own, with the same in them.
fn data(count: usize) -> String {
    format!(
        r#"
resource "terraform_data" "scale" {{
  input = "scale"
}}

resource "terraform_data" "all" {{
  count = {count}
  input = {{
    project = terraform_data.scale.output
    user    = "user_${{count.index}}"
    role    = "data_scientist"
  }}
}}
"#
    )
}
