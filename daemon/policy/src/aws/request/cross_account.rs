//! The request for the cross-account policy.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Checker, Unknown, word_of};
use crate::aws::cross_account::{CrossAccount, InstanceProfile, Style};
use crate::aws::document::PolicyType;
use crate::aws::fault::Fault;
use crate::aws::grant::Grant;
use crate::aws::name::{
    AccountId, ImageOwner, ProfileName, Region, RoleName, SecurityGroupId, StackName, SubnetId, VpcId,
};

/// Images of AWS itself, when no owner is named.
const AMAZON: &str = "amazon";

/// The request, as it is written. What is not given is not written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CrossAccountRequest {
    /// Number of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Partition. Default: the region's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// Name of the onboarding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// VPCs that nodes may be in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_ids: Option<BTreeSet<String>>,
    /// Subnets there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet_ids: Option<BTreeSet<String>>,
    /// Security groups there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_group_ids: Option<BTreeSet<String>>,
    /// Name of the instance profile of nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_profile_name: Option<String>,
    /// Name of the role in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_role_name: Option<String>,
    /// Several instance profiles, instead of the two before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_profiles: Option<Vec<InstanceProfileRequest>>,
    /// Name of the role that gets the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_role_name: Option<String>,
    /// Whose images nodes may boot from. Default: AWS's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_owners: Option<BTreeSet<String>>,
    /// Grants that are switched on. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grants: Option<BTreeSet<String>>,
    /// Which policy. Default: ringfence's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
}

/// An instance profile and the role in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceProfileRequest {
    /// Name of the instance profile.
    pub name: String,
    /// Name of the role.
    pub role_name: String,
}

impl CrossAccountRequest {
    /// The request with its words checked; or everything that is wrong with it.
    pub fn check(&self) -> Result<CrossAccount, Vec<Fault>> {
        let (checked, faults) = self.check_known(&Unknown::new());
        checked.filter(|_| faults.is_empty()).ok_or(faults)
    }

    /// The same, if its policy also fits where it is to stand.
    pub fn check_that_fits(&self, policy_type: PolicyType) -> Result<CrossAccount, Vec<Fault>> {
        let checked = self.check()?;
        let Err(error) = checked.render_within_limits(policy_type) else { return Ok(checked) };
        // Dropping grants helps only where it fits without them.
        let bare = CrossAccount { grants: BTreeSet::new(), ..checked };
        let attribute = if bare.render_within_limits(policy_type).is_ok() { "grants" } else { "subnet_ids" };
        Err(vec![Fault::new(attribute, error.to_string())])
    }

    /// What is wrong with what is known, whatever the unknown attributes turn out to be.
    pub fn faults(&self, unknown: &Unknown) -> Vec<Fault> {
        self.check_known(unknown).1
    }

    /// The request as JSON, as [`serde_json::from_str`] reads it again.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts, sets and lists of texts serialize")
    }

    fn check_known(&self, unknown: &Unknown) -> (Option<CrossAccount>, Vec<Fault>) {
        let mut checker = Checker::new(unknown);
        let account = checker.required("account_id", self.account_id.as_ref(), AccountId::parse);
        let region = checker.required("region", self.region.as_ref(), Region::parse);
        let partition = checker.partition(self.partition.as_ref(), region.as_ref());
        let stack = checker.required("stack", self.stack.as_ref(), StackName::parse);
        let style = checker.optional("style", self.style.as_ref(), |word| {
            word_of(word, Style::from_word, "a style", &Style::ALL.map(Style::as_str))
        });
        let style = style.unwrap_or_default();
        let grants = checker.all("grants", self.grants.as_ref(), |word| {
            word_of(word, Grant::from_word, "a grant", &Grant::ALL.map(Grant::as_str))
        });
        self.check_profile_attributes(style, &mut checker);
        let amazon = BTreeSet::from([AMAZON.to_owned()]);
        let image_owners = self.image_owners.as_ref().unwrap_or(&amazon);
        let vpcs = checker.all("vpc_ids", self.vpc_ids.as_ref(), VpcId::parse);
        let subnets = checker.all("subnet_ids", self.subnet_ids.as_ref(), SubnetId::parse);
        let groups = self.security_group_ids.as_ref();
        let security_groups = checker.all("security_group_ids", groups, SecurityGroupId::parse);
        let instance_profiles = self.profiles(&mut checker);
        let control_role = checker.optional("control_role_name", self.control_role_name.as_ref(), RoleName::parse);
        let image_owners = checker.all("image_owners", Some(image_owners), ImageOwner::parse);
        let mut faults = checker.faults;
        let (Some(partition), Some(account), Some(region), Some(stack)) = (partition, account, region, stack) else {
            return (None, faults);
        };
        let checked = CrossAccount {
            partition,
            account,
            region,
            stack,
            vpcs,
            subnets,
            security_groups,
            instance_profiles,
            control_role,
            image_owners,
            grants,
            style,
        };
        let told: BTreeSet<&str> = faults.iter().map(|fault| fault.attribute).collect();
        let more = checked.faults().into_iter();
        faults
            .extend(more.filter(|fault| !told.contains(fault.attribute) && !may_still_come(fault.attribute, unknown)));
        (Some(checked), faults)
    }

    /// Which of the attributes about instance profiles go together.
    fn check_profile_attributes(&self, style: Style, checker: &mut Checker<'_>) {
        let (name, role) = (self.instance_profile_name.is_some(), self.instance_role_name.is_some());
        checker.wrong_if(
            name && self.instance_profiles.as_ref().is_some_and(|profiles| !profiles.is_empty()),
            "instance_profiles",
            "use either this or instance_profile_name and instance_role_name",
        );
        let is_restricted = style == Style::Restricted && !checker.is_unknown("style");
        checker.wrong_if(
            is_restricted && name && !role && !checker.is_unknown("instance_role_name"),
            "instance_role_name",
            "name the role in the instance profile: it need not be called like the profile",
        );
        checker.wrong_if(
            role && !name && !checker.is_unknown("instance_profile_name"),
            "instance_profile_name",
            "name the instance profile that instance_role_name is in",
        );
    }

    fn profiles(&self, checker: &mut Checker<'_>) -> BTreeSet<InstanceProfile> {
        let mut all = BTreeSet::new();
        let role_is_unknown = checker.is_unknown("instance_role_name");
        let mut add = |[at_name, at_role]: [&'static str; 2], name: &String, role: &String| {
            let profile = checker.optional(at_name, Some(name), ProfileName::parse);
            let role = checker.optional(at_role, Some(role), RoleName::parse);
            all.extend(profile.zip(role).map(|(profile, role)| InstanceProfile { profile, role }));
        };
        // What comparable products call alike is called alike here, where only they are compared with.
        let like_profile = self.instance_profile_name.as_ref().filter(|_| !role_is_unknown);
        let role = self.instance_role_name.as_ref().or(like_profile);
        if let (Some(name), Some(role)) = (&self.instance_profile_name, role) {
            add(["instance_profile_name", "instance_role_name"], name, role);
        }
        for profile in self.instance_profiles.iter().flatten() {
            add(["instance_profiles"; 2], &profile.name, &profile.role_name);
        }
        all
    }
}

/// Whether what is wrong at an attribute may be put right by what is not known yet.
fn may_still_come(attribute: &str, unknown: &Unknown) -> bool {
    let any = |attributes: &[&str]| attributes.iter().any(|attribute| unknown.contains(*attribute));
    // Each style asks for something else.
    any(&["style", attribute])
        || (attribute == "instance_profile_name" && any(&["instance_role_name", "instance_profiles"]))
}
