//! The resources that make roles, against the double: they survive lost answers and half-made things, and show what
//! somebody changed by hand.

use std::collections::BTreeMap;

use futures::future::join_all;
use ringfence_aws_double::{Fault, Faults, Lag};
use serde_json::{Value, json};

use super::account::Account;

pub(super) const ROLE: &str = r#"
resource "ringfence_aws_cross_account_role" "prod" {
  name                  = "team/ringfence-prod"
  principals            = ["arn:aws:iam::444455556666:role/ringfence-control"]
  external_id           = "7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34"
  account_id            = "123456789012"
  region                = "eu-north-1"
  stack                 = "prod"
  vpc_ids               = ["vpc-0a1b2c3d4e5f60718"]
  subnet_ids            = ["subnet-0a1b2c3d4e5f60718"]
  security_group_ids    = ["sg-0a1b2c3d4e5f60718"]
  instance_profile_name = "ringfence-node"
  instance_role_name    = "ringfence-node"
  grants                = ["backup"]
  tags                  = { owner = "security" }
}
"#;

pub(super) const PROFILE: &str = r#"
resource "ringfence_aws_instance_profile" "node" {
  name        = "ringfence-node"
  account_id  = "123456789012"
  region      = "eu-north-1"
  stack       = "prod"
  bucket_name = "example-prod-data"
  grants      = ["storage"]
}
"#;

const INVENTORY: &str = r"
iam = client('iam')
roles = {r['RoleName']: {
    'path': r['Path'],
    'trust': r['AssumeRolePolicyDocument'],
    'tags': {t['Key']: t['Value'] for t in iam.get_role(RoleName=r['RoleName'])['Role'].get('Tags', [])},
    'policies': {n: iam.get_role_policy(RoleName=r['RoleName'], PolicyName=n)['PolicyDocument']
                 for n in iam.list_role_policies(RoleName=r['RoleName'])['PolicyNames']},
    'attached': [p['PolicyArn'] for p in iam.list_attached_role_policies(RoleName=r['RoleName'])['AttachedPolicies']],
} for r in iam.list_roles()['Roles']}
managed = {p['PolicyName']: {
    'path': p['Path'],
    'document': iam.get_policy_version(PolicyArn=p['Arn'],
    VersionId=p['DefaultVersionId'])['PolicyVersion']['Document'],
    'tags': {t['Key']: t['Value'] for t in iam.get_policy(PolicyArn=p['Arn'])['Policy'].get('Tags', [])},
} for p in iam.list_policies(Scope='Local')['Policies']}
profiles = {p['InstanceProfileName']: [r['RoleName'] for r in p['Roles']]
            for p in iam.list_instance_profiles()['InstanceProfiles']}
print(json.dumps({'roles': roles, 'profiles': profiles, 'managed': managed}))
";

/// The role with its policy in managed ones.
pub(super) fn managed(role: &str) -> String {
    role.replace("  tags ", "  policy_type = \"managed\"\n  tags ")
}

pub(super) async fn inventory(account: &Account) -> Value {
    account.by_hand(INVENTORY).await
}

/// The inventory of an account with nothing in it.
pub(super) fn nothing() -> Value {
    json!({ "roles": {}, "profiles": {}, "managed": {} })
}

#[tokio::test]
async fn a_role_is_created_kept_changed_and_removed() {
    let account = Account::new().await;
    account.write(ROLE);
    account.terraform.apply(&[]).await.expect("apply");
    let there = inventory(&account).await;
    let role = &there["roles"]["ringfence-prod"];
    assert_eq!(role["path"], "/team/");
    assert_eq!(role["tags"], json!({ "ringfence:stack": "prod", "owner": "security" }));
    assert_eq!(role["policies"].as_object().unwrap().len(), 1);
    assert_eq!(
        role["trust"]["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"],
        "7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34"
    );
    let address = "ringfence_aws_cross_account_role.prod";
    let attributes = account.terraform.attributes(address).await;
    let policy: Value = serde_json::from_str(attributes["policy_json"].as_str().unwrap()).unwrap();
    assert_eq!(role["policies"]["ringfence"], policy);
    assert_eq!(attributes["arn"], "arn:aws:iam::123456789012:role/team/ringfence-prod");
    let request: Value = serde_json::from_str(attributes["request_json"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&request["control_role_name"], &request["grants"]),
        (&json!("team/ringfence-prod"), &json!(["backup"]))
    );
    assert_eq!(account.terraform.plan(&[]).await.code, 0, "an empty plan");

    account.double.forget();
    account
        .write(&ROLE.replace("[\"backup\"]", "[\"backup\", \"network_checks\"]").replace("security\"", "platform\""));
    account.terraform.apply(&[]).await.expect("a change");
    assert_eq!(account.changes(), ["iam:PutRolePolicy", "iam:TagRole"], "what differs and nothing else");
    assert_eq!(account.terraform.plan(&[]).await.code, 0);
    account.terraform.destroy(&[]).await.expect("destroy");
    assert_eq!(inventory(&account).await["roles"], json!({}));
}

#[tokio::test]
async fn a_state_from_before_request_json_plans_empty() {
    let account = Account::new().await;
    account.write(ROLE);
    account.terraform.apply(&[]).await.expect("apply");
    let request = account.terraform.attributes("ringfence_aws_cross_account_role.prod").await["request_json"].clone();
    let mut state = account.terraform.run(&["state", "pull"]).await.json();
    let attributes = state["resources"][0]["instances"][0]["attributes"].as_object_mut().unwrap();
    assert_eq!(attributes.remove("request_json"), Some(request));
    account.terraform.push(&state.to_string()).await;
    assert_eq!(account.terraform.plan(&[]).await.code, 0, "an empty plan");
}

#[tokio::test]
async fn an_instance_profile_is_created_with_its_role_and_removed_with_it() {
    let account = Account::new().await;
    account.write(PROFILE);
    account.terraform.apply(&[]).await.expect("apply");
    let there = inventory(&account).await;
    assert_eq!(there["profiles"], json!({ "ringfence-node": ["ringfence-node"] }));
    assert_eq!(
        there["roles"]["ringfence-node"]["trust"]["Statement"][0]["Principal"],
        json!({ "Service": ["ec2.amazonaws.com"] })
    );
    assert_eq!(account.terraform.plan(&[]).await.code, 0, "an empty plan");
    // Somebody takes the role out, and somebody else puts another one in.
    account
        .by_hand(
            "iam = client('iam')\n\
             iam.remove_role_from_instance_profile(InstanceProfileName='ringfence-node', RoleName='ringfence-node')\n\
             iam.create_role(RoleName='other', AssumeRolePolicyDocument='{}')\n\
             iam.add_role_to_instance_profile(InstanceProfileName='ringfence-node', RoleName='other')\n",
        )
        .await;
    assert_eq!(account.terraform.plan(&[]).await.code, 2, "it shows");
    account.terraform.apply(&[]).await.expect("put right");
    assert_eq!(inventory(&account).await["profiles"], json!({ "ringfence-node": ["ringfence-node"] }));
    assert_eq!(account.terraform.plan(&[]).await.code, 0);
    account.terraform.destroy(&[]).await.expect("destroy");
    let there = inventory(&account).await;
    assert_eq!(there["profiles"], json!({}));
    assert!(there["roles"].get("ringfence-node").is_none() && there["roles"].get("other").is_some(), "{there}");
}

#[tokio::test]
async fn after_a_fault_at_any_call_another_apply_finishes_and_destroy_leaves_nothing() {
    let account = Account::new().await;
    // One role with a managed policy, the other with an inline one.
    account.write(&format!("{}{PROFILE}", managed(ROLE)));
    account.terraform.apply(&[]).await.expect("a clean run");
    let (wanted, count) = (inventory(&account).await, account.changes().len());
    account.double.forget();
    account.terraform.destroy(&[]).await.expect("destroy");
    let removals = account.changes().len();
    assert!(count >= 4 && removals >= 4, "{count} changes, {removals} removals");
    // Each fault has an account of its own, so that all go on at once.
    let faults = [Fault::Fail, Fault::LoseAnswer, Fault::Throttle, Fault::KillCaller];
    let applies = join_all(faults.map(|fault| applies_in_spite_of(fault, count, &wanted)));
    let destroys = join_all([Fault::Fail, Fault::KillCaller].map(|fault| destroys_in_spite_of(fault, removals)));
    for failed in <[Vec<usize>; 2]>::from(tokio::join!(applies, destroys)) {
        assert!(failed.iter().sum::<usize>() >= 3, "the faults were felt: {failed:?}");
    }
}

/// Applies with this fault at each of so many changes, and again without. How often the first did not succeed.
async fn applies_in_spite_of(fault: Fault, count: usize, wanted: &Value) -> usize {
    let account = Account::new().await;
    account.write(&format!("{}{PROFILE}", managed(ROLE)));
    let mut failed = 0;
    for n in 1..=count {
        // The SDK repeats a failed call twice by itself: three in a row reach the resource.
        let at_change = (n..n + 3).map(|n| (n, fault)).collect();
        account.double.inject(Faults { at_change });
        failed += usize::from(account.terraform.apply(&[]).await.code != 0);
        account.double.inject(Faults::default());
        account.terraform.apply(&[]).await.expect("another apply");
        assert_eq!(inventory(&account).await, *wanted, "{fault:?} at change {n}");
        assert_eq!(account.terraform.plan(&[]).await.code, 0, "{fault:?} at change {n}");
        account.terraform.destroy(&[]).await.expect("destroy");
        assert_eq!(inventory(&account).await, nothing(), "{fault:?} at change {n}");
    }
    failed
}

/// Destroys with this fault at each of so many removals, and again without. How often the first did not succeed.
async fn destroys_in_spite_of(fault: Fault, removals: usize) -> usize {
    let account = Account::new().await;
    account.write(&format!("{}{PROFILE}", managed(ROLE)));
    let mut failed = 0;
    for n in 1..=removals {
        account.terraform.apply(&[]).await.expect("apply");
        let at_change = (n..n + 3).map(|n| (n, fault)).collect();
        account.double.inject(Faults { at_change });
        failed += usize::from(account.terraform.destroy(&[]).await.code != 0);
        account.double.inject(Faults::default());
        account.terraform.destroy(&[]).await.expect("another destroy");
        assert_eq!(inventory(&account).await, nothing(), "{fault:?} at removal {n}");
    }
    failed
}

#[tokio::test]
async fn a_lost_answer_to_a_creation_is_adopted_by_its_tag() {
    let account = Account::new().await;
    account.write(ROLE);
    account.double.inject(Faults { at_change: BTreeMap::from([(1, Fault::LoseAnswer)]) });
    account.terraform.apply(&[]).await.expect("the repeat finds what the first has made");
    let creations = account.changes().into_iter().filter(|action| action == "iam:CreateRole").count();
    assert_eq!(creations, 2, "AWS says that it exists, and it is ours");
    assert_eq!(account.terraform.plan(&[]).await.code, 0);
}

#[tokio::test]
async fn manual_changes_are_shown_and_another_spelling_is_not() {
    let account = Account::new().await;
    account.write(ROLE);
    account.terraform.apply(&[]).await.expect("apply");
    let policy = "iam = client('iam')\np = iam.get_role_policy(RoleName='ringfence-prod', \
        PolicyName='ringfence')['PolicyDocument']\n";
    let put = "iam.put_role_policy(RoleName='ringfence-prod', PolicyName='ringfence', PolicyDocument=json.dumps(p, \
        indent=4))\n";
    account
        .by_hand(&format!("{policy}p['Statement'].reverse()\nfor s in p['Statement']: s['Sid'] += 'x'\n{put}"))
        .await;
    assert_eq!(account.terraform.plan(&[]).await.code, 0, "it means the same");
    let changes = [
        (
            "a wider policy",
            format!(
                "{policy}p['Statement'][0]['Resource'] = '*'\np['Statement'][0]['Action'] = \
            '*'\n{put}"
            ),
        ),
        ("no policy", "client('iam').delete_role_policy(RoleName='ringfence-prod', PolicyName='ringfence')".to_owned()),
        (
            "a second policy",
            "client('iam').put_role_policy(RoleName='ringfence-prod', PolicyName='more', PolicyDocument=json.dumps(\
             {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 's3:*', 'Resource': '*'}]}))"
                .to_owned(),
        ),
        (
            "a trust in everybody",
            "client('iam').update_assume_role_policy(RoleName='ringfence-prod', PolicyDocument=json.dumps(\
             {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sts:AssumeRole', 'Principal': \
             '*'}]}))"
                .to_owned(),
        ),
        (
            "another tag",
            "client('iam').tag_role(RoleName='ringfence-prod', Tags=[{'Key': 'x', 'Value': \
            'y'}])"
                .to_owned(),
        ),
        (
            "a managed policy",
            "iam = client('iam')\n\
             arn = iam.create_policy(PolicyName='admin', PolicyDocument=json.dumps({'Version': '2012-10-17', \
             'Statement': [\
             {'Effect': 'Allow', 'Action': '*', 'Resource': '*'}]}))['Policy']['Arn']\n\
             iam.attach_role_policy(RoleName='ringfence-prod', PolicyArn=arn)"
                .to_owned(),
        ),
    ];
    for (what, script) in changes {
        account.by_hand(&script).await;
        assert_eq!(account.terraform.plan(&[]).await.code, 2, "{what} shows");
        account.terraform.apply(&[]).await.expect(what);
        assert_eq!(account.terraform.plan(&[]).await.code, 0, "{what} is put right");
    }
    let role = &inventory(&account).await["roles"]["ringfence-prod"];
    assert_eq!((&role["attached"], role["policies"].as_object().unwrap().len()), (&json!([]), 1), "{role}");
    account
        .by_hand(
            "iam = client('iam')\niam.delete_role_policy(RoleName='ringfence-prod', \
        PolicyName='ringfence')\niam.delete_role(RoleName='ringfence-prod')",
        )
        .await;
    assert_eq!(account.terraform.plan(&[]).await.code, 2, "it is gone, and is made again");
}

#[tokio::test]
async fn a_principal_that_iam_does_not_know_yet_is_waited_for_and_other_mistakes_are_not() {
    let account = Account::new().await;
    account.write(ROLE);
    account.double.delay(Lag { principal: 2, ..Lag::default() });
    account.terraform.apply(&[]).await.expect("apply");
    let creations = account.changes().into_iter().filter(|action| action == "iam:CreateRole").count();
    assert_eq!(creations, 3);
}

#[tokio::test]
async fn a_role_and_a_profile_that_iam_does_not_show_yet_are_waited_for() {
    let account = Account::new().await;
    account.write(&format!("{}{PROFILE}", managed(ROLE)));
    // Two: one for the look after the creation, one for that of the repeat.
    account.double.delay(Lag { name: 2, ..Lag::default() });
    account.terraform.apply(&[]).await.expect("apply");
    assert_eq!(account.terraform.plan(&[]).await.code, 0, "an empty plan");
    account.terraform.destroy(&[]).await.expect("destroy");
    assert_eq!(inventory(&account).await, nothing());
}

#[tokio::test]
async fn a_policy_that_is_too_long_for_a_role_is_split_into_managed_ones_that_are_removed_with_it() {
    let account = Account::new().await;
    let grants = "[\"autoscale\", \"backup\", \"load_balancer\", \"network_checks\", \"open_ports\", \"public_ip\", \
        \"resize\", \"spot\"]";
    let everything = ROLE.replace("[\"backup\"]", grants);
    account.write(&everything);
    let error = account.terraform.validate().await.expect_error("too long");
    assert!(error.contains("grants") && error.contains("set policy_type to managed"), "{error}");
    account.write(&managed(&everything));
    account.terraform.apply(&[]).await.expect("apply");
    assert_eq!(account.terraform.plan(&[]).await.code, 0, "an empty plan");
    let there = inventory(&account).await;
    let names: Vec<&String> = there["managed"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["ringfence-prod-1", "ringfence-prod-2"]);
    for policy in there["managed"].as_object().unwrap().values() {
        assert_eq!((&policy["path"], &policy["tags"]["ringfence:stack"]), (&json!("/team/"), &json!("prod")));
        assert!(policy["document"].to_string().len() <= 6_144);
    }
    let role = &there["roles"]["ringfence-prod"];
    assert_eq!((&role["policies"], role["attached"].as_array().unwrap().len()), (&json!({}), 2));
    let statements = |policy: &Value| policy["document"]["Statement"].as_array().unwrap().len();
    let whole: Value = serde_json::from_str(
        account.terraform.attributes("ringfence_aws_cross_account_role.prod").await["policy_json"].as_str().unwrap(),
    )
    .unwrap();
    let sum: usize = there["managed"].as_object().unwrap().values().map(statements).sum();
    assert_eq!(sum, whole["Statement"].as_array().unwrap().len());
    // Six changes are more than IAM keeps versions of.
    for n in 0..6 {
        account.write(&managed(&everything).replace("sg-0a1b2c3d4e5f60718", &format!("sg-0a1b2c3d4e5f6071{n}")));
        account.terraform.apply(&[]).await.expect("a change");
        assert_eq!(account.terraform.plan(&[]).await.code, 0, "change {n}");
    }
    // Fewer grants need one policy, and inline none.
    account.write(&managed(ROLE));
    account.terraform.apply(&[]).await.expect("fewer");
    assert_eq!(inventory(&account).await["managed"].as_object().unwrap().len(), 1);
    account.write(ROLE);
    account.terraform.apply(&[]).await.expect("inline");
    assert_eq!(account.terraform.plan(&[]).await.code, 0);
    let there = inventory(&account).await;
    assert_eq!((&there["managed"], &there["roles"]["ringfence-prod"]["attached"]), (&json!({}), &json!([])));
    account.write(&managed(ROLE));
    account.terraform.apply(&[]).await.expect("managed again");
    account.terraform.destroy(&[]).await.expect("destroy");
    assert_eq!(inventory(&account).await["managed"], json!({}));
}

#[tokio::test]
async fn a_stack_is_renamed_in_place_with_the_policies_of_its_role() {
    let account = Account::new().await;
    let both = format!("{}{PROFILE}", managed(ROLE));
    account.write(&both);
    account.terraform.apply(&[]).await.expect("apply");
    account
        .write(&both.replace("\"prod\"\n  vpc", "\"live\"\n  vpc").replace("\"prod\"\n  bucket", "\"live\"\n  bucket"));
    account.terraform.apply(&[]).await.expect("rename");
    assert_eq!(account.terraform.plan(&[]).await.code, 0);
    let there = inventory(&account).await;
    for role in ["ringfence-prod", "ringfence-node"] {
        assert_eq!(there["roles"][role]["tags"]["ringfence:stack"], "live", "{there}");
    }
    assert_eq!(there["managed"]["ringfence-prod-1"]["tags"]["ringfence:stack"], "live", "{there}");
    account.terraform.destroy(&[]).await.expect("destroy");
    assert_eq!(inventory(&account).await, nothing());
}

#[tokio::test]
async fn a_policy_that_was_created_and_not_attached_is_removed_with_its_role() {
    let account = Account::new().await;
    account.write(ROLE);
    account.terraform.apply(&[]).await.expect("apply");
    account.write(&managed(ROLE));
    // The policy is made, and attaching it fails.
    account.double.inject(Faults { at_change: (2..5).map(|n| (n, Fault::Fail)).collect() });
    account.terraform.apply(&[]).await.expect_error("attaching");
    account.double.inject(Faults::default());
    assert_eq!(inventory(&account).await["managed"].as_object().unwrap().len(), 1);
    account.terraform.destroy(&[]).await.expect("destroy");
    assert_eq!(inventory(&account).await, nothing());
}

#[tokio::test]
async fn added_policies_are_removed_where_both_do_not_fit() {
    let account = Account::new().await;
    account.write(ROLE);
    account.terraform.apply(&[]).await.expect("apply");
    let wanted = inventory(&account).await;
    account
        .by_hand(
            "client('iam').put_role_policy(RoleName='ringfence-prod', PolicyName='more', PolicyDocument=json.dumps(\
             {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 's3:*', 'Resource': '*'}]}))",
        )
        .await;
    account.double.inject(Faults { at_change: BTreeMap::from([(1, Fault::Refuse("LimitExceeded"))]) });
    account.terraform.apply(&[]).await.expect("apply");
    assert_eq!(account.changes().last().map(String::as_str), Some("iam:PutRolePolicy"));
    assert_eq!(inventory(&account).await, wanted);
}

#[tokio::test]
async fn what_is_known_only_when_applying_does_not_replace_the_profile_of_nodes() {
    let account = Account::new().await;
    account.write(PROFILE);
    account.terraform.apply(&[]).await.expect("apply");
    let id = |there: &Value| there["unique_id"].clone();
    let before = account.terraform.attributes("ringfence_aws_instance_profile.node").await;
    let unknown = PROFILE.replace("  account_id", "  tags = { made = terraform_data.it.id }\n  account_id");
    account.write(&format!("resource \"terraform_data\" \"it\" {{}}\n{unknown}"));
    account.terraform.apply(&[]).await.expect("apply");
    let after = account.terraform.attributes("ringfence_aws_instance_profile.node").await;
    assert_eq!((id(&after), &after["role_unique_id"]), (id(&before), &before["role_unique_id"]));
    assert_eq!(account.terraform.plan(&[]).await.code, 0);
    // Another name of the role is another role.
    account.write(&PROFILE.replace("  account_id", "  role_name = \"ringfence-other\"\n  account_id"));
    account.terraform.apply(&[]).await.expect("apply");
    assert_eq!(inventory(&account).await["profiles"], json!({ "ringfence-node": ["ringfence-other"] }));
    assert!(inventory(&account).await["roles"].get("ringfence-node").is_none());
}

#[tokio::test]
async fn what_a_failed_creation_left_is_destroyed() {
    let account = Account::new().await;
    for (configuration, refused_at) in [(ROLE.to_owned(), 2), (managed(ROLE), 3), (PROFILE.to_owned(), 4)] {
        account.write(&configuration);
        let at_change = BTreeMap::from([(refused_at, Fault::Refuse("AccessDenied"))]);
        account.double.inject(Faults { at_change });
        account.terraform.apply(&[]).await.expect_error("apply");
        account.double.inject(Faults::default());
        assert_ne!(inventory(&account).await["roles"], json!({}), "something was made");
        account.terraform.destroy(&[]).await.expect("destroy");
        assert_eq!(inventory(&account).await, nothing(), "{refused_at}");
    }
}
