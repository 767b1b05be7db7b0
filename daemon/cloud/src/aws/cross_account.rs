//! The cross-account policy: what the role that ringfence assumes may do in the account.

use std::collections::BTreeSet;

use super::document::{DocumentError, MANAGED_LIMIT};
use super::grant::Grant;
use super::name::{
    AccountId, ImageOwner, Partition, ProfileName, Region, RoleName, SecurityGroupId, StackName, SubnetId, VpcId,
};
use super::template::{CROSS_ACCOUNT_POLICY, DESCRIBED_DEFAULT, DESCRIBED_RESTRICTED, Rendered, Values, render};

/// Which policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Style {
    /// Ringfence's own: only what is used, only on what is the stack's.
    #[default]
    Restricted,
    /// What a comparable product asks for by default, for people who come from there. It has known holes.
    DescribedDefault,
    /// What it asks for when it is to keep to one VPC and one instance profile. It has known holes.
    DescribedRestricted,
}

impl Style {
    /// Every style.
    pub const ALL: [Self; 3] = [Self::Restricted, Self::DescribedDefault, Self::DescribedRestricted];

    /// The word in declarations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Restricted => "restricted",
            Self::DescribedDefault => "described_default",
            Self::DescribedRestricted => "described_restricted",
        }
    }

    /// The style of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|style| style.as_str() == word)
    }
}

/// An instance profile that nodes may wear, and the role in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstanceProfile {
    /// The profile.
    pub profile: ProfileName,
    /// The role.
    pub role: RoleName,
}

/// What the cross-account policy is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrossAccount {
    /// The partition of the account.
    pub partition: Partition,
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// The name of the onboarding.
    pub stack: StackName,
    /// Where nodes may be.
    pub vpcs: BTreeSet<VpcId>,
    /// In which subnets there.
    pub subnets: BTreeSet<SubnetId>,
    /// In which security groups there.
    pub security_groups: BTreeSet<SecurityGroupId>,
    /// What nodes may wear.
    pub instance_profiles: BTreeSet<InstanceProfile>,
    /// The role that gets this policy, to let it ask AWS what it may do.
    pub control_role: Option<RoleName>,
    /// Whose images nodes may boot from.
    pub image_owners: BTreeSet<ImageOwner>,
    /// What is switched on.
    pub grants: BTreeSet<Grant>,
    /// Which policy.
    pub style: Style,
}

impl CrossAccount {
    /// The policy, with a note on each statement.
    pub fn render(&self) -> Rendered {
        let template = match self.style {
            Style::Restricted => CROSS_ACCOUNT_POLICY,
            Style::DescribedDefault => DESCRIBED_DEFAULT,
            Style::DescribedRestricted => DESCRIBED_RESTRICTED,
        };
        render(template, &self.values(), |word| {
            Grant::from_word(word).is_some_and(|grant| self.grants.contains(&grant))
        })
    }

    /// The policy, if it fits into two managed policies.
    pub fn render_within_limits(&self) -> Result<Rendered, DocumentError> {
        let rendered = self.render();
        if rendered.document.split().len() <= 2 {
            return Ok(rendered);
        }
        let size = rendered.document.size();
        // What each grant costs, the dearest first.
        let mut costs: Vec<(usize, Grant)> = self
            .grants
            .iter()
            .map(|grant| {
                let without =
                    Self { grants: self.grants.iter().copied().filter(|g| g != grant).collect(), ..self.clone() };
                (size - without.render().document.size(), *grant)
            })
            .collect();
        costs.sort_by(|a, b| b.cmp(a));
        let costs: Vec<String> = costs.iter().map(|(cost, grant)| format!("{grant} ({cost})")).collect();
        Err(DocumentError::TooLong {
            what: "the cross-account policy",
            size,
            limit: 2 * MANAGED_LIMIT,
            advice: if costs.is_empty() {
                "name fewer subnets, security groups and instance profiles".to_owned()
            } else {
                format!("drop a grant, or name fewer subnets and security groups; grants cost {}", costs.join(", "))
            },
        })
    }

    fn values(&self) -> Values {
        let texts =
            |all: &mut dyn Iterator<Item = String>| all.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
        let profiles = || self.instance_profiles.iter();
        let bare = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
        [
            ("partition", vec![self.partition.to_string()]),
            ("account", vec![self.account.to_string()]),
            ("region", vec![self.region.to_string()]),
            ("stack", vec![self.stack.to_string()]),
            ("vpc", texts(&mut self.vpcs.iter().map(ToString::to_string))),
            ("subnet", texts(&mut self.subnets.iter().map(ToString::to_string))),
            ("security_group", texts(&mut self.security_groups.iter().map(ToString::to_string))),
            ("profile", texts(&mut profiles().map(|one| one.profile.to_string()))),
            ("profile_name", texts(&mut profiles().map(|one| bare(one.profile.as_str())))),
            ("role", texts(&mut profiles().map(|one| one.role.to_string()))),
            ("control_role", self.control_role.iter().map(ToString::to_string).collect()),
            ("image_owner", texts(&mut self.image_owners.iter().map(ToString::to_string))),
            ("ec2_service", self.partition.ec2_services().iter().map(ToString::to_string).collect()),
        ]
        .into()
    }
}
