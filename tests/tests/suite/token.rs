//! A new operator token under the real `terraform`: the provider restarts the head, and the commands and the
//! configuration work with the new token.

use std::process::Command;

use ringfence_api::operator::PutOperatorKey;
use ringfence_place::process::{HEAD_CLAIM, stop};
use ringfence_tests::Setup;
use ringfence_tests::hcl::CLUSTER;
use ringfence_tests::head::{OTHER_TOKEN, token};
use ringfence_tests::sandbox::program;

#[tokio::test]
async fn terraform_and_the_commands_go_on_with_the_new_token_after_a_restart_of_the_head() {
    let setup = Setup::applied(&[CLUSTER]).await;
    let put = PutOperatorKey { public_key: token(OTHER_TOKEN).key().public() };
    setup.operator().put_operator_key(&put).await.unwrap();
    let head = setup.sandbox.path().join("cluster/head");
    stop(&head, HEAD_CLAIM, std::time::Duration::from_secs(5)).await.unwrap();
    // The head is down, so only the directory says whose it is: both tokens are good, and the new one takes over.
    let terraform = setup.terraform.with_token(Some(OTHER_TOKEN));
    terraform.apply(&[]).await.expect("apply with the new token");
    let plan = terraform.plan(&[]).await;
    assert_eq!(plan.code, 0, "{}{}", plan.stdout, plan.stderr);
    let error = setup.terraform.plan(&[]).await.expect_error("the old token");
    assert!(error.contains("this operator token was replaced by another one at"), "{error}");
    let mut command = Command::new(program("ringfenced"));
    command.args(["login", "--cluster"]).arg(setup.sandbox.path().join("cluster"));
    let output = command.env("RINGFENCE_TOKEN", OTHER_TOKEN).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A change of the configuration that starts the head anew, too.
    setup.write(&[&CLUSTER.replace("count = 1", "count = 0")]);
    stop(&head, HEAD_CLAIM, std::time::Duration::from_secs(5)).await.unwrap();
    terraform.apply(&[]).await.expect("apply after another stop");
    terraform.destroy(&[]).await.expect("destroy");
    assert!(setup.sandbox.processes().is_empty());
}
