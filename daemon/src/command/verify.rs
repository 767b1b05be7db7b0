//! `ringfenced verify aws`: asks AWS itself whether the cross-account role may do what is needed and may not do what must be
//! refused, and says so in a table. Ends with 1 when anything is not as it must be.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use ringfence_cloud::aws::{
    AccountId, AssumeRole, AwsAccount, AwsNameError, AwsSettings, CrossAccount, Grant, ImageOwner, InstanceProfile,
    Partition, ProfileName, Region, RoleName, SecurityGroupId, StackName, Style, SubnetId, Verified, VpcId,
};
use serde::Deserialize;
use serde_json::json;

/// Verify what is set up in a cloud.
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
    /// The request of the role in JSON: the attributes of `ringfence_aws_cross_account_policy`, with `control_role_name`
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// Assume this role first, such as the cross-account role itself
    #[arg(long, value_name = "ARN")]
    assume_role: Option<String>,
    /// The external id of that role
    #[arg(long, requires = "assume_role")]
    external_id: Option<String>,
    /// Also ask EC2 about a launch of this image, as whoever calls: assume the cross-account role for that
    #[arg(long, value_name = "AMI")]
    image: Option<String>,
    /// A profile of the shared configuration
    #[arg(long)]
    profile: Option<String>,
    /// Another address of AWS's services
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// The request as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    account_id: String,
    region: String,
    partition: Option<String>,
    stack: String,
    vpc_ids: BTreeSet<String>,
    subnet_ids: BTreeSet<String>,
    security_group_ids: BTreeSet<String>,
    instance_profile_name: String,
    instance_role_name: String,
    control_role_name: String,
    #[serde(default)]
    image_owners: BTreeSet<String>,
    #[serde(default)]
    grants: BTreeSet<String>,
}

impl Words {
    fn request(&self) -> anyhow::Result<CrossAccount> {
        fn all<T: Ord>(
            texts: &BTreeSet<String>,
            parse: fn(&str) -> Result<T, AwsNameError>,
        ) -> Result<BTreeSet<T>, AwsNameError> {
            texts.iter().map(|text| parse(text)).collect()
        }
        let region = Region::parse(&self.region)?;
        let partition = match &self.partition {
            Some(word) => Partition::from_word(word).with_context(|| format!("{word:?} is not a partition"))?,
            None => Partition::of(&region),
        };
        let grant = |word: &String| Grant::from_word(word).with_context(|| format!("{word:?} is not a grant"));
        let owners = all(&self.image_owners, ImageOwner::parse)?;
        Ok(CrossAccount {
            partition,
            account: AccountId::parse(&self.account_id)?,
            region,
            stack: StackName::parse(&self.stack)?,
            vpcs: all(&self.vpc_ids, VpcId::parse)?,
            subnets: all(&self.subnet_ids, SubnetId::parse)?,
            security_groups: all(&self.security_group_ids, SecurityGroupId::parse)?,
            instance_profiles: [InstanceProfile {
                profile: ProfileName::parse(&self.instance_profile_name)?,
                role: RoleName::parse(&self.instance_role_name)?,
            }]
            .into(),
            control_role: Some(RoleName::parse(&self.control_role_name)?),
            image_owners: if owners.is_empty() { [ImageOwner::parse("amazon")?].into() } else { owners },
            grants: self.grants.iter().map(grant).collect::<anyhow::Result<_>>()?,
            style: Style::Restricted,
        })
    }
}

impl Verify {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let What::Aws(aws) = self.what;
        aws.run().await
    }
}

impl Aws {
    async fn run(self) -> anyhow::Result<()> {
        let path = self.request.display();
        let text = std::fs::read_to_string(&self.request).with_context(|| format!("cannot read {path}"))?;
        let words: Words = serde_json::from_str(&text).with_context(|| format!("cannot use {path}"))?;
        let request = words.request().with_context(|| format!("cannot use {path}"))?;
        let settings = AwsSettings {
            region: Some(words.region.clone()),
            profile: self.profile.clone(),
            endpoint_url: self.endpoint_url.clone(),
            assume_role: self
                .assume_role
                .clone()
                .map(|role_arn| AssumeRole { role_arn, external_id: self.external_id.clone() }),
        };
        let account = AwsAccount::new(&settings).await;
        let caller = account.identity().await.context("AWS does not know who calls")?;
        if caller.account != words.account_id {
            bail!("{} is in account {}, and {path} is about {}", caller.arn, caller.account, words.account_id);
        }
        let arn = format!("arn:{}:iam::{}:role/{}", request.partition, request.account, words.control_role_name);
        let mut asked = 0;
        let mut verified = account
            .verify(&request, &arn, |one| {
                asked += 1;
                if !self.json {
                    eprint!("\r\x1b[K{asked}: {}", one.what);
                }
            })
            .await?;
        if let Some(image) = &self.image {
            verified.push(account.ask_launch(&request, image).await?);
        }
        if !self.json {
            eprint!("\r\x1b[K");
        }
        let wrong = verified.iter().filter(|one| !one.is_right()).count();
        if self.json {
            println!("{:#}", in_json(&arn, &verified));
        } else {
            println!("{}", in_table(&verified));
            println!("{arn}: {} asked, {wrong} not as they must be", verified.len());
        }
        if wrong > 0 {
            std::process::exit(1);
        }
        Ok(())
    }
}

fn in_json(arn: &str, verified: &[Verified]) -> serde_json::Value {
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
    json!({ "role": arn, "passed": verified.iter().all(Verified::is_right), "results": results })
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
