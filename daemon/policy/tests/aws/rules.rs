//! Rules that hold for whatever is asked.

use std::collections::BTreeSet;

use ringfence_policy::aws::{
    CrossAccount, Document, Grant, ImageOwner, MANAGED_LIMIT, NodeGrant, PolicyType, Principal, ROLE_LIMIT, Region,
    Request, RoleName, SecurityGroupId, SubnetId, TRUST_LIMIT, Verdict, evaluate,
};

use crate::requests::{cross_account, node_role, trust, with};

fn sids(request: &CrossAccount) -> BTreeSet<String> {
    request.render().document.statement.into_iter().map(|statement| statement.sid).collect()
}

#[test]
fn a_grant_that_is_off_is_not_there_and_grants_do_not_meddle_with_one_another() {
    let base = sids(&cross_account());
    let mut sum = base.clone();
    for grant in Grant::ALL {
        let on = sids(&with(&[grant]));
        let own: BTreeSet<String> = on.difference(&base).cloned().collect();
        assert!(on.is_superset(&base) && !own.is_empty(), "{grant}");
        let rendered = with(&[grant]).render();
        let of_grant = rendered.notes.iter().filter(|note| note.grant == grant.as_str());
        assert_eq!(of_grant.map(|note| note.sid.clone()).collect::<BTreeSet<_>>(), own);
        sum.extend(own);
    }
    assert_eq!(sids(&with(&Grant::ALL)), sum);
}

#[test]
fn notes_and_statements_go_together_and_stand_outside_the_document() {
    for rendered in [with(&Grant::ALL).render(), node_role(&NodeGrant::ALL).policy(), trust().render()] {
        let sids: Vec<&String> = rendered.document.statement.iter().map(|statement| &statement.sid).collect();
        assert_eq!(rendered.notes.iter().map(|note| &note.sid).collect::<Vec<_>>(), sids);
        let text = rendered.document.minified();
        assert!(rendered.notes.iter().all(|note| !text.contains(&note.why)));
        assert!(!text.contains('<') && !text.contains("Grant") && !text.contains("Why"));
    }
}

#[test]
fn everything_fits_where_it_goes() {
    let all = with(&Grant::ALL).render_within_limits(PolicyType::Managed).unwrap().document;
    let parts = all.split();
    assert!(parts.len() <= 2 && parts.iter().all(|part| part.size() <= MANAGED_LIMIT));
    let most = [Grant::Autoscale, Grant::Backup, Grant::LoadBalancer, Grant::NetworkChecks, Grant::OpenPorts];
    let size = with(&most).render().document.size();
    assert!(size <= ROLE_LIMIT, "{size}");
    assert!(cross_account().render().document.size() <= MANAGED_LIMIT);
    assert!(trust().render_within_limits().unwrap().document.size() <= TRUST_LIMIT);
    assert!(node_role(&NodeGrant::ALL).policy_within_limits().unwrap().document.size() <= MANAGED_LIMIT);
}

#[test]
fn what_does_not_fit_says_what_each_grant_costs() {
    let mut request = with(&Grant::ALL);
    for n in 0..40 {
        request.subnets.insert(SubnetId::parse(&format!("subnet-{n:017x}")).unwrap());
        request.security_groups.insert(SecurityGroupId::parse(&format!("sg-{n:017x}")).unwrap());
    }
    let error = request.render_within_limits(PolicyType::Managed).unwrap_err().to_string();
    assert!(error.contains("and may have 12288") && error.contains("load_balancer ("), "{error}");
}

#[test]
fn what_is_empty_allows_nothing_and_loosens_nothing() {
    let mut request = with(&Grant::ALL);
    request.vpcs.clear();
    request.image_owners.clear();
    let policy = request.render().document;
    for statement in &policy.statement {
        assert!(!statement.resource.is_empty(), "{}", statement.sid);
        for (operator, keys) in &statement.condition {
            assert!(keys.values().all(|values| !values.is_empty()), "{} {operator}", statement.sid);
        }
    }
    assert!(!policy.statement.iter().any(|statement| statement.sid == "LaunchFromImage"));
}

#[test]
fn a_wrong_external_id_and_a_missing_one_are_refused_and_so_is_everybody_else() {
    let policy: Document = trust().render().document;
    let assume = || ringfence_policy::aws::Request::new("sts:AssumeRole", "");
    let verdict = |request| matches!(evaluate([&policy], &request), Verdict::Allowed(_));
    assert!(verdict(assume().with("sts:ExternalId", "7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34")));
    assert!(!verdict(assume().with("sts:ExternalId", "7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b35")));
    assert!(!verdict(assume().with("sts:ExternalId", "7B0F6A52-93E4-4C1D-8A55-6F2D0C9E1B34")));
    assert!(!verdict(assume()));
    let principal = policy.statement[0].principal.clone().unwrap();
    assert_eq!(principal, serde_json::json!({ "AWS": ["arn:aws:iam::444455556666:role/ringfence-control"] }));
}

#[test]
fn a_grant_of_a_node_that_needs_more_says_what() {
    let mut request = node_role(&[NodeGrant::Storage]);
    request.bucket = None;
    assert_eq!(request.missing().unwrap().attribute, "bucket_name");
    let mut request = node_role(&[NodeGrant::Eks]);
    request.kubernetes.clear();
    assert_eq!(request.missing().unwrap().attribute, "eks_cluster_names");
    assert_eq!(node_role(&[NodeGrant::Backup]).missing().unwrap().attribute, "grants");
    assert_eq!(node_role(&NodeGrant::ALL).missing(), None);
}

#[test]
fn the_guide_tells_what_stops_working_without_each_grant() {
    let guide = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/aws-onboarding.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let rows = Grant::ALL.map(|grant| format!("| `{grant}` | {} |", grant.without()));
    let node_rows = NodeGrant::ALL.map(|grant| format!("| `{grant}` | {} |", grant.without()));
    for row in rows.iter().chain(&node_rows) {
        assert!(guide.contains(row.as_str()), "{row}");
    }
}

#[test]
fn a_policy_goes_where_it_fits_and_nowhere_else() {
    let all = with(&Grant::ALL);
    let error = all.render_within_limits(PolicyType::Inline).unwrap_err().to_string();
    assert!(error.contains("may have 10240") && error.contains("set policy_type to managed"), "{error}");
    assert!(all.render_within_limits(PolicyType::Managed).is_ok());
    let mut request = cross_account();
    for n in 0..200 {
        request.subnets.insert(SubnetId::parse(&format!("subnet-{n:017x}")).unwrap());
    }
    let error = request.render_within_limits(PolicyType::Managed).unwrap_err().to_string();
    assert!(error.contains("the statement ") && error.contains("alone in a managed policy"), "{error}");
}

#[test]
fn what_does_not_go_together_is_said_at_its_attribute() {
    let at = |request: &CrossAccount| request.faults().into_iter().map(|fault| fault.attribute).collect::<Vec<_>>();
    assert_eq!(at(&with(&Grant::ALL)), Vec::<&str>::new());
    let mut request = cross_account();
    request.image_owners = ["amazon", "111122223333"].map(|owner| ImageOwner::parse(owner).unwrap()).into();
    assert_eq!(at(&request), ["image_owners"], "the account itself has images of anybody's disk");
    request.image_owners.clear();
    assert_eq!(at(&request), ["image_owners"]);
    let mut request = cross_account();
    request.control_role = Some(RoleName::parse("team/ringfence-node-role").unwrap());
    assert_eq!(at(&request), ["instance_role_name"], "nodes would have the role that launches nodes");
    let mut request = cross_account();
    (request.subnets, request.security_groups) = (BTreeSet::new(), BTreeSet::new());
    assert_eq!(at(&request), ["subnet_ids", "security_group_ids"]);
}

#[test]
fn principals_are_of_one_partition_and_a_region_is_one_that_could_be() {
    let mut request = trust();
    request.principals.insert(Principal::parse("arn:aws-cn:iam::444455556666:role/ringfence-control").unwrap());
    let faults = request.faults();
    assert!(faults[0].attribute == "principals" && faults[0].problem.contains("aws, aws-cn"), "{faults:?}");
    assert!(Region::parse("eu-nroth-1").unwrap_err().to_string().contains("\"nroth\" is none of"));
    for region in ["eu-north-1", "us-gov-west-1", "cn-northwest-1", "ap-southeast-7", "mx-central-1"] {
        assert!(Region::parse(region).is_ok(), "{region}");
    }
}

/// The resource of a statement with every star filled in.
fn filled(resource: &str) -> String {
    resource.replace('*', "x")
}

#[test]
fn the_boundary_lets_a_node_do_what_its_policy_allows_and_never_share_its_bucket() {
    let request = node_role(&NodeGrant::ALL);
    let (policy, boundary) = (request.policy().document, request.boundary().document);
    let allowed = |request: &Request| matches!(evaluate([&boundary], request), Verdict::Allowed(_));
    for statement in &policy.statement {
        for action in &statement.action {
            for resource in &statement.resource {
                let mut request = Request::new(filled(action), filled(resource));
                for (key, values) in statement.condition.values().flatten() {
                    request = request.with(key, filled(&values[0]));
                }
                assert!(allowed(&request), "{} {action} {resource}", statement.sid);
            }
        }
    }
    let bucket = "arn:aws:s3:::example-prod-data";
    for action in [
        "DeleteBucket",
        "DeleteBucketPolicy",
        "PutAccelerateConfiguration",
        "PutBucketAcl",
        "PutBucketCORS",
        "PutBucketLogging",
        "PutBucketNotification",
        "PutBucketOwnershipControls",
        "PutBucketPolicy",
        "PutBucketPublicAccessBlock",
        "PutBucketWebsite",
        "PutEncryptionConfiguration",
        "PutInventoryConfiguration",
        "PutObjectAcl",
        "PutObjectVersionAcl",
        "PutReplicationConfiguration",
    ] {
        for resource in [bucket.to_owned(), format!("{bucket}/x")] {
            assert!(!allowed(&Request::new(format!("s3:{action}"), resource)), "{action}");
        }
    }
    assert!(allowed(&Request::new("s3:PutObject", format!("{bucket}/x"))));
    assert!(!allowed(&Request::new("s3:GetObject", "arn:aws:s3:::example-other/x")));
}
