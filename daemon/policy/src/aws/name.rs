//! Names of things in AWS, each checked by AWS's own rule before it gets near a policy: what is not checked here could
//! be a wildcard there.

use std::fmt;

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::word::words;

/// Why a text is not the name of something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}: {rule}")]
pub struct AwsNameError {
    what: &'static str,
    text: String,
    rule: String,
}

impl AwsNameError {
    fn new(what: &'static str, text: &str, rule: impl Into<String>) -> Self {
        Self { what, text: text.to_owned(), rule: rule.into() }
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks the rule.
            pub fn parse(text: &str) -> Result<Self, AwsNameError> {
                let check: fn(&str) -> Result<(), String> = $check;
                check(text).map(|()| Self(text.to_owned())).map_err(|rule| AwsNameError::new($what, text, rule))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The number of an account: 12 digits.
    AccountId, "an account id", |text| {
        let good = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        rule(good, "it must have exactly 12 digits, such as 111122223333; write it as a string, so that no zero is \
            lost")
    }
);
/// What stands before the number of a region.
const DIRECTIONS: [&str; 9] =
    ["central", "east", "north", "northeast", "northwest", "south", "southeast", "southwest", "west"];
name!(
    /// A region, such as `eu-north-1`.
    Region, "a region", |text| {
        let parts: Vec<&str> = text.split('-').collect();
        let word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
        let good = parts.len() >= 3 && parts[..parts.len() - 1].iter().all(word)
            && parts.last().is_some_and(|last| last.len() == 1 && last.bytes().all(|byte| byte.is_ascii_digit()));
        if good && !DIRECTIONS.contains(&parts[parts.len() - 2]) {
            return Err(format!("{:?} is none of {}", parts[parts.len() - 2], DIRECTIONS.join(", ")));
        }
        rule(good, "it must look like eu-north-1 or us-gov-west-1; a zone such as eu-north-1a is not a region")
    }
);
/// The tag that says of which stack something is.
pub const STACK_TAG: &str = "ringfence:stack";

name!(
    /// The name of an onboarding, the value of the tag [`STACK_TAG`].
    StackName, "the name of a stack", |text| {
        let good = (2..=40).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && text.starts_with(|first: char| first.is_ascii_lowercase()) && !text.ends_with('-');
        rule(good, "it must have 2 to 40 lower-case letters, digits and inner hyphens, beginning with a letter")
    }
);
name!(
    /// A VPC, such as `vpc-0a1b2c3d4e5f60718`.
    VpcId, "a VPC id", |text| resource_id(text, "vpc-")
);
name!(
    /// A subnet, such as `subnet-0a1b2c3d4e5f60718`.
    SubnetId, "a subnet id", |text| resource_id(text, "subnet-")
);
name!(
    /// A security group, such as `sg-0a1b2c3d4e5f60718`.
    SecurityGroupId, "a security group id", |text| resource_id(text, "sg-")
);
name!(
    /// The name of an instance profile, with its path if it has one: `ringfence-node` or `team/ringfence-node`.
    ProfileName, "the name of an instance profile", |text| path_and_name(text, 128, "instance-profile", "role")
);
name!(
    /// The name of a role, with its path if it has one: `ringfence-node` or `team/ringfence-node`.
    RoleName, "the name of a role", |text| path_and_name(text, 64, "role", "instance-profile")
);
name!(
    /// The name of a bucket.
    BucketName, "the name of a bucket", |text| {
        let good = (3..=63).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.ends_with(|c: char| c.is_ascii_alphanumeric());
        rule(good, "it must have 3 to 63 lower-case letters, digits, inner hyphens and dots; give the name, not an \
            ARN or URL")
    }
);
name!(
    /// The name of a Kubernetes cluster in EKS.
    KubernetesName, "the name of an EKS cluster", |text| {
        let good = (1..=100).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && text.starts_with(|c: char| c.is_ascii_alphanumeric());
        rule(good, "it must have 1 to 100 letters, digits, hyphens and underscores, beginning with a letter or digit")
    }
);
name!(
    /// Whose images nodes may boot from: an account id, or the alias `amazon` or `aws-marketplace`.
    ImageOwner, "an owner of images", |text| {
        let alias = ["amazon", "aws-marketplace"].contains(&text);
        let account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        rule(alias || account, "it must be the 12 digits of a publisher's account, or `amazon` or `aws-marketplace`")
    }
);
name!(
    /// A role or user who may assume a role, by its exact ARN.
    Principal, "a principal", |text| {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "iam", "", account, what] = parts[..] else {
            return Err("it must be the ARN of a role or user, such as \
                arn:aws:iam::111122223333:role/ringfence-control".into());
        };
        if Partition::from_word(partition).is_none() || AccountId::parse(account).is_err() {
            return Err("its partition or account is not one".into());
        }
        if what == "root" {
            return Err("the root of an account lets in everybody there whom its administrators let; name one \
                role".into());
        }
        let name = what.strip_prefix("role/").or_else(|| what.strip_prefix("user/"));
        rule(name.is_some_and(|name| is_path_and_name(name, 64)), "it must name one role or user, without wildcards")
    }
);

/// A partition of AWS: regions that share accounts and the beginning of ARNs.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Partition {
    /// Most regions.
    #[default]
    Aws,
    /// China.
    AwsCn,
    /// The European sovereign cloud.
    AwsEusc,
    /// The United States' government.
    AwsUsGov,
    /// The United States' intelligence, top secret.
    AwsIso,
    /// The same, secret.
    AwsIsoB,
    /// Their allies.
    AwsIsoE,
    /// The same, for others.
    AwsIsoF,
}

words!(Partition);

impl Partition {
    /// The partition that a region is in, by how its name begins.
    pub fn of(region: &Region) -> Self {
        let begins = |prefix: &str| region.as_str().starts_with(prefix);
        match () {
            () if begins("cn-") => Self::AwsCn,
            () if begins("eusc-") => Self::AwsEusc,
            () if begins("us-gov-") => Self::AwsUsGov,
            () if begins("us-isob-") => Self::AwsIsoB,
            () if begins("us-isof-") => Self::AwsIsoF,
            () if begins("us-iso-") => Self::AwsIso,
            () if begins("eu-isoe-") => Self::AwsIsoE,
            () => Self::Aws,
        }
    }

    /// EC2 as the service that a role is passed to. In China it has two names.
    pub(super) fn ec2_services(self) -> &'static [&'static str] {
        match self {
            Self::AwsCn => &["ec2.amazonaws.com", "ec2.amazonaws.com.cn"],
            _ => &["ec2.amazonaws.com"],
        }
    }
}

impl RoleName {
    /// Without its path, as names are unique.
    pub fn bare(&self) -> &str {
        bare(&self.0)
    }
}

impl ProfileName {
    /// Without its path, as names are unique.
    pub fn bare(&self) -> &str {
        bare(&self.0)
    }
}

fn bare(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn rule(holds: bool, rule: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(rule.to_owned()) }
}

fn resource_id(text: &str, prefix: &str) -> Result<(), String> {
    let good = text.strip_prefix(prefix).is_some_and(|id| {
        [8, 17].contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    });
    rule(good, &format!("it must be {prefix} and 17 (or 8) hexadecimal digits"))
}

fn is_path_and_name(text: &str, longest: usize) -> bool {
    let mut parts: Vec<&str> = text.split('/').collect();
    let character = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    let valid = parts.iter().all(|part| !part.is_empty() && part.bytes().all(character));
    let name = parts.pop().unwrap_or_default();
    valid && text.len() <= 512 && name.len() <= longest
}

fn path_and_name(text: &str, longest: usize, kind: &str, other: &str) -> Result<(), String> {
    if let Some(what) = text.strip_prefix("arn:").and_then(|arn| arn.rsplit_once(':')).map(|(_, what)| what) {
        if let Some(name) = what.strip_prefix(kind).and_then(|rest| rest.strip_prefix('/')) {
            return Err(format!("it must be a name and not an ARN; write {name:?}"));
        }
        if what.starts_with(other) {
            return Err(format!(
                "it is the ARN of another kind of thing, {what:?}; role and instance profile are mixed up"
            ));
        }
        return Err("it must be a name and not an ARN".to_owned());
    }
    let good = is_path_and_name(text, longest);
    rule(
        good,
        &format!(
            "it must have 1 to {longest} letters, digits and characters of +=,.@_-, after its path if it has one, \
             such as team/node, without a slash in front"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn what_aws_would_not_make_is_refused_and_no_wildcard_gets_through() {
        type Parse = fn(&str) -> bool;
        let table: [(&str, Parse, &[&str], &[&str]); 9] = [
            (
                "account",
                |t| AccountId::parse(t).is_ok(),
                &["111122223333"],
                &["", "11112222333", "1111222233334", "*", "11112222333a"],
            ),
            (
                "region",
                |t| Region::parse(t).is_ok(),
                &["eu-north-1", "us-gov-west-1", "cn-north-1"],
                &["", "eu-north-1a", "eu-north", "*", "EU-north-1"],
            ),
            (
                "stack",
                |t| StackName::parse(t).is_ok(),
                &["prod", "a1-b"],
                &["", "a", "Prod", "a*", "1a", "a-", "a/b", &"a".repeat(41)],
            ),
            (
                "vpc",
                |t| VpcId::parse(t).is_ok(),
                &["vpc-0a1b2c3d4e5f60718", "vpc-1a2b3c4d"],
                &["", "vpc-", "vpc-*", "subnet-0a1b2c3d4e5f60718", "vpc-0A1B2C3D4E5F60718", "vpc-0a1b2c3d4e5f6071"],
            ),
            (
                "profile",
                |t| ProfileName::parse(t).is_ok(),
                &["node", "team/a/node", "a+=,.@_-b"],
                &[
                    "",
                    "/node",
                    "a//b",
                    "a b",
                    "node*",
                    "node/",
                    "arn:aws:iam::111122223333:instance-profile/node",
                    &"a".repeat(129),
                ],
            ),
            (
                "role",
                |t| RoleName::parse(t).is_ok(),
                &["node", "team/node"],
                &["", "ro?e", "arn:aws:iam::111122223333:role/node", &"a".repeat(65)],
            ),
            (
                "bucket",
                |t| BucketName::parse(t).is_ok(),
                &["my-bucket", "a.b.c"],
                &["", "ab", "My-bucket", "b*cket", "-bucket", "arn:aws:s3:::bucket"],
            ),
            ("owner", |t| ImageOwner::parse(t).is_ok(), &["amazon", "099720109477"], &["", "*", "self", "canonical"]),
            (
                "principal",
                |t| Principal::parse(t).is_ok(),
                &["arn:aws:iam::111122223333:role/control", "arn:aws-cn:iam::111122223333:user/team/x"],
                &[
                    "*",
                    "111122223333",
                    "arn:aws:iam::111122223333:root",
                    "arn:aws:iam::111122223333:role/*",
                    "arn:aws:iam::*:role/x",
                    "arn:aws:sts::111122223333:assumed-role/x/y",
                ],
            ),
        ];
        for (what, parse, good, bad) in table {
            for text in good {
                assert!(parse(text), "{what} {text:?}");
            }
            for text in bad {
                assert!(!parse(text), "{what} {text:?}");
            }
        }
    }

    #[test]
    fn a_role_and_a_profile_that_are_mixed_up_are_told_apart() {
        let error = ProfileName::parse("arn:aws:iam::111122223333:role/node").unwrap_err().to_string();
        assert!(error.contains("mixed up"), "{error}");
        let error = RoleName::parse("arn:aws:iam::111122223333:role/team/node").unwrap_err().to_string();
        assert!(error.contains("write \"team/node\""), "{error}");
    }

    #[test]
    fn a_region_is_in_one_partition() {
        for (region, partition) in [
            ("eu-north-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("eusc-de-east-1", "aws-eusc"),
            ("us-isob-east-1", "aws-iso-b"),
        ] {
            assert_eq!(Partition::of(&Region::parse(region).unwrap()).as_str(), partition);
        }
    }
}
