//! The inputs of the cross-account policy.

use std::collections::BTreeSet;

use ringfence_policy::aws::{
    AccountId, CrossAccount, Grant, ImageOwner, InstanceProfile, PolicyType, ProfileName, Region, RoleName,
    SecurityGroupId, StackName, Style, SubnetId, VpcId,
};
use tfplugin_rs::Field as _;
use tfplugin_rs::prelude::*;

use super::{Fault, partition, required, text, texts};

/// Images of AWS itself, when nobody else is named.
const AMAZON: &str = "amazon";

/// A model with the inputs of the cross-account policy, and with more attributes.
macro_rules! cross_account_model {
    ($(#[$meta:meta])* $name:ident { $($(#[$more_meta:meta])* $more:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Model)]
        pub(crate) struct $name {
            /// Number of the account: 12 digits.
            #[tf(required, validate = check(ringfence_policy::aws::AccountId::parse))]
            account_id: Value<String>,
            /// Region, such as `eu-north-1`.
            #[tf(required, validate = check(ringfence_policy::aws::Region::parse))]
            region: Value<String>,
            /// Partition of the account: `aws`, `aws-cn`, `aws-eusc`, `aws-us-gov` or one of `aws-iso`, `aws-iso-b`,
            /// `aws-iso-e`, `aws-iso-f`. Default: the region's.
            #[tf(optional, validate = one_of(ringfence_policy::aws::Partition::ALL.map(ringfence_policy::aws::Partition::as_str)))]
            partition: Value<String>,
            /// Name of the onboarding, 2 to 40 lower-case letters, digits and inner hyphens. What carries the tag
            /// `ringfence:stack` of this value is the stack's own, and nothing else is.
            #[tf(required, validate = check(ringfence_policy::aws::StackName::parse))]
            stack: Value<String>,
            /// VPCs that nodes may be in.
            #[tf(optional, validate = each(check(ringfence_policy::aws::VpcId::parse)))]
            vpc_ids: Value<BTreeSet<String>>,
            /// Subnets there that nodes and load balancers may be in.
            #[tf(optional, validate = each(check(ringfence_policy::aws::SubnetId::parse)))]
            subnet_ids: Value<BTreeSet<String>>,
            /// Security groups there that nodes may be in, and whose ports `open_ports` may change.
            #[tf(optional, validate = each(check(ringfence_policy::aws::SecurityGroupId::parse)))]
            security_group_ids: Value<BTreeSet<String>>,
            /// Name of the instance profile that nodes wear, after its path if it has one, such as `team/ringfence-node`.
            #[tf(optional, validate = check(ringfence_policy::aws::ProfileName::parse))]
            instance_profile_name: Value<String>,
            /// Name of the role in it, likewise.
            #[tf(optional, validate = check(ringfence_policy::aws::RoleName::parse))]
            instance_role_name: Value<String>,
            /// Several instance profiles, instead of `instance_profile_name` and `instance_role_name`.
            #[tf(optional, validate = items(1..=20))]
            instance_profiles: Value<Vec<crate::aws::InstanceProfileModel>>,
            /// Whose images nodes may boot from: account numbers of publishers, `amazon` or `aws-marketplace`; not the account
            /// itself, which has images of anybody's disks. Default: `["amazon"]`. Debian is `136693071363`, Canonical
            /// `099720109477`.
            #[tf(optional, validate = items(1..=20), validate = each(check(ringfence_policy::aws::ImageOwner::parse)))]
            image_owners: Value<BTreeSet<String>>,
            /// Capabilities that are switched on: `autoscale`, `backup`, `load_balancer`, `network_checks`, `open_ports`,
            /// `public_ip`, `resize`, `spot`. Default: none. What stops working without each: see the guide on AWS.
            #[tf(optional, validate = each(one_of(ringfence_policy::aws::Grant::ALL.map(ringfence_policy::aws::Grant::as_str))))]
            grants: Value<BTreeSet<String>>,
            /// `restricted` for ringfence's own policy; `described_default` or `described_restricted` for what a comparable
            /// product asks for, with its holes, to compare and to migrate. Default: `restricted`.
            #[tf(optional, validate = one_of(ringfence_policy::aws::Style::ALL.map(ringfence_policy::aws::Style::as_str)))]
            style: Value<String>,
            $($(#[$more_meta])* $more: $type,)*
        }

        impl $name {
            pub(crate) fn inputs<'a>(&'a self, control_role_name: &'a Value<String>) -> crate::aws::CrossAccountInputs<'a> {
                crate::aws::CrossAccountInputs {
                    account_id: &self.account_id,
                    region: &self.region,
                    partition: &self.partition,
                    stack: &self.stack,
                    vpc_ids: &self.vpc_ids,
                    subnet_ids: &self.subnet_ids,
                    security_group_ids: &self.security_group_ids,
                    instance_profile_name: &self.instance_profile_name,
                    instance_role_name: &self.instance_role_name,
                    instance_profiles: &self.instance_profiles,
                    control_role_name,
                    image_owners: &self.image_owners,
                    grants: &self.grants,
                    style: &self.style,
                }
            }
        }
    };
}
pub(crate) use cross_account_model;

/// An instance profile that nodes may wear.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct InstanceProfileModel {
    /// Name of the instance profile, after its path if it has one.
    #[tf(required, validate = check(ProfileName::parse))]
    pub(crate) name: Value<String>,
    /// Name of the role in it, likewise.
    #[tf(required, validate = check(RoleName::parse))]
    pub(crate) role_name: Value<String>,
}

/// The inputs, wherever they stand.
pub(crate) struct CrossAccountInputs<'a> {
    pub(crate) account_id: &'a Value<String>,
    pub(crate) region: &'a Value<String>,
    pub(crate) partition: &'a Value<String>,
    pub(crate) stack: &'a Value<String>,
    pub(crate) vpc_ids: &'a Value<BTreeSet<String>>,
    pub(crate) subnet_ids: &'a Value<BTreeSet<String>>,
    pub(crate) security_group_ids: &'a Value<BTreeSet<String>>,
    pub(crate) instance_profile_name: &'a Value<String>,
    pub(crate) instance_role_name: &'a Value<String>,
    pub(crate) instance_profiles: &'a Value<Vec<InstanceProfileModel>>,
    pub(crate) control_role_name: &'a Value<String>,
    pub(crate) image_owners: &'a Value<BTreeSet<String>>,
    pub(crate) grants: &'a Value<BTreeSet<String>>,
    pub(crate) style: &'a Value<String>,
}

impl CrossAccountInputs<'_> {
    /// Whether all of it is known.
    pub(crate) fn is_known(&self) -> bool {
        let texts = [
            self.account_id,
            self.region,
            self.partition,
            self.stack,
            self.instance_profile_name,
            self.instance_role_name,
            self.control_role_name,
            self.style,
        ];
        let sets = [self.vpc_ids, self.subnet_ids, self.security_group_ids, self.image_owners, self.grants];
        texts.iter().all(|text| !text.is_unknown())
            && sets.iter().all(|set| !set.is_unknown())
            && self.instance_profiles.encode().is_wholly_known()
    }

    /// The request; or what is wrong with it, as far as it is known.
    pub(crate) fn request(&self) -> std::result::Result<CrossAccount, Vec<Fault>> {
        let mut faults = Vec::new();
        let out = &mut faults;
        let account = required(self.account_id, "account_id", AccountId::parse, out);
        let region = required(self.region, "region", Region::parse, out);
        let partition = partition(self.partition, region.as_ref(), out);
        let stack = required(self.stack, "stack", StackName::parse, out);
        let unknown_style = |word: &str| {
            let all = Style::ALL.map(Style::as_str).join(", ");
            Style::from_word(word).ok_or_else(|| format!("{word:?} is not a style; there are {all}"))
        };
        let style = text(self.style, "style", unknown_style, out).unwrap_or_default();
        let unknown_grant = |word: &str| {
            let all = Grant::ALL.map(Grant::as_str).join(", ");
            Grant::from_word(word).ok_or_else(|| format!("{word:?} is not a grant; there are {all}"))
        };
        let grants = texts(self.grants, "grants", unknown_grant, out);
        self.check_profiles(style, out);
        let owners = texts(self.image_owners, "image_owners", ImageOwner::parse, out);
        let request = CrossAccount {
            vpcs: texts(self.vpc_ids, "vpc_ids", VpcId::parse, out),
            subnets: texts(self.subnet_ids, "subnet_ids", SubnetId::parse, out),
            security_groups: texts(self.security_group_ids, "security_group_ids", SecurityGroupId::parse, out),
            instance_profiles: self.profiles(out),
            control_role: text(self.control_role_name, "control_role_name", RoleName::parse, out),
            image_owners: if self.image_owners.is_known() {
                owners
            } else {
                ImageOwner::parse(AMAZON).into_iter().collect()
            },
            grants,
            style,
            account: account.ok_or_else(|| std::mem::take(out))?,
            region: region.ok_or_else(|| std::mem::take(out))?,
            stack: stack.ok_or_else(|| std::mem::take(out))?,
            partition: partition.ok_or_else(|| std::mem::take(out))?,
        };
        let said: Vec<&str> = faults.iter().map(|(attribute, _)| *attribute).collect();
        let more = request.faults().into_iter();
        let more = more.filter(|(attribute, _)| !said.contains(attribute) && !self.may_still_come(attribute));
        let more: Vec<Fault> = more.collect();
        faults.extend(more);
        if faults.is_empty() { Ok(request) } else { Err(faults) }
    }

    /// The request, if its policy fits where it is to stand.
    pub(crate) fn request_that_fits(&self, policy_type: PolicyType) -> std::result::Result<CrossAccount, Vec<Fault>> {
        let request = self.request()?;
        if self.is_known()
            && let Err(error) = request.render_within_limits(policy_type)
        {
            // Dropping grants helps only where it fits without them.
            let bare = CrossAccount { grants: BTreeSet::new(), ..request };
            let attribute = if bare.render_within_limits(policy_type).is_ok() { "grants" } else { "subnet_ids" };
            return Err(vec![(attribute, error.to_string())]);
        }
        Ok(request)
    }

    /// Whether what is missing at an attribute may be among what is not known yet.
    fn may_still_come(&self, attribute: &str) -> bool {
        let unknown_style = self.style.is_unknown();
        unknown_style
            || match attribute {
                "vpc_ids" => self.vpc_ids.is_unknown(),
                "subnet_ids" => self.subnet_ids.is_unknown(),
                "security_group_ids" => self.security_group_ids.is_unknown(),
                "instance_profile_name" => {
                    self.instance_profile_name.is_unknown()
                        || self.instance_role_name.is_unknown()
                        || !self.instance_profiles.encode().is_wholly_known()
                }
                _ => false,
            }
    }

    /// Which attributes go together.
    fn check_profiles(&self, style: Style, out: &mut Vec<Fault>) {
        let mut wrong = |is_wrong: bool, attribute: &'static str, rule: &str| {
            if is_wrong {
                out.push((attribute, rule.to_owned()));
            }
        };
        let (one, many) = (self.instance_profile_name, self.instance_profiles);
        wrong(
            !one.is_null() && !many.is_null(),
            "instance_profiles",
            "use either this or instance_profile_name and instance_role_name",
        );
        wrong(
            style == Style::Restricted && one.is_known() && self.instance_role_name.is_null(),
            "instance_role_name",
            "name the role in the instance profile: it need not be called like the profile",
        );
        wrong(
            one.is_null() && !self.instance_role_name.is_null(),
            "instance_profile_name",
            "name the instance profile that instance_role_name is in",
        );
    }

    fn profiles(&self, out: &mut Vec<Fault>) -> BTreeSet<InstanceProfile> {
        let one = [(self.instance_profile_name, self.instance_role_name)];
        let many = self.instance_profiles.known().into_iter().flatten().map(|one| (&one.name, &one.role_name));
        let mut all = BTreeSet::new();
        for (position, (name, role)) in one.into_iter().chain(many).enumerate() {
            let [at_name, at_role] = match position {
                0 => ["instance_profile_name", "instance_role_name"],
                _ => ["instance_profiles", "instance_profiles"],
            };
            let profile = text(name, at_name, ProfileName::parse, out);
            // What comparable products call alike is called alike here, where only they are compared with.
            let role = if role.is_null() { name } else { role };
            let role = text(role, at_role, RoleName::parse, out);
            all.extend(profile.zip(role).map(|(profile, role)| InstanceProfile { profile, role }));
        }
        all
    }
}
