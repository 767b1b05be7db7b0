//! The documents for AWS: how long all of them take, and what the functions add to a plan.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use ringfence_policy::aws::{
    CrossAccount, CrossAccountRequest, Grant, NodeGrant, NodeRole, NodeRoleRequest, Style, Trust, TrustRequest,
};
use ringfence_tests::hcl::REQUIRED_PROVIDERS;
use ringfence_tests::{Sandbox, Terraform};
use serde_json::json;

use crate::table::{median, report};

const RENDERS: usize = 201;
const PLANS: usize = 15;

pub(crate) async fn measure(programs: &Path) -> Result<()> {
    let (cross_account, trust, node) = requests().context("the requests are sound")?;
    let styles = Style::ALL.map(|style| CrossAccount { style, ..cross_account.clone() });
    let mut times = Vec::new();
    for _ in 0..RENDERS {
        let began = Instant::now();
        let mut size = trust.render().document.minified().len();
        size += styles.iter().map(|request| request.render().document.minified().len()).sum::<usize>();
        let documents = [node.policy(), node.boundary(), node.trust()];
        size += documents.iter().map(|rendered| rendered.document.minified().len()).sum::<usize>();
        times.push(began.elapsed());
        ensure!(size > 15_000, "{size} bytes");
    }
    report("documents: all of them, ms", &format!("{:.2}", median(&mut times).as_secs_f64() * 1_000.0), "< 5");
    functions(programs).await
}

fn requests() -> Option<(CrossAccount, Trust, NodeRole)> {
    let cross_account = json!({
        "account_id": "111122223333",
        "region": "eu-north-1",
        "stack": "prod",
        "vpc_ids": ["vpc-0a1b2c3d4e5f60718"],
        "subnet_ids": ["subnet-0a1b2c3d4e5f60718"],
        "security_group_ids": ["sg-0a1b2c3d4e5f60718"],
        "instance_profile_name": "ringfence-node",
        "instance_role_name": "ringfence-node",
        "control_role_name": "ringfence-prod",
        "grants": Grant::ALL.map(Grant::as_str),
    });
    let trust = json!({
        "principals": ["arn:aws:iam::444455556666:role/ringfence-control"],
        "external_id": "7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34",
    });
    let node = json!({
        "account_id": "111122223333",
        "region": "eu-north-1",
        "stack": "prod",
        "bucket_name": "example-prod-data",
        "eks_cluster_names": ["analytics"],
        "grants": NodeGrant::ALL.map(NodeGrant::as_str),
    });
    let cross_account: CrossAccountRequest = serde_json::from_value(cross_account).ok()?;
    let trust: TrustRequest = serde_json::from_value(trust).ok()?;
    let node: NodeRoleRequest = serde_json::from_value(node).ok()?;
    Some((cross_account.check().ok()?, trust.check().ok()?, node.check().ok()?))
}

/// The same plan with a function that does next to nothing and with one that makes a policy.
async fn functions(programs: &Path) -> Result<()> {
    const POLICY: &str = "aws_cross_account_policy({ account_id = \"111122223333\", region = \"eu-north-1\", \
        stack = \"prod\", \
        vpc_ids = [\"vpc-0a1b2c3d4e5f60718\"], subnet_ids = [\"subnet-0a1b2c3d4e5f60718\"], \
        security_group_ids = [\"sg-0a1b2c3d4e5f60718\"], instance_profile_name = \"n\", \
        instance_role_name = \"n\" }).json";
    let sandbox = Sandbox::new();
    let mut medians = Vec::new();
    let calls = [("none", "project_user(\"fraud\", \"alice\")"), ("policy", POLICY)];
    let configured: Vec<Terraform> = calls
        .iter()
        .map(|(name, call)| {
            let terraform = Terraform::new(&sandbox.path().join(name)).with_token(None).with_programs(programs);
            let output = format!("output \"it\" {{ value = provider::ringfence::{call} }}\n");
            terraform.write(&(REQUIRED_PROVIDERS.to_owned() + &output));
            terraform
        })
        .collect();
    let mut times = vec![Vec::new(); calls.len()];
    for _ in 0..PLANS {
        // By turns, so that whatever else the machine does hits both.
        for (terraform, times) in configured.iter().zip(&mut times) {
            let outcome = terraform.plan(&[]).await;
            ensure!(outcome.code == 2, "{}", outcome.stderr);
            times.push(outcome.took);
        }
    }
    for times in &mut times {
        medians.push(median(times).as_secs_f64());
    }
    let ratio = medians[1] / medians[0];
    report("documents: a plan with the policy, by one without", &format!("{ratio:.3}"), "1.0");
    Ok(())
}
