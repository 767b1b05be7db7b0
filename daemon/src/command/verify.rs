//! `ringfenced verify aws`: asks AWS itself whether the cross-account role may do what is needed and may not do what must be
//! refused, and says so in a table. Ends with 1 when anything is not as it must be.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use ringfence_place::aws::{AssumeRole, AwsAccount, AwsSettings, Verified};
use ringfence_policy::aws::{
    AccountId, AwsNameError, CrossAccount, Grant, ImageOwner, InstanceProfile, Partition, ProfileName, Region,
    RoleName, SecurityGroupId, StackName, Style, SubnetId, VpcId,
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
    /// Also ask EC2 about a launch of this image, as the cross-account role, which must be assumed for that
    #[arg(long, value_name = "AMI")]
    image: Option<String>,
    /// On this type of machine
    #[arg(long, value_name = "TYPE", requires = "image", default_value = "m5.large")]
    instance_type: String,
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
    instance_profile_name: Option<String>,
    instance_role_name: Option<String>,
    #[serde(default)]
    instance_profiles: Vec<ProfileWords>,
    control_role_name: String,
    #[serde(default)]
    image_owners: BTreeSet<String>,
    #[serde(default)]
    grants: BTreeSet<String>,
    style: Option<String>,
}

/// An instance profile as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileWords {
    name: String,
    role_name: String,
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
        let style = |word: &String| Style::from_word(word).with_context(|| format!("{word:?} is not a style"));
        if self.instance_profile_name.is_some() && !self.instance_profiles.is_empty() {
            bail!("instance_profiles: use either this or instance_profile_name and instance_role_name");
        }
        if self.instance_profile_name.is_some() != self.instance_role_name.is_some() {
            bail!("instance_profile_name and instance_role_name: name both, or neither");
        }
        let one = self.instance_profile_name.iter().zip(&self.instance_role_name);
        let many = self.instance_profiles.iter().map(|one| (&one.name, &one.role_name));
        let profile = |(name, role): (&String, &String)| {
            Ok(InstanceProfile { profile: ProfileName::parse(name)?, role: RoleName::parse(role)? })
        };
        let request = CrossAccount {
            partition,
            account: AccountId::parse(&self.account_id)?,
            region,
            stack: StackName::parse(&self.stack)?,
            vpcs: all(&self.vpc_ids, VpcId::parse)?,
            subnets: all(&self.subnet_ids, SubnetId::parse)?,
            security_groups: all(&self.security_group_ids, SecurityGroupId::parse)?,
            instance_profiles: one.chain(many).map(profile).collect::<Result<_, AwsNameError>>()?,
            control_role: Some(RoleName::parse(&self.control_role_name)?),
            image_owners: if owners.is_empty() { [ImageOwner::parse("amazon")?].into() } else { owners },
            grants: self.grants.iter().map(grant).collect::<anyhow::Result<_>>()?,
            style: self.style.as_ref().map_or(Ok(Style::default()), style)?,
        };
        if let Some((attribute, rule)) = request.faults().into_iter().next() {
            bail!("{attribute}: {rule}");
        }
        Ok(request)
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
        let caller = account.identity().await.with_context(|| match &self.profile {
            Some(profile) => format!("AWS does not know who calls with the profile {profile:?}"),
            None => "AWS does not know who calls".to_owned(),
        })?;
        if caller.account != words.account_id {
            bail!("{} is in account {}, and {path} is about {}", caller.arn, caller.account, words.account_id);
        }
        let arn = format!("arn:{}:iam::{}:role/{}", request.partition, request.account, words.control_role_name);
        let is_role = caller.arn.contains(&format!(":assumed-role/{}/", bare(&words.control_role_name)));
        if self.image.is_some() && !is_role {
            bail!(
                "a launch is asked of EC2 as {arn}, and {} calls: add --assume-role {arn} and --external-id",
                caller.arn
            );
        }
        let mut asked = 0;
        let mut verified = account
            .verify(&request, &arn, |one| {
                asked += 1;
                if !self.json {
                    eprint!("\r\x1b[K{asked}: {}", one.what);
                }
            })
            .await?;
        let mut unasked = None;
        if let Some(image) = &self.image {
            match account.ask_launch(&request, image, &self.instance_type).await {
                Ok(asked) => verified.push(asked),
                Err(error) => unasked = Some(format!("the launch could not be asked of EC2: {error}")),
            }
        }
        if !self.json {
            eprint!("\r\x1b[K");
        }
        let wrong = verified.iter().filter(|one| !one.is_right()).count();
        if self.json {
            println!("{:#}", in_json(&arn, &verified, unasked.as_deref()));
        } else {
            println!("{}", in_table(&verified));
            println!("{arn}: {} asked, {wrong} not as they must be", verified.len());
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

/// A name without its path.
fn bare(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
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
