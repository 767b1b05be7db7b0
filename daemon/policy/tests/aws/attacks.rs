//! Escalation paths, each as what an attacker with the role would try: open in what comparable products ask for where
//! that is said of it, and closed in ours, with every grant on.

use std::collections::BTreeSet;

use ringfence_policy::aws::{CrossAccount, Document, ESCALATION_PATHS, Grant, Style, findings};

use crate::requests::{styled, with};

fn open_paths(request: &CrossAccount) -> BTreeSet<&'static str> {
    findings(&[request.render().document]).into_iter().map(|found| found.name).collect()
}

fn ours() -> BTreeSet<&'static str> {
    open_paths(&with(&Grant::ALL))
}

macro_rules! attacks {
    ($($test:ident: $path:literal, $default:literal, $restricted:literal;)*) => {
        $(
            #[test]
            fn $test() {
                assert_eq!(open_paths(&styled(Style::DescribedDefault)).contains($path), $default, "default");
                assert_eq!(open_paths(&styled(Style::DescribedRestricted)).contains($path), $restricted, "restricted");
                assert!(!ours().contains($path));
            }
        )*

        #[test]
        fn every_escalation_path_is_tried() {
            let mut tried = BTreeSet::from([$($path),*]);
            tried.insert("change_user_data");
            assert_eq!(ESCALATION_PATHS.iter().map(|path| path.name).collect::<BTreeSet<_>>(), tried);
        }
    };
}

attacks! {
    nobody_snapshots_a_foreign_volume: "snapshot_foreign_volume", true, true;
    nobody_deletes_a_foreign_snapshot: "delete_foreign_backup", true, true;
    nobody_withdraws_a_foreign_image: "deregister_foreign_image", true, true;
    nobody_reads_a_foreign_snapshot_from_a_node: "attach_foreign_snapshot", true, true;
    nobody_boots_a_strangers_image: "boot_public_image", true, true;
    nobody_joins_a_foreign_security_group: "join_foreign_security_group", true, true;
    nobody_launches_in_a_foreign_subnet: "use_foreign_subnet", true, false;
    nobody_takes_an_existing_interface: "take_existing_interface", true, true;
    nobody_launches_a_node_with_imdsv1: "launch_with_imdsv1", true, true;
    nobody_launches_a_node_with_a_plain_disk: "launch_unencrypted", true, true;
    nobody_launches_a_node_that_no_tag_finds: "launch_without_tags", true, true;
    nobody_launches_a_node_with_a_key_pair_of_theirs: "launch_with_any_key_pair", true, true;
    nobody_ends_a_foreign_instance: "terminate_foreign_instance", true, true;
    nobody_starts_a_foreign_instance: "start_foreign_instance", true, true;
    nobody_forges_the_tag_of_the_stack: "forge_ownership", true, true;
    nobody_disowns_a_node_of_the_stack: "disown_node", true, true;
    nobody_opens_a_neighbours_security_group: "open_foreign_security_group", true, true;
    nobody_passes_another_role: "pass_any_role", true, false;
    nobody_passes_the_role_to_another_service: "pass_role_to_another_service", true, true;
    nobody_reads_attributes_of_a_foreign_vpc: "read_any_vpc_attribute", true, true;
    nobody_changes_a_foreign_network: "change_foreign_network", true, false;
    nobody_deletes_a_foreign_load_balancer: "delete_foreign_load_balancer", true, false;
    nobody_puts_a_load_balancer_on_the_internet: "public_load_balancer", true, false;
    nobody_becomes_an_administrator: "become_administrator", false, false;
    nobody_copies_a_foreign_snapshot: "copy_foreign_snapshot", false, false;
    nobody_shares_a_disk: "share_disk", false, false;
    nobody_attaches_a_foreign_volume: "attach_foreign_volume", false, false;
    nobody_deletes_a_foreign_volume: "delete_foreign_volume", false, false;
    nobody_boots_a_private_image_of_the_account: "boot_foreign_private_image", true, true;
    nobody_stops_a_foreign_instance: "stop_foreign_instance", true, true;
    nobody_gives_a_foreign_instance_a_role: "give_foreign_instance_a_role", true, true;
    nobody_redirects_foreign_traffic: "redirect_foreign_traffic", true, false;
    nobody_balances_into_a_foreign_security_group: "balance_into_foreign_security_group", true, false;
    nobody_assumes_another_role: "assume_any_role", false, false;
    nobody_runs_commands_on_a_foreign_instance: "run_commands_on_foreign_instance", false, false;
    nobody_changes_a_foreign_function: "change_foreign_function", false, false;
    nobody_reads_foreign_data: "read_foreign_data", false, false;
}

#[test]
fn whoever_switches_resize_on_is_told_what_that_allows() {
    assert_eq!(ours(), BTreeSet::from(["change_user_data"]));
    let others: Vec<Grant> = Grant::ALL.into_iter().filter(|grant| *grant != Grant::Resize).collect();
    assert_eq!(open_paths(&with(&others)), BTreeSet::new());
    assert!(open_paths(&styled(Style::DescribedDefault)).contains("change_user_data"));
    assert!(Grant::Resize.without().contains("replaces"));
}

#[test]
fn an_administrator_has_every_path_open_and_an_empty_policy_none() {
    let administrator = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    assert_eq!(findings(&[Document::parse(administrator).unwrap()]).len(), ESCALATION_PATHS.len());
    assert!(findings(&[Document::new(Vec::new())]).is_empty());
}

/// Policies that hide an open path, and the path.
const HIDDEN: &[(&str, &str)] = &[
    (
        r#"{"Effect":"Allow","Action":"iam:*","Resource":"*"},{"Effect":"Deny","Action":"iam:*",
            "Resource":"arn:aws:iam::999999999999:*"}"#,
        "become_administrator",
    ),
    (
        r#"{"Effect":"Allow","Action":"ec2:*","Resource":"*"},{"Effect":"Deny","Action":"ec2:*",
            "Resource":["arn:aws:ec2:ap-south-1:999999999999:*","arn:aws:ec2:ap-south-1::*"]}"#,
        "terminate_foreign_instance",
    ),
    (
        r#"{"Effect":"Allow","Action":"ec2:*","Resource":"*"},{"Effect":"Deny","Action":"ec2:*","Resource":"*",
            "Condition":{"StringEquals":{"aws:RequestedRegion":"eu-north-1"}}}"#,
        "terminate_foreign_instance",
    ),
    (
        r#"{"Effect":"Allow","Action":"ec2:*","Resource":"*"},{"Effect":"Deny","Action":"ec2:*","Resource":"*",
            "Condition":{"StringNotLike":{"aws:RequestedRegion":"us-*"}}}"#,
        "terminate_foreign_instance",
    ),
    (r#"{"Effect":"Allow","Action":"ec2:*","Resource":"arn:aws:ec2:us-*:111122223333:*"}"#, "stop_foreign_instance"),
    (
        r#"{"Effect":"Allow","Action":"ec2:StopInstances","Resource":"arn:aws:ec2:us-east-1:222233334444:instance/*"},
            {"Effect":"Allow","Action":"ec2:Describe*","Resource":"arn:aws:ec2:eu-west-1:111122223333:vpc/x"}"#,
        "stop_foreign_instance",
    ),
    (
        r#"{"Effect":"Allow","Action":"ec2:*","Resource":"*"},{"Effect":"Deny","Action":"ec2:*",
            "NotResource":"arn:aws:ec2:*:${aws:PrincipalAccount}:*"}"#,
        "terminate_foreign_instance",
    ),
    (
        r#"{"Effect":"Allow","Action":"ec2:TerminateInstances","Resource":"*",
            "Condition":{"StringEqualsIfExists":{"aws:ResourceTag/ringfence:stack":"prod"}}}"#,
        "terminate_foreign_instance",
    ),
    (
        r#"{"Effect":"Allow","Action":"ec2:DeleteSnapshot","Resource":"*",
            "Condition":{"Null":{"aws:ResourceTag/ringfence:stack":"true"}}}"#,
        "delete_foreign_backup",
    ),
    (
        r#"{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"*",
            "Condition":{"StringEqualsIfExists":{"ec2:MetadataHttpTokens":"required"}}}"#,
        "launch_with_imdsv1",
    ),
    (
        r#"{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"*",
            "Condition":{"StringLike":{"aws:RequestTag/CostCenter":"*"}}}"#,
        "launch_with_imdsv1",
    ),
    (
        r#"{"Effect":"Allow","Action":"elasticloadbalancing:CreateLoadBalancer","Resource":"*",
            "Condition":{"ForAnyValue:StringEquals":{"elasticloadbalancing:SecurityGroup":"sg-1"}}}"#,
        "balance_into_foreign_security_group",
    ),
    (
        r#"{"Effect":"Allow","Action":"ec2:DeleteTags","Resource":"*",
            "Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":"Name"}}}"#,
        "disown_node",
    ),
    (
        r#"{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::111122223333:role/node",
            "Condition":{"StringEquals":{"iam:PassedToService":["ec2.amazonaws.com","codebuild.amazonaws.com"]}}}"#,
        "pass_role_to_another_service",
    ),
    (
        r#"{"Effect":"Allow","Action":"ssm:SendCommand","Resource":"*",
            "Condition":{"StringEquals":{"ssm:resourceTag/env":"dev"}}}"#,
        "run_commands_on_foreign_instance",
    ),
    (r#"{"Effect":"Allow","Action":"elasticloadbalancing:AddTags","Resource":"*"}"#, "forge_ownership"),
    (
        r#"{"Effect":"Allow","Action":"iam:PutRolePolicy","Resource":"arn:aws:iam::111122223333:role/self"}"#,
        "become_administrator",
    ),
    (r#"{"Effect":"Allow","Action":"iam:CreatePolicyVersion","Resource":"*"}"#, "become_administrator"),
];

#[test]
fn an_open_path_is_found_however_it_is_hidden() {
    for (statements, path) in HIDDEN {
        let policy = Document::parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)).unwrap();
        let found = findings(&[policy]);
        assert!(found.iter().any(|found| found.name == *path), "{path} in {statements}");
    }
}

#[test]
fn a_sane_policy_is_no_false_alarm() {
    for statements in [
        r#"{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::111122223333:role/node",
            "Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}"#,
        r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::my-bucket/*"}"#,
        r#"{"Effect":"Allow","Action":"ec2:TerminateInstances","Resource":"*",
            "Condition":{"StringEquals":{"aws:ResourceTag/ringfence:stack":"prod"}}}"#,
        r#"{"Effect":"Allow","Action":"ec2:CreateTags","Resource":"*",
            "Condition":{"StringEquals":{"ec2:CreateAction":"RunInstances"}}}"#,
        r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#,
    ] {
        let policy = Document::parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)).unwrap();
        let names: Vec<&str> = findings(&[policy]).iter().map(|found| found.name).collect();
        assert_eq!(names, Vec::<&str>::new(), "{statements}");
    }
}

#[test]
fn a_policy_of_very_many_regions_and_accounts_is_judged_too() {
    let arns: Vec<String> =
        (0..250).map(|n| format!("\"arn:aws:ec2:us-east-{n}:{:012}:instance/*\"", 222_200_000_000_u64 + n)).collect();
    let text = format!(
        r#"{{"Statement":[{{"Effect":"Allow","Action":"ec2:StopInstances","Resource":[{}]}}]}}"#,
        arns.join(",")
    );
    let found = findings(&[Document::parse(&text).unwrap()]);
    assert_eq!(found.iter().map(|found| found.name).collect::<Vec<_>>(), ["stop_foreign_instance"]);
}
