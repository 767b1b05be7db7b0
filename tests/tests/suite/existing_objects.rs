//! A plan that shows "to add" does not change what already exists: it is refused with the import block to write, or
//! reported.

use ringfence_api::ProjectName;
use ringfence_api::project::{MemberRole, PutMember, PutProject};
use ringfence_api::{ClientError, ProblemCode, UserName};
use ringfence_tests::hcl::{CLUSTER, PROJECT, PROVIDER};
use ringfence_tests::{Sandbox, Setup, Terraform};

fn fraud() -> ProjectName {
    ProjectName::parse("fraud").unwrap()
}

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

#[tokio::test]
async fn an_existing_cluster_with_another_declaration_is_not_changed() {
    let setup = Setup::applied(&[CLUSTER]).await;
    // Another configuration, with a state of its own, that names the same directory.
    let elsewhere = Sandbox::new();
    let other = Terraform::new(elsewhere.path());
    let directory = setup.sandbox.path().join("cluster").display().to_string();
    let same = CLUSTER.replace("${path.module}/cluster", &directory);
    other.write(&(PROVIDER.to_owned() + &same.replace("count = 1", "count = 0")));
    for error in [other.plan(&[]).await.expect_error("a plan"), other.apply(&[]).await.expect_error("an apply")] {
        assert!(error.contains("It exists already") && error.contains("to = ringfence_cluster.NAME"), "{error}");
    }
    assert_eq!(setup.sandbox.processes().len(), 3, "nothing was changed");
    assert_eq!(setup.terraform.plan(&[]).await.code, 0);
    // If it is as declared, it is taken over, as after an interrupted creation, and the plan says so.
    other.write(&(PROVIDER.to_owned() + &same));
    let plan = other.plan(&[]).await;
    assert!(plan.code == 2 && plan.stdout.contains("is there already"), "{}{}", plan.stdout, plan.stderr);
    other.apply(&[]).await.expect("as it is");
    assert_eq!(setup.sandbox.processes().len(), 3);
}

#[tokio::test]
async fn an_existing_project_or_member_that_differs_is_not_changed() {
    let setup = Setup::applied(&[CLUSTER]).await;
    let operator = setup.operator();
    operator.put_project(&fraud(), &PutProject { description: "Theirs".to_owned() }).await.unwrap();
    setup.write(&[CLUSTER, &PROJECT.replace("A sandbox", "Ours")]);
    let error = setup.terraform.apply(&[]).await.expect_error("a project");
    assert!(error.contains("with another description") && error.contains("id = \"fraud\""), "{error}");
    assert_eq!(operator.project(&fraud()).await.unwrap().description, "Theirs");

    operator.put_project(&fraud(), &PutProject { description: "Ours".to_owned() }).await.unwrap();
    operator.put_member(&fraud(), &user("alice"), &PutMember { role: MemberRole::DataScientist }).await.unwrap();
    let error = setup.terraform.apply(&[]).await.expect_error("a member");
    assert!(error.contains("as data_scientist") && error.contains("id = \"fraud__alice\""), "{error}");
    assert_eq!(operator.member(&fraud(), &user("alice")).await.unwrap().role, MemberRole::DataScientist);

    // One that exists as declared counts as the result of an interrupted creation.
    operator.put_member(&fraud(), &user("alice"), &PutMember { role: MemberRole::DataOwner }).await.unwrap();
    setup.terraform.apply(&[]).await.expect("as it is");
    assert_eq!(setup.terraform.plan(&[]).await.code, 0);
}

#[tokio::test]
async fn members_that_a_creation_removes_are_named_in_the_plan() {
    let setup = Setup::applied(&[CLUSTER]).await;
    let operator = setup.operator();
    operator.put_project(&fraud(), &PutProject::default()).await.unwrap();
    for name in ["alice", "bob", "carol"] {
        operator.put_member(&fraud(), &user(name), &PutMember { role: MemberRole::DataOwner }).await.unwrap();
    }
    let members = r#"
        resource "ringfence_project_members" "fraud" {
          cluster = ringfence_cluster.main.connection
          project = "fraud"
          members = { alice = "data_owner" }
        }
    "#;
    setup.write(&[CLUSTER, members]);
    let plan = setup.terraform.plan(&[]).await;
    assert!(plan.code == 2 && plan.stdout.contains("2 members of the project are removed"), "{}", plan.stdout);
    assert!(plan.stdout.contains("bob, carol"), "{}", plan.stdout);
}

#[tokio::test]
async fn a_put_that_creates_refuses_to_change() {
    let setup = Setup::applied(&[CLUSTER]).await;
    let creating = setup.operator().creating();
    let put = |description: &str| PutProject { description: description.to_owned() };
    let code = |error: ClientError| error.code();
    creating.put_project(&fraud(), &put("one")).await.unwrap();
    creating.put_project(&fraud(), &put("one")).await.expect("a lost answer is asked for again");
    let refused = creating.put_project(&fraud(), &put("two")).await.map_err(code);
    assert_eq!(refused, Err(Some(ProblemCode::AlreadyExists)));
}
