//! Credentials that pass through the real `terraform` and stay nowhere: ephemeral certificates and tokens, write-only
//! arguments, and a provider that acts as a project user.

use ringfence_api::authority::route::LIST_CERTIFICATES;
use ringfence_api::certificate::{Certificate, CertificateHolder};
use ringfence_api::inspect::AuditEntry;
use ringfence_api::inspect::route::LIST_AUDIT;
use ringfence_api::{ProjectName, UserName};
use ringfence_tests::Setup;
use ringfence_tests::hcl::{CLUSTER, PROJECT};
use ringfence_tests::head::{OTHER_TOKEN, TOKEN};

const AS_ALICE: &str = r#"
ephemeral "ringfence_certificate" "alice" {
  cluster      = ringfence_cluster.main.connection
  project_user = ringfence_project_member.alice.project_user
  lifetime     = "10m"
}
provider "ringfence" {
  alias       = "alice"
  cluster     = ringfence_cluster.main.connection
  certificate = ephemeral.ringfence_certificate.alice.certificate
  private_key = ephemeral.ringfence_certificate.alice.private_key
}
"#;

const BOB: &str = r#"
resource "ringfence_project_member" "bob" {
  provider = ringfence.alice
  project  = "fraud"
  user     = "bob"
  role     = "data_scientist"
}
"#;

/// Every file that Terraform has left.
fn left_by_terraform(setup: &Setup) -> String {
    let files = std::fs::read_dir(setup.sandbox.path()).unwrap().flatten();
    let files = files.filter(|file| file.file_type().is_ok_and(|kind| kind.is_file()));
    let texts = files.filter(|file| !file.file_name().to_string_lossy().ends_with(".tf"));
    texts.map(|file| String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()).into_owned()).collect()
}

#[tokio::test]
async fn a_data_owner_manages_members_with_a_certificate_that_ends_with_the_run() {
    let setup = Setup::applied(&[CLUSTER, PROJECT, AS_ALICE, BOB]).await;
    let plan = setup.terraform.plan(&["-out=plan"]).await;
    assert_eq!(plan.code, 0, "{}{}", plan.stdout, plan.stderr);

    let audit: Vec<AuditEntry> = setup.operator().list(&LIST_AUDIT, "").await.unwrap();
    let added =
        audit.iter().find(|row| row.action == "put_member" && row.object == "fraud__bob").expect("bob was added");
    assert_eq!(added.actor, "project_user/fraud__alice");
    let issued = issued(&setup).await;
    assert!(issued.len() >= 2, "one for the apply and one for the plan");
    assert!(issued.iter().all(|one| one.common_name == "fraud__alice" && one.revoked_at.is_some()));
    let left = left_by_terraform(&setup);
    assert!(left.contains("ringfence_project_member") && !left.contains("PRIVATE KEY"));

    setup.write(&[CLUSTER, PROJECT, AS_ALICE]);
    setup.terraform.apply(&[]).await.expect("removing bob as alice");
    setup.terraform.destroy(&[]).await.expect("destroy");
    assert!(setup.sandbox.processes().is_empty());
}

/// Those that callers made keys for.
async fn issued(setup: &Setup) -> Vec<Certificate> {
    let certificates: Vec<Certificate> = setup.operator().list(&LIST_CERTIFICATES, "").await.unwrap();
    certificates.into_iter().filter(|one| one.holder == CertificateHolder::Caller).collect()
}

#[tokio::test]
async fn a_certificate_waits_for_its_member_in_an_existing_cluster() {
    let setup = Setup::applied(&[CLUSTER]).await;
    setup.write(&[CLUSTER, PROJECT, AS_ALICE, BOB]);
    setup.terraform.apply(&[]).await.expect("everything else at once");
    assert_eq!(setup.terraform.plan(&[]).await.code, 0);
    // Also when the member was removed behind Terraform's back.
    let (fraud, alice) = (ProjectName::parse("fraud").unwrap(), UserName::parse("alice").unwrap());
    setup.operator().delete_member(&fraud, &alice).await.unwrap();
    setup.terraform.apply(&["-target=ringfence_project_member.alice"]).await.expect("alice again");
    assert_eq!(setup.terraform.plan(&[]).await.code, 0);
}

#[tokio::test]
async fn a_stopped_cluster_is_started_although_a_certificate_is_requested_from_it() {
    let setup = Setup::applied(&[CLUSTER, PROJECT, AS_ALICE, BOB]).await;
    let stopped = CLUSTER.replace("worker_groups", "running = false\n  worker_groups");
    setup.write(&[&stopped, PROJECT, AS_ALICE, BOB]);
    setup.terraform.apply(&[]).await.expect("stop");
    assert!(setup.sandbox.processes().is_empty());
    assert_eq!(setup.terraform.plan(&[]).await.code, 0, "a stopped cluster is as declared");
    setup.write(&[CLUSTER, PROJECT, AS_ALICE, BOB]);
    setup.terraform.apply(&[]).await.expect("start");
    assert_eq!(setup.terraform.plan(&[]).await.code, 0);
    setup.terraform.destroy(&[]).await.expect("everything at once, the certificate's cluster too");
    assert!(setup.sandbox.processes().is_empty());
}

#[tokio::test]
async fn a_certificate_ends_with_the_run_also_when_the_run_fails() {
    let setup = Setup::applied(&[CLUSTER, PROJECT, AS_ALICE]).await;
    // Only the operator may read the cluster.
    let refused = "data \"ringfence_cluster\" \"main\" {\n  provider = ringfence.alice\n}\n";
    setup.write(&[CLUSTER, PROJECT, AS_ALICE, refused]);
    let error = setup.terraform.plan(&[]).await.expect_error("as alice");
    assert!(error.contains("only the operator may do this"), "{error}");
    let issued = issued(&setup).await;
    assert!(issued.len() >= 2 && issued.iter().all(|one| one.revoked_at.is_some()), "{issued:?}");
}

#[tokio::test]
async fn an_invalid_certificate_is_reported_at_the_provider_block() {
    let setup = Setup::new(&[CLUSTER, PROJECT]);
    let alias = |material: &str| format!("provider \"ringfence\" {{\n  alias = \"x\"\n  {material}\n}}\n");
    setup.terraform.apply(&[]).await.expect("apply");
    let project = "data \"ringfence_cluster\" \"x\" {\n  provider = ringfence.x\n  directory = \"cluster\"\n}\n";
    setup.write(&[CLUSTER, PROJECT, &alias("certificate = \"x\"\n  private_key = \"y\""), project]);
    let error = setup.terraform.plan(&[]).await.expect_error("no PEM");
    assert!(error.contains("The provider's certificate cannot be used"), "{error}");
    let (fraud, alice) = (ProjectName::parse("fraud").unwrap(), UserName::parse("alice").unwrap());
    let credentials = setup.operator().member_credentials(&fraud, &alice).await.unwrap();
    let other = ringfence_pki::PrivateKey::generate().unwrap().to_pem();
    std::fs::write(setup.sandbox.path().join("one.pem"), credentials.chain).unwrap();
    std::fs::write(setup.sandbox.path().join("other.key"), other.as_bytes()).unwrap();
    let files = "certificate = file(\"one.pem\")\n  private_key = file(\"other.key\")";
    setup.write(&[CLUSTER, PROJECT, &alias(files), project]);
    let error = setup.terraform.plan(&[]).await.expect_error("two that do not belong together");
    assert!(error.contains("do not belong together"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_outlives_the_run_is_not_revoked() {
    let keep = r#"
        ephemeral "ringfence_certificate" "alice" {
          cluster         = ringfence_cluster.main.connection
          project         = ringfence_project_member.alice.project
          user            = ringfence_project_member.alice.user
          revoke_on_close = false
          lifecycle {
            postcondition {
              condition     = startswith(self.certificate, "-----BEGIN CERTIFICATE-----")
              error_message = "no certificate"
            }
          }
        }
    "#;
    let setup = Setup::applied(&[CLUSTER, PROJECT, keep]).await;
    let issued = issued(&setup).await;
    assert!(!issued.is_empty() && issued.iter().all(|one| one.revoked_at.is_none()));
}

#[tokio::test]
async fn a_data_owner_cannot_leave_by_an_apply_of_its_own() {
    let setup = Setup::applied(&[CLUSTER, PROJECT, AS_ALICE, BOB]).await;
    let others = r#"
        resource "ringfence_project_members" "fraud" {
          provider = ringfence.alice
          project  = "fraud"
          members  = { carol = "data_owner" }
        }
    "#;
    setup.write(&[CLUSTER, PROJECT, AS_ALICE, others]);
    let error = setup.terraform.apply(&[]).await.expect_error("alice removes herself");
    assert!(error.contains("alice"), "{error}");
}

#[tokio::test]
async fn a_token_is_for_one_audience_and_stays_nowhere() {
    let token = r#"
        ephemeral "ringfence_token" "alice" {
          cluster  = ringfence_cluster.main.connection
          project  = ringfence_project_member.alice.project
          user     = ringfence_project_member.alice.user
          audience = "query"
          lifetime = "5m"
          lifecycle {
            postcondition {
              condition     = length(split(".", self.token)) == 3 && startswith(self.token, "eyJ")
              error_message = "no token"
            }
          }
        }
    "#;
    let setup = Setup::applied(&[CLUSTER, PROJECT, token]).await;
    assert_eq!(setup.terraform.plan(&["-out=plan"]).await.code, 0);
    let audit: Vec<AuditEntry> = setup.operator().list(&LIST_AUDIT, "").await.unwrap();
    assert!(audit.iter().any(|row| row.object == "fraud__alice" && row.action.contains("token")), "{audit:?}");
    assert!(!left_by_terraform(&setup).contains("eyJhbGci"), "a token was stored");
    setup.write(&[CLUSTER, PROJECT, &token.replace("\"5m\"", "\"500h\"")]);
    let error = setup.terraform.plan(&[]).await.expect_error("a token for weeks");
    assert!(error.contains("lifetime"), "{error}");
}

#[tokio::test]
async fn another_operator_token_goes_in_by_a_write_only_argument() {
    let with = |version: &str| {
        let token = format!("operator_token_wo = var.next\n  operator_token_wo_version = {version:?}\n  worker_groups");
        let variable = "variable \"next\" {\n  type      = string\n  ephemeral = true\n}\n";
        variable.to_owned() + &CLUSTER.replacen("worker_groups", &token, 1)
    };
    let next = format!("-var=next={OTHER_TOKEN}");
    let setup = Setup::new(&[&with("1")]);
    setup.terraform.apply(&[&next]).await.expect("apply");
    assert_eq!(
        setup.terraform.plan(&[&next, "-out=plan"]).await.code,
        0,
        "the old token is good until the new one is used"
    );
    let left = left_by_terraform(&setup);
    assert!(left.contains("operator_token_wo_version") && !left.contains(OTHER_TOKEN) && !left.contains(TOKEN));

    let successor = setup.terraform.with_token(Some(OTHER_TOKEN));
    assert_eq!(successor.plan(&[&next]).await.code, 0);
    let error = setup.terraform.plan(&[&next]).await.expect_error("the old token");
    assert!(error.contains("replaced by another one"), "{error}");
    // Another value under the same version is no change; a new version is.
    let again = format!("-var=next={TOKEN}");
    assert_eq!(successor.plan(&[&again]).await.code, 0);
    setup.write(&[&with("2")]);
    successor.apply(&[&again]).await.expect("back to the first token");
    setup.terraform.apply(&[&again]).await.expect("with the first token");

    setup.write(&[&with("3").replacen("var.next", "null", 1)]);
    let error = setup.terraform.plan(&[&next]).await.expect_error("a version without a token");
    assert!(error.contains("There is no operator token to give to the cluster"), "{error}");

    setup.write(&[&with("3").replace("worker_groups", "running = false\n  worker_groups")]);
    let error = setup.terraform.plan(&[&next]).await.expect_error("a stopped cluster");
    assert!(error.contains("A stopped cluster cannot be given another operator token"), "{error}");
}
