//! The partition, account and region in which an attempt is made, and the checks that AWS makes for it there.
//!
//! What the attacker does not hold is somebody else's: another volume, group or VPC of the same account, without the
//! stack's tag, and with whatever other tags suit the attacker. What the attacker writes into the request is the
//! attacker's choice.

use std::collections::BTreeSet;

use crate::aws::document::{Document, Effect};
use crate::aws::evaluate::{Key, Request, glob};
use crate::aws::name::{AccountId, Partition, Region};

/// The stack that owns what is foreign.
const ANOTHER: &str = "another";
/// Whose condition keys tell the tags of a resource.
const TAG_KEYS: [&str; 4] = ["aws:", "ec2:", "elasticloadbalancing:", "ssm:"];
/// More scopes than this are not tried each with each.
const MANY: usize = 400;
/// Regions that patterns fit, and from which one is taken that no policy names.
const REGIONS: [&str; 18] = [
    "eu-north-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "eu-central-1",
    "eu-west-1",
    "eu-south-1",
    "ap-northeast-1",
    "ap-southeast-1",
    "ap-south-1",
    "ca-central-1",
    "sa-east-1",
    "me-central-1",
    "af-south-1",
    "cn-north-1",
    "us-gov-west-1",
    "eusc-de-east-1",
];

/// A partition, an account and a region that policies speak of.
pub(super) struct Scope<'a> {
    policies: &'a [Document],
    pub(super) partition: String,
    pub(super) region: String,
    pub(super) account: String,
}

impl<'a> Scope<'a> {
    /// This scope.
    pub(super) fn new(policies: &'a [Document], [partition, region, account]: [&str; 3]) -> Self {
        let [partition, region, account] = [partition, region, account].map(str::to_owned);
        Self { policies, partition, region, account }
    }

    /// Every partition, region and account that the policies name, each with each, and always a region and an account
    /// that they do not name. Where that would be very many, those that stand in one ARN, and each with the one that is
    /// not named.
    pub(super) fn all(policies: &'a [Document]) -> Vec<Self> {
        let named = Named::of(policies);
        let together = |region: &String, account: &String| named.together.contains(&(region.clone(), account.clone()));
        let [regions, accounts] = [named.regions(), named.accounts()];
        let many = regions.len() * accounts.len() > MANY;
        let mut scopes = Vec::new();
        for partition in &named.partitions() {
            for region in &regions {
                for account in &accounts {
                    let unnamed = Some(region) == regions.last() || Some(account) == accounts.last();
                    if !many || unnamed || together(region, account) {
                        scopes.push(Self::new(policies, [partition, region, account]));
                    }
                }
            }
        }
        scopes
    }

    pub(super) fn arn(&self, service: &str, what: &str) -> String {
        let Self { partition, region, account, .. } = self;
        let (region, account) = match (service, what.split('/').next()) {
            ("ec2", Some("image" | "snapshot")) => (region.as_str(), ""),
            ("iam", _) => ("", account.as_str()),
            ("s3", _) => ("", ""),
            _ => (region.as_str(), account.as_str()),
        };
        format!("arn:{partition}:{service}:{region}:{account}:{what}")
    }

    /// A check on an existing foreign resource.
    pub(super) fn foreign(&self, action: &str, what: &str) -> Request {
        let service = action.split(':').next().unwrap_or_default();
        self.foreign_at(action, self.arn(service, what))
    }

    /// The same of another service's.
    pub(super) fn foreign_at(&self, action: &str, arn: String) -> Request {
        // No more is known of it than that it is in the account and not the stack's.
        let tagged = TAG_KEYS.iter().fold(Request::new(action, arn), |request, service| {
            let of_stack = format!("{service}ResourceTag/ringfence:stack");
            request.choosing(&format!("{service}ResourceTag/*")).with(&of_stack, ANOTHER)
        });
        let request = tagged
            .with("ec2:Vpc", self.arn("ec2", "vpc/vpc-0ffffffffffffffff"))
            .with("ec2:Owner", &self.account)
            .in_doubt();
        if action.starts_with("iam:") { request } else { request.with("aws:RequestedRegion", &self.region) }
    }

    /// A check on something of the stack's own.
    pub(super) fn own(&self, action: &str, what: &str) -> Request {
        let request = self.foreign(action, what).choosing("ec2:InstanceProfile").choosing("ec2:Vpc");
        TAG_KEYS
            .iter()
            .fold(request, |request, service| request.choosing(&format!("{service}ResourceTag/ringfence:stack")))
    }

    /// A check on something that the call makes: its tags and settings are the caller's choice.
    pub(super) fn made(&self, action: &str, what: &str) -> Request {
        let service = action.split(':').next().unwrap_or_default();
        let request = Request::new(action, self.arn(service, what)).in_doubt();
        asking(request).with("aws:RequestedRegion", &self.region)
    }

    /// What the conditions of the policies say of a key.
    pub(super) fn values(&self, key: &str) -> BTreeSet<String> {
        let conditions =
            self.policies.iter().flat_map(|policy| &policy.statement).flat_map(|one| one.condition.values());
        conditions
            .flatten()
            .filter(|(name, _)| name.eq_ignore_ascii_case(key))
            .flat_map(|(_, all)| all.clone())
            .collect()
    }

    /// What the policies let an action do something to, as far as it may be of this kind, with every star filled in.
    pub(super) fn named(&self, action: &str, kind: &str) -> BTreeSet<String> {
        let action = action.to_ascii_lowercase();
        let statements = self.policies.iter().flat_map(|policy| &policy.statement);
        let about = statements.filter(|statement| {
            statement.effect == Effect::Allow
                && statement.action.iter().any(|pattern| glob(&pattern.to_ascii_lowercase(), &action))
        });
        let of_kind = |pattern: &&String| {
            let what = pattern.splitn(6, ':').nth(5).unwrap_or("*");
            let fixed = what.split(['*', '?', '$']).next().unwrap_or_default();
            fixed.starts_with(kind) || kind.starts_with(fixed)
        };
        let made_up = self.arn("iam", &format!("{kind}any"));
        let fill = |pattern: &String| match pattern.splitn(6, ':').nth(5) {
            Some(what) if what.split(['*', '?', '$']).next().unwrap_or_default().len() >= kind.len() => filled(pattern),
            _ => made_up.clone(),
        };
        about.flat_map(|statement| statement.resource.iter().filter(of_kind).map(fill).collect::<Vec<_>>()).collect()
    }
}

/// A pattern with every star, question mark and variable filled in.
fn filled(pattern: &str) -> String {
    let mut text = String::new();
    let mut rest = pattern;
    while let Some(start) = rest.find("${") {
        let end = rest[start..].find('}').map_or(rest.len(), |length| start + length + 1);
        text.push_str(&rest[..start]);
        text.push_str("any");
        rest = &rest[end..];
    }
    text.push_str(rest);
    text.replace('*', "any").replace('?', "x")
}

/// A request in which the caller chooses what it asks to have created.
pub(super) fn asking(request: Request) -> Request {
    let keys = [
        "aws:RequestTag/ringfence:stack",
        "aws:RequestTag/*",
        "aws:TagKeys",
        "ec2:InstanceProfile",
        "ec2:MetadataHttpTokens",
        "ec2:Encrypted",
    ];
    keys.into_iter().fold(request, Request::choosing)
}

/// Without any tag in the request.
pub(super) fn asking_no_tags(mut request: Request) -> Request {
    request.keys.retain(|key, _| !key.starts_with("aws:requesttag/") && key != "aws:tagkeys");
    request
}

/// With a setting left out, so that the key is not there.
pub(super) fn leaving_out(mut request: Request, key: &str) -> Request {
    request.keys.insert(key.to_ascii_lowercase(), Key::Is(Vec::new()));
    request
}

/// The same way, on what carries no tag at all instead of another stack's.
pub(super) fn untagged(way: &[Request]) -> Vec<Request> {
    let bare = |request: &Request| {
        let mut request = request.clone();
        for value in request.keys.values_mut() {
            if matches!(value, Key::Is(values) if *values == [ANOTHER]) {
                *value = Key::Is(Vec::new());
            }
        }
        request
    };
    way.iter().map(bare).collect()
}

/// What policies name of regions and accounts.
#[derive(Default)]
struct Named {
    partitions: BTreeSet<String>,
    /// Regions, and patterns of them.
    regions: BTreeSet<String>,
    accounts: BTreeSet<String>,
    together: BTreeSet<(String, String)>,
}

impl Named {
    fn of(policies: &[Document]) -> Self {
        let mut named = Self::default();
        for statement in policies.iter().flat_map(|policy| &policy.statement) {
            let conditions = || statement.condition.values().flatten();
            let resources = statement.resource.iter().chain(&statement.not_resource);
            for text in resources.chain(conditions().flat_map(|(_, values)| values)) {
                if let ["arn", partition, _, region, account, _] = text.splitn(6, ':').collect::<Vec<_>>()[..] {
                    named.partitions.extend(Partition::from_word(partition).map(|one| one.as_str().to_owned()));
                    named.note_region(region);
                    if AccountId::parse(account).is_ok() {
                        named.accounts.insert(account.to_owned());
                        named.together.insert((region.to_owned(), account.to_owned()));
                    }
                }
            }
            for (_, values) in conditions().filter(|(key, _)| key.to_ascii_lowercase().ends_with("region")) {
                for region in values {
                    named.note_region(region);
                }
            }
        }
        named
    }

    fn note_region(&mut self, region: &str) {
        let is_pattern = region.contains(['*', '?']) && region != "*";
        if is_pattern || Region::parse(region).is_ok() {
            self.regions.insert(region.to_owned());
        }
    }

    fn partitions(&self) -> Vec<String> {
        if self.partitions.is_empty() { vec!["aws".to_owned()] } else { self.partitions.iter().cloned().collect() }
    }

    /// Those that are named, or fit a pattern, and last one that is not and does not.
    fn regions(&self) -> Vec<String> {
        let fits = |region: &str| self.regions.iter().any(|pattern| glob(pattern, region));
        let plain = self.regions.iter().filter(|region| !region.contains(['*', '?']));
        let mut all: BTreeSet<String> = plain.cloned().collect();
        all.extend(REGIONS.iter().filter(|region| fits(region)).map(ToString::to_string));
        let unnamed = REGIONS.iter().find(|region| !fits(region)).map(ToString::to_string);
        all.into_iter().chain(unnamed).collect()
    }

    /// Those that are named, and last one that is not.
    fn accounts(&self) -> Vec<String> {
        let unnamed = (100..1_000).map(|n| format!("{n}111222333")).find(|account| !self.accounts.contains(account));
        self.accounts.iter().cloned().chain(unnamed).collect()
    }
}
