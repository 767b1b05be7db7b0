//! The documents for AWS: how long all of them take, and what the functions add to a plan.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use ringfence_policy::aws::{
    AccountId, CrossAccount, ExternalId, Grant, ImageOwner, InstanceProfile, KubernetesName, NodeGrant, NodeRole,
    Partition, Principal, ProfileName, Region, RoleName, SecurityGroupId, StackName, Style, SubnetId, Trust, VpcId,
};
use ringfence_tests::{Sandbox, Terraform};

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
    let (account, region) = (AccountId::parse("111122223333").ok()?, Region::parse("eu-north-1").ok()?);
    let stack = StackName::parse("prod").ok()?;
    let cross_account = CrossAccount {
        partition: Partition::Aws,
        account: account.clone(),
        region: region.clone(),
        stack: stack.clone(),
        vpcs: [VpcId::parse("vpc-0a1b2c3d4e5f60718").ok()?].into(),
        subnets: [SubnetId::parse("subnet-0a1b2c3d4e5f60718").ok()?].into(),
        security_groups: [SecurityGroupId::parse("sg-0a1b2c3d4e5f60718").ok()?].into(),
        instance_profiles: [InstanceProfile {
            profile: ProfileName::parse("ringfence-node").ok()?,
            role: RoleName::parse("ringfence-node").ok()?,
        }]
        .into(),
        control_role: RoleName::parse("ringfence-prod").ok(),
        image_owners: [ImageOwner::parse("amazon").ok()?].into(),
        grants: Grant::ALL.into(),
        style: Style::Restricted,
    };
    let trust = Trust {
        principals: [Principal::parse("arn:aws:iam::444455556666:role/ringfence-control").ok()?].into(),
        external_id: ExternalId::parse("7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34").ok()?,
    };
    let node = NodeRole {
        partition: Partition::Aws,
        account,
        region,
        stack,
        bucket: ringfence_policy::aws::BucketName::parse("example-prod-data").ok(),
        kubernetes: [KubernetesName::parse("analytics").ok()?].into(),
        grants: NodeGrant::ALL.into(),
    };
    Some((cross_account, trust, node))
}

/// The same plan with a function that does next to nothing and with one that makes a policy.
async fn functions(programs: &Path) -> Result<()> {
    const POLICY: &str = "aws_cross_account_policy({ account_id = \"111122223333\", region = \"eu-north-1\", stack = \"prod\", \
        vpc_ids = [\"vpc-0a1b2c3d4e5f60718\"], subnet_ids = [\"subnet-0a1b2c3d4e5f60718\"], \
        security_group_ids = [\"sg-0a1b2c3d4e5f60718\"], instance_profile_name = \"n\", instance_role_name = \"n\" }).json";
    let sandbox = Sandbox::new();
    let mut medians = Vec::new();
    let calls = [("none", "project_user(\"fraud\", \"alice\")"), ("policy", POLICY)];
    let configured: Vec<Terraform> = calls
        .iter()
        .map(|(name, call)| {
            let terraform = Terraform::new(&sandbox.path().join(name)).with_token(None).with_programs(programs);
            terraform.write(&format!(
                "terraform {{\n  required_providers {{ ringfence = {{ source = \"ringfence/ringfence\" }} }}\n}}\n\
                 output \"it\" {{ value = provider::ringfence::{call} }}\n"
            ));
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
