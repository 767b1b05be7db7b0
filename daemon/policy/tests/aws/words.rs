//! Requests in the words of whoever asks: what is taken, what is told at which attribute, and what waits for what is
//! not known.

use ringfence_policy::aws::{
    CrossAccountRequest, Fault, InstanceProfileRequest, NodeRoleRequest, PolicyType, TrustRequest,
};
use serde_json::json;

use crate::requests::{cross_account_request, profile};

fn request(edit: impl FnOnce(&mut CrossAccountRequest)) -> CrossAccountRequest {
    let mut request = cross_account_request();
    edit(&mut request);
    request
}

fn profiles(pairs: &[(&str, &str)]) -> Vec<InstanceProfileRequest> {
    let of = |(name, role): &(&str, &str)| InstanceProfileRequest {
        name: (*name).to_owned(),
        role_name: (*role).to_owned(),
    };
    pairs.iter().map(of).collect()
}

fn attributes(faults: &[Fault]) -> Vec<&str> {
    faults.iter().map(|fault| fault.attribute).collect()
}

/// Requests that can be made, in all styles.
fn valid() -> Vec<CrossAccountRequest> {
    let styled = |style: &str, edit: fn(&mut CrossAccountRequest)| {
        request(|request| {
            request.style = Some(style.to_owned());
            edit(request);
        })
    };
    vec![
        cross_account_request(),
        request(|request| request.control_role_name = None),
        request(|request| request.partition = Some("aws".to_owned())),
        request(|request| request.grants = Some(["backup", "spot"].map(str::to_owned).into())),
        request(|request| {
            (request.instance_profile_name, request.instance_role_name) = (None, None);
            request.instance_profiles = Some(profiles(&[("team/head", "team/head"), ("node", "other")]));
        }),
        request(|request| request.instance_profiles = Some(Vec::new())),
        styled("restricted", |_| ()),
        styled("described_default", |request| request.instance_role_name = None),
        styled("described_default", |request| {
            (request.instance_profile_name, request.instance_role_name) = (None, None);
            (request.vpc_ids, request.subnet_ids, request.security_group_ids) = (None, None, None);
        }),
        styled("described_restricted", |request| request.instance_role_name = None),
    ]
}

#[test]
fn a_valid_request_survives_a_round_trip_through_json() {
    for request in valid() {
        let text = request.to_json();
        let read: CrossAccountRequest = serde_json::from_str(&text).unwrap();
        assert_eq!(read, request);
        assert_eq!(read.to_json(), text);
        assert_eq!(read.check().unwrap_or_else(|faults| panic!("{text}: {faults:?}")), request.check().unwrap());
        assert!(!text.contains("null"), "{text}");
    }
}

#[test]
fn a_profile_alone_names_the_role_too_where_comparable_products_do_so() {
    let only_profile = |style: &str| {
        request(|request| {
            request.instance_role_name = None;
            request.style = Some(style.to_owned());
        })
    };
    for style in ["described_default", "described_restricted"] {
        let checked = only_profile(style).check().unwrap();
        assert_eq!(checked.instance_profiles, [profile("ringfence-node", "ringfence-node")].into());
    }
    assert_eq!(attributes(&only_profile("restricted").check().unwrap_err()), ["instance_role_name"]);
}

#[test]
fn what_is_wrong_is_told_at_its_attribute() {
    type Edit = fn(&mut CrossAccountRequest);
    let table: [(&[&str], Edit); 12] = [
        (&["account_id", "stack"], |request| (request.account_id, request.stack) = (None, None)),
        (&["region"], |request| request.region = Some("eu-north-1a".to_owned())),
        (&["partition"], |request| request.partition = Some("aws-cn".to_owned())),
        (&["partition"], |request| request.partition = Some("azure".to_owned())),
        (&["style"], |request| request.style = Some("open".to_owned())),
        (&["grants"], |request| request.grants = Some(["fly".to_owned()].into())),
        (&["image_owners"], |request| request.image_owners = Some(["111122223333".to_owned()].into())),
        (&["image_owners"], |request| request.image_owners = Some([].into())),
        (&["instance_profiles"], |request| request.instance_profiles = Some(profiles(&[("node", "node")]))),
        (&["instance_profile_name"], |request| request.instance_profile_name = None),
        (&["subnet_ids", "security_group_ids"], |request| {
            (request.subnet_ids, request.security_group_ids) = (None, None);
        }),
        (&["instance_role_name"], |request| request.control_role_name = request.instance_role_name.clone()),
    ];
    for (expected, edit) in table {
        let faults = request(edit).check().unwrap_err();
        assert_eq!(attributes(&faults), expected, "{faults:?}");
    }
    let unknown_key = serde_json::from_value::<CrossAccountRequest>(json!({ "vpc_id": "vpc-1a2b3c4d" }));
    assert!(unknown_key.unwrap_err().to_string().contains("unknown field `vpc_id`"));
}

#[test]
fn what_is_not_known_yet_is_neither_missing_nor_wrong() {
    type Edit = fn(&mut CrossAccountRequest);
    let table: [(&[&'static str], Edit); 9] = [
        (&["account_id"], |request| request.account_id = None),
        (&["region"], |request| request.region = None),
        (&["subnet_ids"], |request| request.subnet_ids = None),
        (&["image_owners"], |request| request.image_owners = None),
        (&["instance_profile_name"], |request| request.instance_profile_name = None),
        (&["instance_role_name"], |request| request.instance_role_name = None),
        // Either of the two ways to name profiles may turn out to be none.
        (&["instance_profiles"], |request| request.instance_profiles = None),
        (&["instance_profiles"], |request| {
            (request.instance_profile_name, request.instance_role_name) = (None, None);
            request.instance_profiles = Some(profiles(&[]));
        }),
        // Each style asks for something else.
        (&["style"], |request| {
            (request.vpc_ids, request.subnet_ids, request.instance_role_name) = (None, None, None);
        }),
    ];
    for (unknown, edit) in table {
        let faults = request(edit).faults(&unknown.iter().copied().collect());
        assert_eq!(faults, [], "{unknown:?}");
    }
}

#[test]
fn what_is_wrong_whatever_comes_is_told_before_everything_is_known() {
    let without_vpc = request(|request| request.vpc_ids = None);
    assert_eq!(attributes(&without_vpc.faults(&["subnet_ids"].into())), ["vpc_ids"]);
    let bad = request(|request| request.vpc_ids = Some(["vpc-*".to_owned()].into()));
    assert_eq!(attributes(&bad.faults(&["style", "account_id"].into())), ["vpc_ids"]);
}

#[test]
fn what_does_not_fit_is_told_at_what_can_be_left_out() {
    let many = |n: usize, grants: &[&str]| {
        request(|request| {
            request.subnet_ids = Some((0..n).map(|n| format!("subnet-{n:017x}")).collect());
            request.grants = Some(grants.iter().map(ToString::to_string).collect());
        })
    };
    let grants =
        ["autoscale", "backup", "load_balancer", "network_checks", "open_ports", "public_ip", "resize", "spot"];
    let at = |request: &CrossAccountRequest, policy_type| {
        request.check_that_fits(policy_type).map(drop).map_err(|faults| faults[0].attribute)
    };
    assert_eq!(at(&many(1, &grants), PolicyType::Managed), Ok(()));
    assert_eq!(at(&many(1, &grants), PolicyType::Inline), Err("grants"));
    assert_eq!(at(&many(200, &[]), PolicyType::Managed), Err("subnet_ids"));
}

#[test]
fn the_requests_of_the_other_documents_tell_the_same_way() {
    let trust: TrustRequest = serde_json::from_value(json!({ "external_id": "short" })).unwrap();
    assert_eq!(attributes(&trust.check().unwrap_err()), ["external_id"]);
    assert_eq!(attributes(&TrustRequest::default().faults(&["principals"].into())), ["external_id"]);
    assert_eq!(TrustRequest::default().faults(&["principals", "external_id"].into()), []);
    let node: NodeRoleRequest = serde_json::from_value(json!({
        "account_id": "111122223333", "region": "eu-north-1", "stack": "prod", "grants": ["storage"],
    }))
    .unwrap();
    assert_eq!(attributes(&node.check().unwrap_err()), ["bucket_name"]);
    assert_eq!(node.faults(&["bucket_name"].into()), []);
}
