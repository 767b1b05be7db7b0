//! What the documents of the tests are asked for, in the words of whoever asks.

use ringfence_policy::aws::{
    CrossAccount, CrossAccountRequest, Grant, InstanceProfile, NodeGrant, NodeRole, NodeRoleRequest, ProfileName,
    RoleName, Style, Trust, TrustRequest,
};
use serde_json::json;

pub(crate) fn profile(name: &str, role: &str) -> InstanceProfile {
    InstanceProfile { profile: ProfileName::parse(name).unwrap(), role: RoleName::parse(role).unwrap() }
}

/// One VPC, one subnet, one group, one profile, no grants.
pub(crate) fn cross_account_request() -> CrossAccountRequest {
    serde_json::from_value(json!({
        "account_id": "111122223333",
        "region": "eu-north-1",
        "stack": "prod",
        "vpc_ids": ["vpc-0a1b2c3d4e5f60718"],
        "subnet_ids": ["subnet-0a1b2c3d4e5f60718"],
        "security_group_ids": ["sg-0a1b2c3d4e5f60718"],
        "instance_profile_name": "ringfence-node",
        "instance_role_name": "ringfence-node-role",
        "control_role_name": "ringfence-prod",
    }))
    .unwrap()
}

pub(crate) fn cross_account() -> CrossAccount {
    cross_account_request().check().unwrap()
}

pub(crate) fn with(grants: &[Grant]) -> CrossAccount {
    CrossAccount { grants: grants.iter().copied().collect(), ..cross_account() }
}

pub(crate) fn styled(style: Style) -> CrossAccount {
    CrossAccount { style, ..cross_account() }
}

pub(crate) fn trust() -> Trust {
    let request: TrustRequest = serde_json::from_value(json!({
        "principals": ["arn:aws:iam::444455556666:role/ringfence-control"],
        "external_id": "7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34",
    }))
    .unwrap();
    request.check().unwrap()
}

pub(crate) fn node_role(grants: &[NodeGrant]) -> NodeRole {
    let request: NodeRoleRequest = serde_json::from_value(json!({
        "account_id": "111122223333",
        "region": "eu-north-1",
        "stack": "prod",
        "bucket_name": "example-prod-data",
        "eks_cluster_names": ["analytics"],
        "grants": [],
    }))
    .unwrap();
    NodeRole { grants: grants.iter().copied().collect(), ..request.check().unwrap() }
}
