//! `ringfence_project_members` under the real `terraform`: exactly these, and never without a data owner.

use ringfence_api::project::{MemberRole, PutMember};
use ringfence_api::{ProjectName, UserName};
use ringfence_tests::Setup;
use ringfence_tests::hcl::CLUSTER;

fn members(all: &str) -> String {
    format!(
        r#"
        resource "ringfence_project" "fraud" {{
          cluster = ringfence_cluster.main.connection
          name    = "fraud"
        }}
        resource "ringfence_project_members" "fraud" {{
          cluster = ringfence_cluster.main.connection
          project = ringfence_project.fraud.name
          members = {{ {all} }}
        }}
        "#
    )
}

fn fraud() -> ProjectName {
    ProjectName::parse("fraud").unwrap()
}

async fn users(setup: &Setup) -> Vec<String> {
    let members = setup.operator().members(&fraud()).await.unwrap();
    members.into_iter().map(|member| format!("{} {}", member.user, member.role)).collect()
}

#[tokio::test]
async fn a_project_has_exactly_the_members_that_are_named() {
    let setup = Setup::applied(&[CLUSTER, &members(r#"alice = "data_owner", bob = "data_scientist""#)]).await;
    assert_eq!(users(&setup).await, ["alice data_owner", "bob data_scientist"]);
    assert_eq!(setup.terraform.plan(&[]).await.code, 0);
    let attributes = setup.terraform.attributes("ringfence_project_members.fraud").await;
    assert_eq!(attributes["project_users"]["bob"], "fraud__bob");

    // Somebody who was added by another way is removed, those who stay keep their identities.
    let mallory = UserName::parse("mallory").unwrap();
    let alice = UserName::parse("alice").unwrap();
    let before = setup.operator().member_credentials(&fraud(), &alice).await.unwrap();
    setup.operator().put_member(&fraud(), &mallory, &PutMember { role: MemberRole::DataScientist }).await.unwrap();
    let plan = setup.terraform.plan(&[]).await;
    assert!(plan.code == 2 && plan.stdout.contains("mallory"), "{}", plan.stdout);
    setup.terraform.apply(&[]).await.expect("apply");
    assert_eq!(users(&setup).await, ["alice data_owner", "bob data_scientist"]);
    let after = setup.operator().member_credentials(&fraud(), &alice).await.unwrap();
    assert_eq!(before.chain, after.chain);

    setup.write(&[CLUSTER, &members(r#"alice = "data_scientist", carol = "data_owner""#)]);
    setup.terraform.apply(&[]).await.expect("apply");
    assert_eq!(users(&setup).await, ["alice data_scientist", "carol data_owner"]);

    let directory = setup.sandbox.path().join("cluster").display().to_string();
    setup.terraform.run(&["state", "rm", "ringfence_project_members.fraud"]).await.expect("forget");
    let id = format!("fraud@{directory}");
    setup.terraform.run(&["import", "-no-color", "ringfence_project_members.fraud", &id]).await.expect("import");
    assert_eq!(setup.terraform.plan(&[]).await.code, 0);

    // Without the resource the data owners stay, and the project takes them with it.
    setup.write(&[CLUSTER, members("").split("resource \"ringfence_project_members\"").next().unwrap()]);
    setup.terraform.apply(&[]).await.expect("apply");
    assert_eq!(users(&setup).await, ["carol data_owner"]);
    setup.terraform.destroy(&[]).await.expect("destroy");
}

#[tokio::test]
async fn a_project_without_a_data_owner_is_refused_before_anything_is_done() {
    let setup = Setup::new(&[CLUSTER, &members(r#"bob = "data_scientist""#)]);
    let error = setup.terraform.validate().await.expect_error("no data owner");
    assert!(error.contains("must name at least one `data_owner`"), "{error}");
    setup.write(&[CLUSTER, &members("Bob = \"data_owner\", eve = \"admin\"")]);
    let error = setup.terraform.validate().await.expect_error("a bad name and a bad role");
    assert!(error.contains("members[\"Bob\"]") && error.contains("members[\"eve\"]"), "{error}");
}

#[tokio::test]
async fn terraform_test_runs_a_configuration_and_leaves_nothing() {
    let setup = Setup::new(&[CLUSTER, &members(r#"alice = "data_owner""#)]);
    let test = r#"
        run "makes_an_identity" {
          assert {
            condition     = ringfence_project_members.fraud.project_users["alice"] == "fraud__alice"
            error_message = "alice has no identity"
          }
          assert {
            condition = (
              provider::ringfence::project_user(ringfence_project.fraud.name, "alice") ==
              ringfence_project_members.fraud.project_users["alice"]
            )
            error_message = "the function disagrees"
          }
        }
        run "needs_no_change_then" {
          command = plan
          assert {
            condition     = ringfence_cluster.main.state == "running"
            error_message = "it should run"
          }
        }
    "#;
    std::fs::write(setup.sandbox.path().join("members.tftest.hcl"), test).unwrap();
    let tested = setup.terraform.run(&["test", "-no-color"]).await.expect("terraform test");
    assert!(tested.stdout.contains("2 passed, 0 failed"), "{}", tested.stdout);
    assert!(setup.sandbox.processes().is_empty(), "the cluster is gone with the test");
}
