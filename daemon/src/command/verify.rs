//! `ringfenced verify aws`: asks AWS whether the cross-account role may do what it needs and nothing that must be
//! refused, and prints the results. Exits with status 1 if any result is wrong.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use ringfence_place::aws::{AssumeRole, AwsAccount, AwsSettings, Verified};
use ringfence_policy::aws::{CrossAccount, CrossAccountRequest, Grant, RoleName};
use serde_json::json;

use crate::command::output::{notify, print_if_read};

/// Verify permissions in a cloud.
#[derive(Debug, Args)]
pub struct Verify {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Ask AWS what the cross-account role may do
    Aws(Aws),
}

#[derive(Debug, Args)]
struct Aws {
    /// The request of the role in JSON: the attribute `request_json` of `ringfence_aws_cross_account_role`, or of the
    /// data source `ringfence_aws_cross_account_policy` with `control_role_name`; `-` for standard input
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// Assume this role first, such as the cross-account role itself
    #[arg(long, value_name = "ARN")]
    assume_role: Option<String>,
    /// The external id of that role
    #[arg(long, requires = "assume_role")]
    external_id: Option<String>,
    /// Also ask EC2 about a launch of this image, as the cross-account role, which must be assumed for that
    #[arg(long, value_name = "AMI")]
    image: Option<String>,
    /// The instance type for that launch
    #[arg(long, value_name = "TYPE", requires = "image", default_value = "m5.large")]
    instance_type: String,
    /// The profile of the shared AWS configuration
    #[arg(long)]
    profile: Option<String>,
    /// Another endpoint for AWS's services
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let What::Aws(aws) = self.what;
        aws.run().await
    }
}

impl Aws {
    fn settings(&self, request: &CrossAccount) -> AwsSettings {
        let assume_role = self.assume_role.clone();
        AwsSettings {
            region: Some(request.region.to_string()),
            profile: self.profile.clone(),
            endpoint_url: self.endpoint_url.clone(),
            assume_role: assume_role.map(|role_arn| AssumeRole { role_arn, external_id: self.external_id.clone() }),
        }
    }

    async fn run(self) -> anyhow::Result<()> {
        let path = self.request.display();
        let text = read(&self.request).with_context(|| format!("cannot read {path}"))?;
        let (request, role) = parse(&text).with_context(|| format!("cannot use {path}"))?;
        let account = AwsAccount::new(&self.settings(&request)).await;
        let caller = account.identity().await.with_context(|| match &self.profile {
            Some(profile) => format!("AWS does not recognize the caller with the profile {profile:?}"),
            None => "AWS does not recognize the caller".to_owned(),
        })?;
        if caller.account != request.account.as_str() {
            bail!("{} is in account {}, and {path} is about {}", caller.arn, caller.account, request.account);
        }
        let arn = format!("arn:{}:iam::{}:role/{role}", request.partition, request.account);
        let is_role = caller.arn.contains(&format!(":assumed-role/{}/", role.bare()));
        if self.image.is_some() && !is_role {
            bail!(
                "--image needs {arn} as the caller, but the caller is {}: add --assume-role {arn} and --external-id",
                caller.arn
            );
        }
        let mut asked = 0;
        let mut verified = account
            .verify(&request, &arn, |one| {
                asked += 1;
                if !self.json {
                    notify(format_args!("\r\x1b[K{asked}: {}", one.what));
                }
            })
            .await?;
        let mut unasked = None;
        if let Some(image) = &self.image {
            match account.ask_launch(&request, image, &self.instance_type).await {
                Ok(asked) => verified.push(asked),
                Err(error) => unasked = Some(format!("asking EC2 about the launch failed: {error}")),
            }
        }
        if !self.json {
            notify("\r\x1b[K");
        }
        let wrong = verified.iter().filter(|one| !one.is_right()).count();
        if self.json {
            print_if_read(format_args!("{:#}", in_json(&arn, &verified, unasked.as_deref())))?;
        } else {
            print_if_read(in_table(&verified))?;
            print_if_read(format_args!("{arn}: {} checks, {wrong} wrong", verified.len()))?;
        }
        if let Some(unasked) = unasked {
            bail!(unasked);
        }
        if wrong > 0 {
            std::process::exit(1);
        }
        Ok(())
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    if path.as_os_str() == "-" { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(path) }
}

/// The request, and the role to verify.
fn parse(text: &str) -> anyhow::Result<(CrossAccount, RoleName)> {
    let request: CrossAccountRequest = serde_json::from_str(text)?;
    let request = request.check().map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow!(faults.join("; "))
    })?;
    let role = request.control_role.clone().context("control_role_name: it must be given")?;
    Ok((request, role))
}

fn in_json(arn: &str, verified: &[Verified], unasked: Option<&str>) -> serde_json::Value {
    let results: Vec<_> = verified
        .iter()
        .map(|one| {
            json!({
                "what": one.what,
                "grant": one.grant.map(Grant::as_str),
                "must": one.must,
                "is": one.is,
                "because": one.because,
            })
        })
        .collect();
    let passed = unasked.is_none() && verified.iter().all(Verified::is_right);
    json!({ "role": arn, "passed": passed, "unasked": unasked, "results": results })
}

fn in_table(verified: &[Verified]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["", "ASKED", "GRANT", "MUST BE", "IS", "BECAUSE"]);
    let word = |allowed: bool| if allowed { "allowed" } else { "refused" };
    for one in verified {
        table.add_row([
            if one.is_right() { "ok" } else { "WRONG" },
            &one.what,
            one.grant.map_or("", Grant::as_str),
            word(one.must),
            word(one.is),
            one.because.as_deref().unwrap_or_default(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use ringfence_policy::aws::Style;

    use super::*;

    /// A request that plans in Terraform, in the form of its `request_json`.
    fn planned(style: Style, edit: impl FnOnce(&mut CrossAccountRequest)) -> String {
        let mut request: CrossAccountRequest = serde_json::from_value(json!({
            "account_id": "111122223333",
            "region": "eu-north-1",
            "stack": "prod",
            "vpc_ids": ["vpc-0a1b2c3d4e5f60718"],
            "subnet_ids": ["subnet-0a1b2c3d4e5f60718"],
            "security_group_ids": ["sg-0a1b2c3d4e5f60718"],
            "instance_profile_name": "ringfence-node",
            "instance_role_name": "ringfence-node",
            "control_role_name": "team/ringfence-prod",
            "style": style.as_str(),
        }))
        .unwrap();
        edit(&mut request);
        assert_eq!(request.faults(&ringfence_policy::aws::Unknown::new()), []);
        request.to_json()
    }

    #[test]
    fn a_request_that_plans_is_accepted() {
        for text in [
            planned(Style::Restricted, |_| ()),
            planned(Style::DescribedDefault, |request| request.instance_role_name = None),
            planned(Style::DescribedDefault, |request| (request.vpc_ids, request.subnet_ids) = (None, None)),
            planned(Style::DescribedRestricted, |request| request.instance_role_name = None),
        ] {
            let (request, role) = parse(&text).unwrap_or_else(|error| panic!("{text}: {error:#}"));
            assert_eq!((request.control_role.as_ref(), role.bare()), (Some(&role), "ringfence-prod"));
        }
    }

    #[test]
    fn a_fault_is_reported_with_its_attribute() {
        for (text, expected) in [
            ("{}", "account_id: it must be given; region: it must be given; stack: it must be given"),
            (r#"{"acount_id": "111122223333"}"#, "unknown field `acount_id`"),
            (
                planned(Style::Restricted, |request| request.control_role_name = None).as_str(),
                "control_role_name: it must be",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(format!("{error:#}").contains(expected), "{error:#}");
        }
    }
}
