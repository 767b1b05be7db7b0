//! The cross-account policy: what the role that ringfence assumes may do in the account.

use std::collections::BTreeSet;

use strum::{EnumString, IntoStaticStr, VariantArray};

use super::document::{DocumentError, MANAGED_LIMIT, PolicyType, ROLE_LIMIT};
use super::fault::Fault;
use super::grant::Grant;
use super::name::{
    AccountId, ImageOwner, Partition, ProfileName, Region, RoleName, SecurityGroupId, StackName, SubnetId, VpcId,
};
use super::template::{CROSS_ACCOUNT_POLICY, DESCRIBED_DEFAULT, DESCRIBED_RESTRICTED, Rendered, Values, render};
use crate::word::words;

/// Which policy.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Style {
    /// Ringfence's own: only what is used, only on what is the stack's.
    #[default]
    Restricted,
    /// What a comparable product asks for by default, for people who come from there. It leaves escalation paths open.
    DescribedDefault,
    /// What it asks for when it is to keep to one VPC and one instance profile. It leaves escalation paths open.
    DescribedRestricted,
}

words!(Style);

/// An instance profile that nodes may have, and the role in it.
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
    /// Which instance profiles nodes may have.
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

    /// The policy, if it fits where it is to stand: whole in the role, or in two managed policies.
    pub fn render_within_limits(&self, policy_type: PolicyType) -> Result<Rendered, DocumentError> {
        let rendered = self.render();
        let (parts, size) = (rendered.document.split(), rendered.document.size());
        let too_long = |what: &str, size, limit, advice| {
            Err(DocumentError::TooLong { what: what.to_owned(), size, limit, advice })
        };
        if policy_type == PolicyType::Inline {
            if size <= ROLE_LIMIT {
                return Ok(rendered);
            }
            let advice = format!("set policy_type to managed, which holds more, or {}", self.advice());
            return too_long("the policy, inline in the role,", size, ROLE_LIMIT, advice);
        }
        let alone = parts.iter().find(|part| part.size() > MANAGED_LIMIT);
        if let Some((part, statement)) = alone.and_then(|part| Some((part, part.statement.first()?))) {
            let what = format!("the statement {}, alone in a managed policy,", statement.sid);
            let advice = "name fewer subnets, security groups and instance profiles".to_owned();
            return too_long(&what, part.size(), MANAGED_LIMIT, advice);
        }
        if parts.len() > 2 {
            return too_long("the policy, in two managed ones,", size, 2 * MANAGED_LIMIT, self.advice());
        }
        Ok(rendered)
    }

    /// How it gets shorter: what each grant costs, the dearest first.
    fn advice(&self) -> String {
        let size = self.render().document.size();
        let without = |grant: &Grant| {
            let grants = self.grants.iter().copied().filter(|other| other != grant).collect();
            Self { grants, ..self.clone() }.render().document.size()
        };
        let mut costs: Vec<(usize, Grant)> = self.grants.iter().map(|grant| (size - without(grant), *grant)).collect();
        costs.sort_by(|a, b| b.cmp(a));
        if costs.is_empty() {
            return "name fewer subnets, security groups and instance profiles".to_owned();
        }
        let costs: Vec<String> = costs.iter().map(|(cost, grant)| format!("{grant} ({cost})")).collect();
        format!("drop a grant, or name fewer subnets and security groups; grants cost {}", costs.join(", "))
    }

    /// What is missing or does not go together, at which attribute.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut wrong = |is_wrong: bool, attribute: &'static str, problem: &str| {
            if is_wrong {
                faults.push(Fault::new(attribute, problem));
            }
        };
        let of_region = Partition::of(&self.region);
        wrong(
            of_region != self.partition,
            "partition",
            &format!("the region {} is in the partition {of_region} and not in {}", self.region, self.partition),
        );
        let restricted = self.style == Style::Restricted;
        let bound = self.style != Style::DescribedDefault;
        wrong(bound && self.vpcs.is_empty(), "vpc_ids", "name the VPCs that nodes may be in");
        wrong(
            restricted && self.subnets.is_empty(),
            "subnet_ids",
            "name the subnets of the VPCs that nodes may be in; without one AWS may take the account's default VPC",
        );
        wrong(
            restricted && self.security_groups.is_empty(),
            "security_group_ids",
            "name the security groups that nodes may be in",
        );
        wrong(
            bound && self.instance_profiles.is_empty(),
            "instance_profile_name",
            "name the instance profile of the nodes, here or in instance_profiles",
        );
        wrong(!restricted && !self.grants.is_empty(), "grants", "this style has none: it allows what it allows");
        wrong(
            restricted && self.image_owners.is_empty(),
            "image_owners",
            "name whose images nodes may boot from, such as amazon",
        );
        wrong(
            self.image_owners.iter().any(|owner| owner.as_str() == self.account.as_str()),
            "image_owners",
            "this is the account itself, so any image of it could be booted, whosever disk it was made of; images \
             that the stack made itself come with the grant backup",
        );
        let control = self.control_role.as_ref().map(RoleName::bare);
        wrong(
            self.instance_profiles.iter().any(|one| Some(one.role.bare()) == control),
            "instance_role_name",
            "this is the cross-account role itself: nodes would have a role that launches nodes; give them one of \
                their own",
        );
        faults
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
