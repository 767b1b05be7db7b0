//! The resources that make roles, against the double: they survive lost answers and half-made things, leave alone what is not
//! ours, and show what somebody changed by hand.

use std::collections::BTreeMap;

use ringfence_aws_double::{Fault, Faults, Lag};
use serde_json::{Value, json};

use super::account::Account;

const ROLE: &str = r#"
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

const PROFILE: &str = r#"
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
    'document': iam.get_policy_version(PolicyArn=p['Arn'], VersionId=p['DefaultVersionId'])['PolicyVersion']['Document'],
    'tags': {t['Key']: t['Value'] for t in iam.get_policy(PolicyArn=p['Arn'])['Policy'].get('Tags', [])},
} for p in iam.list_policies(Scope='Local')['Policies']}
profiles = {p['InstanceProfileName']: [r['RoleName'] for r in p['Roles']]
            for p in iam.list_instance_profiles()['InstanceProfiles']}
print(json.dumps({'roles': roles, 'profiles': profiles, 'managed': managed}))
";

/// The role with its policy in managed ones.
fn managed(role: &str) -> String {
    role.replace("  tags ", "  policy_type = \"managed\"\n  tags ")
}

async fn inventory(account: &Account) -> Value {
    account.by_hand(INVENTORY).await
}

/// Makes a role of the name that carries no tag.
const UNTAGGED: &str = "client('iam').create_role(RoleName='ringfence-prod', Path='/team/', AssumeRolePolicyDocument='{\"Statement\":[]}')";

/// The inventory of an account with nothing in it.
fn nothing() -> Value {
    json!({ "roles": {}, "profiles": {}, "managed": {} })
}

#[tokio::test]
async fn a_role_is_made_kept_changed_and_removed() {
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
async fn a_state_of_before_the_request_was_told_plans_empty() {
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
async fn an_instance_profile_is_made_with_its_role_and_removed_with_it() {
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
async fn whatever_goes_wrong_at_any_call_another_apply_finishes_and_destroy_leaves_nothing() {
    let account = Account::new().await;
    // One role with a managed policy, the other with an inline one.
    account.write(&format!("{}{PROFILE}", managed(ROLE)));
    account.terraform.apply(&[]).await.expect("a clean run");
    let (wanted, count) = (inventory(&account).await, account.changes().len());
    account.double.forget();
    account.terraform.destroy(&[]).await.expect("destroy");
    let removals = account.changes().len();
    assert!(count >= 4 && removals >= 4, "{count} changes, {removals} removals");
    let mut failed = 0;
    for fault in [Fault::Fail, Fault::LoseAnswer, Fault::Throttle, Fault::KillCaller] {
        for n in 1..=count {
            // The SDK repeats a failed call twice by itself: three in a row reach the resource.
            let at_change = (n..n + 3).map(|n| (n, fault)).collect();
            account.double.inject(Faults { at_change });
            failed += usize::from(account.terraform.apply(&[]).await.code != 0);
            account.double.inject(Faults::default());
            account.terraform.apply(&[]).await.expect("another apply");
            assert_eq!(inventory(&account).await, wanted, "{fault:?} at change {n}");
            assert_eq!(account.terraform.plan(&[]).await.code, 0, "{fault:?} at change {n}");
            account.terraform.destroy(&[]).await.expect("destroy");
            assert_eq!(inventory(&account).await, nothing(), "{fault:?} at change {n}");
        }
    }
    assert!(failed >= 3, "the faults were felt: {failed}");
    let mut failed = 0;
    for fault in [Fault::Fail, Fault::KillCaller] {
        for n in 1..=removals {
            account.terraform.apply(&[]).await.expect("apply");
            let at_change = (n..n + 3).map(|n| (n, fault)).collect();
            account.double.inject(Faults { at_change });
            failed += usize::from(account.terraform.destroy(&[]).await.code != 0);
            account.double.inject(Faults::default());
            account.terraform.destroy(&[]).await.expect("another destroy");
            assert_eq!(inventory(&account).await, nothing(), "{fault:?} at removal {n}");
        }
    }
    assert!(failed >= 3, "the faults were felt: {failed}");
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
async fn a_role_that_is_not_ours_is_left_alone_until_it_is_imported() {
    let account = Account::new().await;
    account.by_hand(UNTAGGED).await;
    let before = inventory(&account).await;
    account.write(ROLE);
    let error = account.terraform.apply(&[]).await.expect_error("apply");
    for part in [
        "exists and is not ours",
        "import {",
        "to = ringfence_aws_cross_account_role.NAME",
        "id = \"team/ringfence-prod\"",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(inventory(&account).await, before);
    let import = "import {\n  to = ringfence_aws_cross_account_role.prod\n  id = \"team/ringfence-prod\"\n}\n";
    account.write(&format!("{import}{ROLE}"));
    account.terraform.apply(&[]).await.expect("the import");
    assert_eq!(inventory(&account).await["roles"]["ringfence-prod"]["tags"]["ringfence:stack"], "prod");
    assert_eq!(account.terraform.plan(&[]).await.code, 0);
}

#[tokio::test]
async fn what_somebody_changes_by_hand_shows_and_another_spelling_does_not() {
    let account = Account::new().await;
    account.write(ROLE);
    account.terraform.apply(&[]).await.expect("apply");
    let policy = "iam = client('iam')\np = iam.get_role_policy(RoleName='ringfence-prod', PolicyName='ringfence')['PolicyDocument']\n";
    let put = "iam.put_role_policy(RoleName='ringfence-prod', PolicyName='ringfence', PolicyDocument=json.dumps(p, indent=4))\n";
    account
        .by_hand(&format!("{policy}p['Statement'].reverse()\nfor s in p['Statement']: s['Sid'] += 'x'\n{put}"))
        .await;
    assert_eq!(account.terraform.plan(&[]).await.code, 0, "it means the same");
    let changes = [
        ("a wider policy", format!("{policy}p['Statement'][0]['Resource'] = '*'\np['Statement'][0]['Action'] = '*'\n{put}")),
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
             {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sts:AssumeRole', 'Principal': '*'}]}))"
                .to_owned(),
        ),
        ("another tag", "client('iam').tag_role(RoleName='ringfence-prod', Tags=[{'Key': 'x', 'Value': 'y'}])".to_owned()),
        (
            "a managed policy",
            "iam = client('iam')\n\
             arn = iam.create_policy(PolicyName='admin', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [\
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
    account.by_hand("iam = client('iam')\niam.delete_role_policy(RoleName='ringfence-prod', PolicyName='ringfence')\niam.delete_role(RoleName='ringfence-prod')").await;
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
async fn a_policy_that_is_too_long_for_a_role_stands_in_managed_ones_that_go_with_it() {
    let account = Account::new().await;
    let grants = "[\"autoscale\", \"backup\", \"load_balancer\", \"network_checks\", \"open_ports\", \"public_ip\", \"resize\", \"spot\"]";
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
async fn another_account_and_another_path_are_told_before_anything_is_made() {
    let account = Account::new().await;
    account.write(&ROLE.replace("123456789012", "111122223333"));
    let error = account.terraform.plan(&[]).await.expect_error("another account");
    assert!(error.contains("in account 123456789012, not 111122223333"), "{error}");
    account
        .by_hand("client('iam').create_role(RoleName='ringfence-prod', AssumeRolePolicyDocument='{\"Statement\":[]}', Tags=[{'Key': 'ringfence:stack', 'Value': 'prod'}])")
        .await;
    account.write(ROLE);
    let error = account.terraform.apply(&[]).await.expect_error("another path");
    assert!(error.contains("role/ringfence-prod is there"), "{error}");
    assert_eq!(inventory(&account).await["roles"]["ringfence-prod"]["policies"], json!({}));
}

#[tokio::test]
async fn a_tag_that_is_taken_off_shows_and_what_is_not_tagged_is_not_destroyed() {
    let account = Account::new().await;
    account.write(&format!("{}{PROFILE}", managed(ROLE)));
    account.terraform.apply(&[]).await.expect("apply");
    for (what, script) in [
        ("of the role", "untag_role(RoleName='ringfence-prod', TagKeys=['ringfence:stack'])"),
        ("of the profile", "untag_instance_profile(InstanceProfileName='ringfence-node', TagKeys=['ringfence:stack'])"),
        (
            "of the profile, one more",
            "tag_instance_profile(InstanceProfileName='ringfence-node', Tags=[{'Key': 'x', 'Value': 'y'}])",
        ),
        (
            "of its policy, one more",
            "tag_policy(PolicyArn='arn:aws:iam::123456789012:policy/team/ringfence-prod-1', Tags=[{'Key': 'x', 'Value': 'y'}])",
        ),
        ("of the node role", "untag_role(RoleName='ringfence-node', TagKeys=['ringfence:stack'])"),
    ] {
        let before = inventory(&account).await;
        account.by_hand(&format!("client('iam').{script}")).await;
        assert_eq!(account.terraform.plan(&[]).await.code, 2, "the tag {what} shows");
        account.terraform.apply(&[]).await.expect(what);
        assert_eq!(account.terraform.plan(&[]).await.code, 0, "the tag {what} is put right");
        assert_eq!(inventory(&account).await, before, "{what}");
    }
    account.by_hand("client('iam').untag_role(RoleName='ringfence-prod', TagKeys=['ringfence:stack'])").await;
    let error = account.terraform.destroy(&[]).await.expect_error("destroy");
    assert!(error.contains("apply once, so that it is tagged"), "{error}");
    let there = inventory(&account).await;
    assert_eq!(
        (there["roles"].as_object().unwrap().len(), there["managed"].as_object().unwrap().len()),
        (1, 1),
        "{there}"
    );
    account.terraform.apply(&[]).await.expect("apply");
    account.terraform.destroy(&[]).await.expect("destroy");
    assert_eq!(inventory(&account).await, nothing());
}

#[tokio::test]
async fn what_is_there_already_is_told_in_the_plan() {
    let account = Account::new().await;
    account.write(&format!("{ROLE}{PROFILE}"));
    account.terraform.apply(&[]).await.expect("apply");
    // Another configuration declares the same, and this one has a role of its own replaced.
    let replaced = account.terraform.plan(&["-replace", "ringfence_aws_cross_account_role.prod"]).await;
    assert_eq!((replaced.code, replaced.stdout.contains("is there already")), (2, false), "{}", replaced.stdout);
    let kept = account.terraform.run(&["state", "pull"]).await.stdout;
    let all = account.terraform.addresses().await;
    let all: Vec<&str> = ["state", "rm"].into_iter().chain(all.iter().map(String::as_str)).collect();
    account.terraform.run(&all).await.expect("Terraform forgets them");
    let plan = account.terraform.plan(&[]).await;
    let said = plan.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for what in ["role team/ringfence-prod", "role ringfence-node", "instance profile ringfence-node"] {
        assert!(said.contains(&format!("The {what} is there already")), "{what}: {said}");
    }
    account.terraform.push(&kept).await;
    account.terraform.destroy(&[]).await.expect("destroy");

    account
        .by_hand(&format!("{UNTAGGED}\nclient('iam').create_instance_profile(InstanceProfileName='ringfence-node')"))
        .await;
    account.write(&format!("{ROLE}{PROFILE}"));
    let plan = account.terraform.plan(&[]).await;
    let said = plan.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for what in ["role team/ringfence-prod", "instance profile ringfence-node"] {
        assert!(said.contains(&format!("The {what} exists and is not ours")), "{what}: {said}");
    }
}

#[tokio::test]
async fn whose_everything_is_is_looked_at_before_anything_is_made() {
    let account = Account::new().await;
    let by_hand = "iam = client('iam')\n\
        iam.create_instance_profile(InstanceProfileName='ringfence-node')\n\
        iam.create_policy(PolicyName='ringfence-prod-1', Path='/team/', PolicyDocument='{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:ListBucket\",\"Resource\":\"*\"}]}')";
    account.by_hand(by_hand).await;
    let before = inventory(&account).await;
    account.write(PROFILE);
    let error = account.terraform.apply(&[]).await.expect_error("a profile of somebody else");
    assert!(error.contains("The instance profile ringfence-node exists and is not ours"), "{error}");
    account.write(&managed(ROLE));
    let error = account.terraform.apply(&[]).await.expect_error("a policy of somebody else");
    assert!(
        error.contains("A policy stands where the role's own would") && error.contains("policy/team/ringfence-prod-1"),
        "{error}"
    );
    assert_eq!(inventory(&account).await, before, "nothing was made");
    // Inline it is in nobody's way.
    account.write(ROLE);
    account.terraform.apply(&[]).await.expect("inline");
    account.terraform.destroy(&[]).await.expect("destroy");
    assert_eq!(inventory(&account).await, before);
}

#[tokio::test]
async fn another_role_of_the_stack_and_one_that_another_profile_holds_are_left_alone() {
    let account = Account::new().await;
    account.write(ROLE);
    account.terraform.apply(&[]).await.expect("apply");
    let before = inventory(&account).await;
    let of_control = PROFILE.replace("  account_id", "  role_name   = \"team/ringfence-prod\"\n  account_id");
    account.write(&format!("{ROLE}{of_control}"));
    let error = account.terraform.apply(&[]).await.expect_error("the control role in a profile");
    assert!(error.contains("another role of the stack prod") && error.contains("role_name"), "{error}");
    assert_eq!(inventory(&account).await, before);
    account.write(&format!("{ROLE}{PROFILE}"));
    account.terraform.apply(&[]).await.expect("apply");
    let second = PROFILE
        .replace("\"node\"", "\"second\"")
        .replace("\"ringfence-node\"", "\"ringfence-second\"\n  role_name = \"ringfence-node\"");
    account.write(&format!("{ROLE}{PROFILE}{second}"));
    let error = account.terraform.apply(&[]).await.expect_error("two profiles with one role");
    assert!(error.contains("is in the instance profile ringfence-node too"), "{error}");
    let hand = "iam = client('iam')\niam.create_instance_profile(InstanceProfileName='theirs')\n\
        iam.add_role_to_instance_profile(InstanceProfileName='theirs', RoleName='ringfence-node')";
    account.by_hand(hand).await;
    let before = inventory(&account).await;
    account.write(ROLE);
    let error = account.terraform.apply(&[]).await.expect_error("a role that is worn elsewhere");
    assert!(
        error.contains("is in the instance profile theirs too") && error.contains("nothing was changed"),
        "{error}"
    );
    assert_eq!(inventory(&account).await, before);
    account
        .by_hand(
            "client('iam').remove_role_from_instance_profile(InstanceProfileName='theirs', RoleName='ringfence-node')",
        )
        .await;
    account.terraform.apply(&[]).await.expect("now it goes");
    assert_eq!(inventory(&account).await["profiles"], json!({ "theirs": [] }));
}

#[tokio::test]
async fn a_role_of_the_same_name_that_somebody_made_anew_is_another_one() {
    let account = Account::new().await;
    account.write(ROLE);
    account.terraform.apply(&[]).await.expect("apply");
    let anew = "iam = client('iam')\niam.delete_role_policy(RoleName='ringfence-prod', PolicyName='ringfence')\niam.delete_role(RoleName='ringfence-prod')\n\
        iam.create_role(RoleName='ringfence-prod', Path='/team/', AssumeRolePolicyDocument='{\"Statement\":[]}')";
    account.by_hand(anew).await;
    let before = inventory(&account).await;
    let error = account.terraform.apply(&[]).await.expect_error("somebody else's role");
    assert!(error.contains("exists and is not ours"), "{error}");
    account.terraform.destroy(&[]).await.expect("there is nothing of ours");
    assert_eq!(inventory(&account).await, before);
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
async fn a_policy_that_was_made_and_not_attached_goes_with_its_role() {
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
async fn what_somebody_added_makes_room_where_both_do_not_fit() {
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
async fn what_was_imported_is_not_destroyed_before_it_is_tagged() {
    let account = Account::new().await;
    account.by_hand(UNTAGGED).await;
    let before = inventory(&account).await;
    account.write(ROLE);
    let import = ["import", "ringfence_aws_cross_account_role.prod", "team/ringfence-prod"];
    account.terraform.run(&import).await.expect("import");
    let error = account.terraform.destroy(&[]).await.expect_error("destroy");
    assert!(error.contains("It does not carry the stack's tag"), "{error}");
    assert_eq!(inventory(&account).await, before);
}

#[tokio::test]
async fn a_state_of_another_account_is_neither_read_nor_destroyed_here() {
    let account = Account::new().await;
    account.write(ROLE);
    account.terraform.apply(&[]).await.expect("apply");
    let before = inventory(&account).await;
    let state = account.terraform.run(&["state", "pull"]).await.stdout;
    let state = state.replace("123456789012", "111122223333").replace("\"serial\": ", "\"serial\": 9");
    account.write(&ROLE.replace("123456789012", "111122223333"));
    account.terraform.push(&state).await;
    for (what, outcome) in [
        ("plan", account.terraform.plan(&[]).await),
        ("destroy", account.terraform.destroy(&[]).await),
        ("destroy without a look", account.terraform.destroy(&["-refresh=false"]).await),
    ] {
        let error = outcome.expect_error(what);
        assert!(error.contains("in account 123456789012, not 111122223333"), "{what}: {error}");
    }
    assert_eq!(inventory(&account).await, before);
}

#[tokio::test]
async fn what_was_handed_over_to_another_stack_is_neither_taken_back_nor_destroyed() {
    let account = Account::new().await;
    account.write(&format!("{}{PROFILE}", managed(ROLE)));
    account.terraform.apply(&[]).await.expect("apply");
    let other = "Tags=[{'Key': 'ringfence:stack', 'Value': 'other'}]";
    account
        .by_hand(&format!(
            "iam = client('iam')\niam.tag_role(RoleName='ringfence-prod', {other})\niam.tag_role(RoleName='ringfence-node', {other})"
        ))
        .await;
    let before = inventory(&account).await;
    for round in 0..2 {
        assert_eq!(account.terraform.plan(&[]).await.code, 2, "it shows, round {round}");
        let error = account.terraform.apply(&[]).await.expect_error("apply");
        assert!(error.contains("exists and is not ours"), "{error}");
        let error = account.terraform.destroy(&[]).await.expect_error("destroy");
        assert!(error.contains("It does not carry the stack's tag"), "{error}");
        account.terraform.run(&["apply", "-refresh-only", "-auto-approve"]).await.expect("a look");
        assert_eq!(inventory(&account).await, before, "round {round}");
    }
}

#[tokio::test]
async fn a_policy_of_somebody_else_that_is_called_like_the_roles_own_is_never_changed() {
    let account = Account::new().await;
    account.write(ROLE);
    account.terraform.apply(&[]).await.expect("apply");
    let policy =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }] });
    let arn = "arn:aws:iam::123456789012:policy/team/ringfence-prod-1";
    let attach = format!("client('iam').attach_role_policy(RoleName='ringfence-prod', PolicyArn='{arn}')");
    account
        .by_hand(&format!(
            "client('iam').create_policy(PolicyName='ringfence-prod-1', Path='/team/', PolicyDocument='''{policy}''', \
             Tags=[{{'Key': 'owner', 'Value': 'else'}}])\n{attach}"
        ))
        .await;
    let theirs = inventory(&account).await["managed"].clone();
    assert_eq!(account.terraform.plan(&[]).await.code, 2, "it shows");
    account.terraform.apply(&[]).await.expect("it is detached");
    assert_eq!(account.terraform.plan(&[]).await.code, 0);
    let there = inventory(&account).await;
    assert_eq!((&there["managed"], &there["roles"]["ringfence-prod"]["attached"]), (&theirs, &json!([])));
    account.by_hand(&attach).await;
    account.write(&managed(ROLE));
    let error = account.terraform.apply(&[]).await.expect_error("its place is taken");
    assert!(error.contains("A policy stands where the role's own would") && error.contains(arn), "{error}");
    account.terraform.destroy(&[]).await.expect("destroy");
    let there = inventory(&account).await;
    assert_eq!((&there["managed"], &there["roles"]), (&theirs, &json!({})));
}

#[tokio::test]
async fn a_policy_of_the_roles_own_that_something_else_has_is_not_taken_from_it() {
    let account = Account::new().await;
    account.write(&managed(ROLE));
    account.terraform.apply(&[]).await.expect("apply");
    account
        .by_hand(
            "iam = client('iam')\niam.create_role(RoleName='theirs', AssumeRolePolicyDocument='{\"Statement\":[]}')\n\
             iam.attach_role_policy(RoleName='theirs', PolicyArn='arn:aws:iam::123456789012:policy/team/ringfence-prod-1')",
        )
        .await;
    let before = inventory(&account).await;
    account.write(ROLE);
    let error = account.terraform.apply(&[]).await.expect_error("inline");
    assert!(error.contains("ringfence-prod-1 is attached to theirs too"), "{error}");
    account.terraform.destroy(&[]).await.expect_error("destroy");
    assert_eq!(inventory(&account).await, before, "nothing was changed");
}

#[tokio::test]
async fn what_is_known_only_when_applying_does_not_replace_what_nodes_wear() {
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
async fn what_a_failed_creation_has_made_is_destroyed() {
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

#[tokio::test]
async fn a_plan_is_not_applied_to_what_somebody_made_anew_since() {
    let account = Account::new().await;
    account.write(ROLE);
    account.terraform.apply(&[]).await.expect("apply");
    account.write(&ROLE.replace("security\"", "platform\""));
    account.terraform.plan(&["-out", "saved"]).await;
    account
        .by_hand(
            "iam = client('iam')\niam.delete_role_policy(RoleName='ringfence-prod', PolicyName='ringfence')\n\
             iam.delete_role(RoleName='ringfence-prod')\n\
             iam.create_role(RoleName='ringfence-prod', Path='/team/', AssumeRolePolicyDocument='{\"Statement\":[]}', \
             Tags=[{'Key': 'ringfence:stack', 'Value': 'prod'}])",
        )
        .await;
    let before = inventory(&account).await;
    let error = account.terraform.run(&["apply", "-input=false", "saved"]).await.expect_error("the saved plan");
    assert!(error.contains("It is not what was planned for"), "{error}");
    assert_eq!(inventory(&account).await, before);
}

#[tokio::test]
async fn two_profiles_that_name_one_new_role_are_told_so() {
    let account = Account::new().await;
    let second = PROFILE
        .replace("\"node\"", "\"second\"")
        .replace("\"ringfence-node\"", "\"ringfence-second\"\n  role_name = \"ringfence-node\"");
    account.write(&format!("{PROFILE}{second}"));
    let error = account.terraform.apply(&[]).await.expect_error("both at once");
    assert!(error.contains("Another instance profile holds the role"), "{error}");
    assert_eq!(inventory(&account).await["profiles"].as_object().unwrap().len(), 1);
    account.terraform.destroy(&[]).await.expect("destroy");
    assert_eq!(inventory(&account).await, nothing());
}
