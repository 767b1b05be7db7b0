//! Where an attempt is made, and the checks that AWS makes for it there.
//!
//! What the attacker does not hold is somebody else's: another volume, group or VPC of the same account, without the stack's
//! tag, and with whatever other tags suit the attacker. What the attacker writes into the request is the attacker's choice.

use std::collections::BTreeSet;

use crate::aws::document::{Document, Effect};
use crate::aws::evaluate::{Request, glob};

/// An account and a region that policies speak of.
pub(super) struct Place<'a> {
    policies: &'a [Document],
    pub(super) partition: String,
    pub(super) region: String,
    pub(super) account: String,
}

impl<'a> Place<'a> {
    /// This place.
    pub(super) fn new(policies: &'a [Document], [partition, region, account]: [&str; 3]) -> Self {
        let [partition, region, account] = [partition, region, account].map(str::to_owned);
        Self { policies, partition, region, account }
    }

    /// Every partition, region and account that the policies name, each with each; made-up ones where they name none.
    pub(super) fn all(policies: &'a [Document]) -> Vec<Self> {
        let [mut partitions, mut regions, mut accounts] = [(); 3].map(|()| BTreeSet::new());
        let mut note = |all: usize, value: &str| {
            // AWS's own things have `aws` for an account.
            if !value.is_empty() && value != "aws" && !value.contains(['*', '?', '$']) || all == 0 && value == "aws" {
                [&mut partitions, &mut regions, &mut accounts][all].insert(value.to_owned());
            }
        };
        for statement in policies.iter().flat_map(|policy| &policy.statement) {
            let conditions = || statement.condition.values().flatten();
            for text in statement.resource.iter().chain(conditions().flat_map(|(_, values)| values)) {
                if let ["arn", partition, _, region, account, _] = text.splitn(6, ':').collect::<Vec<_>>()[..] {
                    note(0, partition);
                    note(1, region);
                    note(2, account);
                }
            }
            for (_, values) in conditions().filter(|(key, _)| key.to_ascii_lowercase().ends_with("region")) {
                for region in values {
                    note(1, region);
                }
            }
        }
        for (all, made_up) in [(&mut partitions, "aws"), (&mut regions, "eu-north-1"), (&mut accounts, "111122223333")]
        {
            if all.is_empty() {
                all.insert(made_up.to_owned());
            }
        }
        let mut places = Vec::new();
        for partition in &partitions {
            for region in &regions {
                places.extend(accounts.iter().map(|account| Self::new(policies, [partition, region, account])));
            }
        }
        places
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

    /// A check on something that is there and somebody else's.
    pub(super) fn foreign(&self, action: &str, what: &str) -> Request {
        let service = action.split(':').next().unwrap_or_default();
        self.foreign_at(action, self.arn(service, what))
    }

    /// The same of another service's.
    pub(super) fn foreign_at(&self, action: &str, arn: String) -> Request {
        // No more is known of it than that it is in the account and not the stack's.
        let request = Request::new(action, arn)
            .choosing("aws:ResourceTag/*")
            .choosing("ec2:ResourceTag/*")
            .with("aws:ResourceTag/ringfence:stack", "another")
            .with("ec2:ResourceTag/ringfence:stack", "another")
            .with("ec2:Vpc", self.arn("ec2", "vpc/vpc-0ffffffffffffffff"))
            .with("ec2:Owner", &self.account)
            .in_doubt();
        if action.starts_with("iam:") { request } else { request.with("aws:RequestedRegion", &self.region) }
    }

    /// A check on something of the stack's own.
    pub(super) fn own(&self, action: &str, what: &str) -> Request {
        let request = self.foreign(action, what).choosing("ec2:InstanceProfile").choosing("ec2:Vpc");
        request.choosing("aws:ResourceTag/ringfence:stack").choosing("ec2:ResourceTag/ringfence:stack")
    }

    /// A check on something that the call makes: its tags and settings are the caller's choice.
    pub(super) fn made(&self, action: &str, what: &str) -> Request {
        let service = action.split(':').next().unwrap_or_default();
        let request = Request::new(action, self.arn(service, what)).in_doubt();
        asking(request).with("aws:RequestedRegion", &self.region)
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

/// A pattern with every star, question mark and variable filled in, and the account where it is open.
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
pub(super) fn untagged(mut request: Request) -> Request {
    request.keys.retain(|key, _| !key.starts_with("aws:requesttag/") && key != "aws:tagkeys");
    request
}
