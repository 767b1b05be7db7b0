//! The attributes that ask for the cross-account policy.

use ringfence_policy::aws::{InstanceProfileRequest, ProfileName, RoleName, Unknown};
use tfplugin_rs::prelude::*;

use super::request::known;

/// A model with the attributes that ask for the cross-account policy, and with more attributes.
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
            #[tf(
                optional,
                validate = one_of(ringfence_policy::aws::Partition::ALL.map(ringfence_policy::aws::Partition::as_str))
            )]
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
            /// Name of the instance profile of the nodes, after its path if it has one, such as `team/ringfence-node`.
            #[tf(optional, validate = check(ringfence_policy::aws::ProfileName::parse))]
            instance_profile_name: Value<String>,
            /// Name of the role in it, likewise.
            #[tf(optional, validate = check(ringfence_policy::aws::RoleName::parse))]
            instance_role_name: Value<String>,
            /// Several instance profiles, instead of `instance_profile_name` and `instance_role_name`.
            #[tf(optional, validate = items(1..=20))]
            instance_profiles: Value<Vec<crate::aws::InstanceProfileModel>>,
            /// Whose images nodes may boot from: account numbers of publishers, `amazon` or `aws-marketplace`; not the
            /// account itself, which has images of anybody's disks. Default: `["amazon"]`. Debian is `136693071363`,
            /// Canonical `099720109477`.
            #[tf(optional, validate = items(1..=20), validate = each(check(ringfence_policy::aws::ImageOwner::parse)))]
            image_owners: Value<BTreeSet<String>>,
            /// Capabilities that are switched on: `autoscale`, `backup`, `load_balancer`, `network_checks`,
            /// `open_ports`, `public_ip`, `resize`, `spot`. Default: none. What stops working without each: see the
            /// guide on AWS.
            #[tf(
                optional,
                validate = each(one_of(ringfence_policy::aws::Grant::ALL.map(ringfence_policy::aws::Grant::as_str)))
            )]
            grants: Value<BTreeSet<String>>,
            /// `restricted` for ringfence's own policy; `described_default` or `described_restricted` for what a
            /// comparable product asks for, with the escalation paths that it leaves open, to compare and to migrate.
            /// Default: `restricted`.
            #[tf(
                optional,
                validate = one_of(ringfence_policy::aws::Style::ALL.map(ringfence_policy::aws::Style::as_str))
            )]
            style: Value<String>,
            $($(#[$more_meta])* $more: $type,)*
        }

        impl $name {
            /// The request; some models name the role in an attribute of another name.
            pub(crate) fn request(
                &self,
                control_role_name: &Value<String>,
            ) -> crate::aws::PartialRequest<ringfence_policy::aws::CrossAccountRequest> {
                use crate::aws::{known, known_profiles};
                let mut unknown = ringfence_policy::aws::Unknown::new();
                let request = ringfence_policy::aws::CrossAccountRequest {
                    account_id: known("account_id", &self.account_id, &mut unknown),
                    region: known("region", &self.region, &mut unknown),
                    partition: known("partition", &self.partition, &mut unknown),
                    stack: known("stack", &self.stack, &mut unknown),
                    vpc_ids: known("vpc_ids", &self.vpc_ids, &mut unknown),
                    subnet_ids: known("subnet_ids", &self.subnet_ids, &mut unknown),
                    security_group_ids: known("security_group_ids", &self.security_group_ids, &mut unknown),
                    instance_profile_name: known("instance_profile_name", &self.instance_profile_name, &mut unknown),
                    instance_role_name: known("instance_role_name", &self.instance_role_name, &mut unknown),
                    instance_profiles: known_profiles(&self.instance_profiles, &mut unknown),
                    control_role_name: known("control_role_name", control_role_name, &mut unknown),
                    image_owners: known("image_owners", &self.image_owners, &mut unknown),
                    grants: known("grants", &self.grants, &mut unknown),
                    style: known("style", &self.style, &mut unknown),
                };
                crate::aws::PartialRequest { request, unknown }
            }
        }
    };
}
pub(crate) use cross_account_model;

/// An instance profile that nodes may have.
#[derive(Clone, PartialEq, Model)]
pub(crate) struct InstanceProfileModel {
    /// Name of the instance profile, after its path if it has one.
    #[tf(required, validate = check(ProfileName::parse))]
    pub(crate) name: Value<String>,
    /// Name of the role in it, likewise.
    #[tf(required, validate = check(RoleName::parse))]
    pub(crate) role_name: Value<String>,
}

/// Instance profiles as a request holds them: of a list in which some are not known, those that are.
pub(crate) fn known_profiles(
    value: &Value<Vec<InstanceProfileModel>>,
    unknown: &mut Unknown,
) -> Option<Vec<InstanceProfileRequest>> {
    let profiles = known("instance_profiles", value, unknown)?;
    let all = profiles.len();
    let known = profiles.into_iter().filter_map(|profile| {
        Some(InstanceProfileRequest { name: profile.name.into_known()?, role_name: profile.role_name.into_known()? })
    });
    let known: Vec<_> = known.collect();
    if known.len() < all {
        unknown.insert("instance_profiles");
    }
    Some(known)
}
