//! What the documents of the tests are asked for.

use std::collections::BTreeSet;

use ringfence_policy::aws::{
    AccountId, BucketName, CrossAccount, ExternalId, Grant, ImageOwner, InstanceProfile, KubernetesName, NodeGrant,
    NodeRole, Partition, Principal, ProfileName, Region, RoleName, SecurityGroupId, StackName, Style, SubnetId, Trust,
    VpcId,
};

pub(crate) fn profile(name: &str, role: &str) -> InstanceProfile {
    InstanceProfile { profile: ProfileName::parse(name).unwrap(), role: RoleName::parse(role).unwrap() }
}

/// One VPC, one subnet, one group, one profile, no grants.
pub(crate) fn cross_account() -> CrossAccount {
    CrossAccount {
        partition: Partition::Aws,
        account: AccountId::parse("111122223333").unwrap(),
        region: Region::parse("eu-north-1").unwrap(),
        stack: StackName::parse("prod").unwrap(),
        vpcs: [VpcId::parse("vpc-0a1b2c3d4e5f60718").unwrap()].into(),
        subnets: [SubnetId::parse("subnet-0a1b2c3d4e5f60718").unwrap()].into(),
        security_groups: [SecurityGroupId::parse("sg-0a1b2c3d4e5f60718").unwrap()].into(),
        instance_profiles: [profile("ringfence-node", "ringfence-node-role")].into(),
        control_role: Some(RoleName::parse("ringfence-prod").unwrap()),
        image_owners: [ImageOwner::parse("amazon").unwrap()].into(),
        grants: BTreeSet::new(),
        style: Style::Restricted,
    }
}

pub(crate) fn with(grants: &[Grant]) -> CrossAccount {
    CrossAccount { grants: grants.iter().copied().collect(), ..cross_account() }
}

pub(crate) fn styled(style: Style) -> CrossAccount {
    CrossAccount { style, ..cross_account() }
}

pub(crate) fn trust() -> Trust {
    Trust {
        principals: [Principal::parse("arn:aws:iam::444455556666:role/ringfence-control").unwrap()].into(),
        external_id: ExternalId::parse("7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34").unwrap(),
    }
}

pub(crate) fn node_role(grants: &[NodeGrant]) -> NodeRole {
    NodeRole {
        partition: Partition::Aws,
        account: AccountId::parse("111122223333").unwrap(),
        region: Region::parse("eu-north-1").unwrap(),
        stack: StackName::parse("prod").unwrap(),
        bucket: Some(BucketName::parse("example-prod-data").unwrap()),
        kubernetes: [KubernetesName::parse("analytics").unwrap()].into(),
        grants: grants.iter().copied().collect(),
    }
}
