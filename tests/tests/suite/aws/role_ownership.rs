//! The resources that create roles do not change what belongs to another stack, account or resource.

use serde_json::json;

use super::account::Account;
use super::roles::{PROFILE, ROLE, inventory, managed, nothing};

/// Makes a role of the name that carries no tag.
const UNTAGGED: &str = "client('iam').create_role(RoleName='ringfence-prod', Path='/team/', \
    AssumeRolePolicyDocument='{\"Statement\":[]}')";

#[tokio::test]
async fn a_foreign_role_is_not_changed_until_it_is_imported() {
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
async fn another_account_or_path_is_reported_before_anything_is_created() {
    let account = Account::new().await;
    account.write(&ROLE.replace("123456789012", "111122223333"));
    let error = account.terraform.plan(&[]).await.expect_error("another account");
    assert!(error.contains("in account 123456789012, not 111122223333"), "{error}");
    account
        .by_hand(
            "client('iam').create_role(RoleName='ringfence-prod', AssumeRolePolicyDocument='{\"Statement\":[]}', \
            Tags=[{'Key': 'ringfence:stack', 'Value': 'prod'}])",
        )
        .await;
    account.write(ROLE);
    let error = account.terraform.apply(&[]).await.expect_error("another path");
    assert!(error.contains("role/ringfence-prod is there"), "{error}");
    assert_eq!(inventory(&account).await["roles"]["ringfence-prod"]["policies"], json!({}));
}

#[tokio::test]
async fn a_removed_tag_is_shown_and_an_untagged_role_is_not_destroyed() {
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
            "tag_policy(PolicyArn='arn:aws:iam::123456789012:policy/team/ringfence-prod-1', Tags=[{'Key': 'x', \
                'Value': 'y'}])",
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
async fn existing_objects_are_reported_in_the_plan() {
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
async fn ownership_of_everything_is_checked_before_anything_is_created() {
    let account = Account::new().await;
    let by_hand = "iam = client('iam')\n\
        iam.create_instance_profile(InstanceProfileName='ringfence-node')\n\
        iam.create_policy(PolicyName='ringfence-prod-1', Path='/team/', \
        PolicyDocument='{\"Version\":\"2012-10-17\",\"Statement\":[{\
        \"Effect\":\"Allow\",\"Action\":\"s3:ListBucket\",\"Resource\":\"*\"}]}')";
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
async fn another_role_of_the_stack_and_one_in_another_profile_are_not_changed() {
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
    let error = account.terraform.apply(&[]).await.expect_error("a role that is in another profile");
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
async fn a_recreated_role_of_the_same_name_is_a_different_role() {
    let account = Account::new().await;
    account.write(ROLE);
    account.terraform.apply(&[]).await.expect("apply");
    let anew = "iam = client('iam')\niam.delete_role_policy(RoleName='ringfence-prod', \
        PolicyName='ringfence')\niam.delete_role(RoleName='ringfence-prod')\n\
        iam.create_role(RoleName='ringfence-prod', Path='/team/', AssumeRolePolicyDocument='{\"Statement\":[]}')";
    account.by_hand(anew).await;
    let before = inventory(&account).await;
    let error = account.terraform.apply(&[]).await.expect_error("somebody else's role");
    assert!(error.contains("exists and is not ours"), "{error}");
    account.terraform.destroy(&[]).await.expect("there is nothing of ours");
    assert_eq!(inventory(&account).await, before);
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
async fn what_was_retagged_for_another_stack_is_neither_taken_back_nor_destroyed() {
    let account = Account::new().await;
    account.write(&format!("{}{PROFILE}", managed(ROLE)));
    account.terraform.apply(&[]).await.expect("apply");
    let other = "Tags=[{'Key': 'ringfence:stack', 'Value': 'other'}]";
    account
        .by_hand(&format!(
            "iam = client('iam')\niam.tag_role(RoleName='ringfence-prod', \
                {other})\niam.tag_role(RoleName='ringfence-node', {other})"
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
async fn a_foreign_policy_with_the_name_of_the_roles_own_is_never_changed() {
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
async fn a_policy_of_the_role_that_is_attached_elsewhere_is_not_detached_there() {
    let account = Account::new().await;
    account.write(&managed(ROLE));
    account.terraform.apply(&[]).await.expect("apply");
    account
        .by_hand(
            "iam = client('iam')\niam.create_role(RoleName='theirs', AssumeRolePolicyDocument='{\"Statement\":[]}')\n\
             iam.attach_role_policy(RoleName='theirs', \
             PolicyArn='arn:aws:iam::123456789012:policy/team/ringfence-prod-1')",
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
async fn a_plan_is_not_applied_to_what_was_recreated_since() {
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
async fn two_profiles_that_name_one_new_role_are_reported() {
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
