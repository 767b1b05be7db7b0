//! Invalid input is refused at validate or plan, at its attribute, with what to do next; and nothing is lost because a
//! daemon or a token is missing.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use ringfence_tests::hcl::{CLUSTER, PROJECT, PROVIDER};
use ringfence_tests::head::{OTHER_TOKEN, TOKEN};
use ringfence_tests::{Sandbox, Setup, Terraform};

/// Each: what is replaced in the configuration, by what, and what the error must hold.
const AT_VALIDATE: &[(&str, &str, &[&str])] = &[
    ("name        = \"fraud\"", "name = \"f\"", &["with ringfence_project.fraud", "name", "2 to 24"]),
    ("name        = \"fraud\"", "name = \"a_name_of_twenty_five_char\"", &["name", "2 to 24"]),
    ("name        = \"fraud\"", "name = \"fr__aud\"", &["name", "two underscores in a row"]),
    ("name        = \"fraud\"", "name = \"_fraud\"", &["name", "begin and end with a letter or a digit"]),
    ("name        = \"fraud\"", "name = \"2024\"", &["name", "only digits"]),
    ("name        = \"fraud\"", "name = \"fr-aud\"", &["name", "may hold only letters, digits and underscores"]),
    ("name        = \"fraud\"", "name = \"MySQL\"", &["name", "reserved"]),
    ("user    = \"alice\"", "user = \"Alice\"", &["user = \"Alice\"", "lower-case"]),
    ("user    = \"alice\"", "user = \"\"", &["user", "1 to 32"]),
    ("\"data_owner\"", "\"owner\"", &["role = \"owner\"", "data_owner", "data_scientist"]),
    ("count = 1", "count = -1", &["count", "0", "1000", "worker_groups"]),
    ("count = 1", "count = 1.5", &["count", "whole number"]),
    ("workers = {", "head = {", &["worker_groups", "head"]),
    ("name                = \"accept\"", "name = \"Accept\"", &["name", "lower-case"]),
    (
        "local               =",
        "aws = { region = \"eu-north-1\" }\n local =",
        &["`aws` cannot be set together with `local`"],
    ),
    (
        "local               = { directory = \"${path.module}/cluster\" }",
        "",
        &["Missing attribute", "One of `local`, `aws`, `azure` must be set"],
    ),
    (
        "local               = { directory = \"${path.module}/cluster\" }",
        "aws = { region = \"eu-north-1\" }",
        &["target aws is not available", "Use `local`"],
    ),
    ("worker_groups ", "authority = { crl_lifetime = \"1s\" }\n worker_groups ", &["crl_lifetime", "15s"]),
    ("worker_groups ", "authority = { crl_lifetime = \"soon\" }\n worker_groups ", &["crl_lifetime", "24h"]),
    (
        "worker_groups ",
        "services = { web = { user = \"web\", node_groups = [\"gpu\"] } }\n worker_groups ",
        &["node_groups", "\"gpu\"", "neither `head` nor one of `worker_groups`"],
    ),
    ("worker_groups ", "services = { web = { user = \"Web User\" } }\n worker_groups ", &["user", "lower-case"]),
    (
        "worker_groups ",
        "services = { web = { user = \"web\", ip_addresses = [\"a\"] } }\n worker_groups ",
        &["not an IP address"],
    ),
    (
        "worker_groups ",
        "services = { web = { user = \"web\", dns_names = [\"api.ringfence.internal\"] } }\n worker_groups ",
        &["dns_names", "by which clients know the API", "no service may have it"],
    ),
    ("\"ringfence\" {}", "\"ringfence\" { token = \"short\" }", &["token", "openssl rand -hex 32", "its length is 5"]),
    ("/cluster\" }", "/cluster\", port = 70000 }", &["port", "65535"]),
];

#[tokio::test]
async fn invalid_input_is_refused_at_validate_at_its_attribute() {
    let setup = Setup::new(&[CLUSTER, PROJECT]);
    let terraform = setup.terraform.with_token(None);
    terraform.validate().await.expect("the good configuration");
    let good = format!("{PROVIDER}{CLUSTER}{PROJECT}");
    for (from, to, expected) in AT_VALIDATE {
        assert!(good.contains(from), "{from} is not in the configuration");
        terraform.write(&good.replacen(from, to, 1));
        let error = terraform.validate().await.expect_error(to);
        for part in *expected {
            assert!(error.contains(part), "{to}: the error should hold {part:?}:\n{error}");
        }
    }
}

#[tokio::test]
async fn what_only_this_machine_can_check_is_refused_at_plan() {
    let setup = Setup::new(&[CLUSTER]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let path = setup.sandbox.path().display().to_string();
    std::fs::write(setup.sandbox.path().join("a-file"), "").unwrap();
    std::fs::create_dir(setup.sandbox.path().join("full")).unwrap();
    std::fs::write(setup.sandbox.path().join("full/data.csv"), "").unwrap();
    std::fs::create_dir(setup.sandbox.path().join("open")).unwrap();
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(setup.sandbox.path().join("open"), open).unwrap();
    let is_open: &[&str] = &["directory", "/open has mode 0777", "others may write to it", "chmod go-w"];
    let cases: [(String, &[&str]); 7] = [
        (format!("directory = \"{path}/c\", port = {port}"), &["port", &port, "stop whoever uses the port"]),
        ("directory = \"/proc/ringfence\"".to_owned(), &["directory", "Nothing can be created in /proc"]),
        (format!("directory = \"{path}/a-file/cluster\""), &["directory", "is not a directory"]),
        (format!("directory = \"{path}/full\""), &["directory", "holds files that are not a cluster's"]),
        (format!("directory = \"{path}/open\""), is_open),
        (format!("directory = \"{path}/open/cluster\""), is_open),
        (format!("directory = \"{path}/c\", daemon = \"/no/such\""), &["daemon", "/no/such is not a file"]),
    ];
    for (local, expected) in cases {
        setup.write(&[&CLUSTER.replace("directory = \"${path.module}/cluster\"", &local)]);
        let error = setup.terraform.plan(&[]).await.expect_error(&local);
        for part in expected {
            assert!(error.contains(part), "{local}: the error should hold {part:?}:\n{error}");
        }
    }
    assert!(setup.sandbox.processes().is_empty());
}

#[tokio::test]
async fn a_directory_of_another_user_is_refused() {
    // Only root can give a directory away.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let setup = Setup::new(&[CLUSTER]);
    let directory = setup.sandbox.path().join("cluster");
    std::fs::create_dir(&directory).unwrap();
    std::os::unix::fs::chown(&directory, Some(4711), None).unwrap();
    let error = setup.terraform.plan(&[]).await.expect_error("a directory of another user");
    assert!(error.contains("cluster belongs to user 4711") && error.contains("this is user 0"), "{error}");
    std::os::unix::fs::chown(&directory, Some(0), None).unwrap();
    assert_eq!(setup.terraform.plan(&[]).await.code, 2);
}

#[tokio::test]
async fn a_missing_or_short_token_is_refused_at_plan_with_the_places_that_were_searched() {
    let setup = Setup::new(&[CLUSTER]);
    let error = setup.terraform.with_token(None).plan(&[]).await.expect_error("no token");
    assert!(error.contains("There is no operator token") && error.contains("RINGFENCE_TOKEN"), "{error}");
    let error = setup.terraform.with_token(Some("tooshort")).plan(&[]).await.expect_error("a short token");
    assert!(error.contains("environment variable RINGFENCE_TOKEN") && error.contains("its length is 8"), "{error}");
    assert!(!error.contains("tooshort"), "the error repeats the token: {error}");
}

#[tokio::test]
async fn a_wrong_token_is_an_authentication_error_that_names_its_origin() {
    let setup = Setup::applied(&[CLUSTER, PROJECT]).await;
    let state = setup.state_text();
    let error = setup.terraform.with_token(Some(OTHER_TOKEN)).plan(&[]).await.expect_error("a wrong token");
    assert!(error.contains("The daemon refused the operator token"), "{error}");
    assert!(error.contains("read from the environment variable RINGFENCE_TOKEN"), "{error}");
    let block = PROVIDER.replace("\"ringfence\" {}", &format!("\"ringfence\" {{ token = \"{OTHER_TOKEN}\" }}"));
    setup.terraform.write(&format!("{block}{CLUSTER}{PROJECT}"));
    let error = setup.terraform.plan(&[]).await.expect_error("a wrong token in the block");
    assert!(error.contains("read from the provider's `token` argument"), "{error}");
    assert!(!error.contains(OTHER_TOKEN) && !error.contains(TOKEN), "{error}");
    assert_eq!(setup.state_text(), state);
}

#[tokio::test]
async fn an_unreachable_daemon_is_an_error_with_address_and_time_and_nothing_leaves_the_state() {
    let setup = Setup::applied(&[CLUSTER]).await;
    // Another configuration, which knows the cluster only by its connection.
    let other = Sandbox::new();
    let terraform = Terraform::new(other.path());
    let attributes = setup.terraform.attributes("ringfence_cluster.main").await;
    let connection = attributes["connection"].to_string();
    let project = format!(
        "{PROVIDER}\nresource \"ringfence_project\" \"fraud\" {{\n name = \"fraud\"\n cluster = jsondecode({})\n}}\n",
        serde_json::to_string(&connection).unwrap()
    );
    terraform.write(&project);
    terraform.apply(&[]).await.expect("apply");
    let state = std::fs::read_to_string(other.path().join("terraform.tfstate")).unwrap();
    setup.terraform.destroy(&[]).await.expect("destroy");
    for outcome in [terraform.plan(&[]).await, terraform.apply(&[]).await, terraform.destroy(&[]).await] {
        let error = outcome.expect_error("the daemon is gone");
        let endpoint = attributes["endpoint"].as_str().unwrap();
        assert!(error.contains("The cluster's daemon does not answer"), "{error}");
        assert!(error.contains(&format!("Tried {endpoint} for 10 s")), "{error}");
    }
    assert_eq!(terraform.addresses().await, ["ringfence_project.fraud"]);
    assert_eq!(std::fs::read_to_string(other.path().join("terraform.tfstate")).unwrap(), state);
}

#[tokio::test]
async fn a_directory_of_another_cluster_is_refused() {
    let setup = Setup::applied(&[CLUSTER]).await;
    let directory = setup.sandbox.path().join("cluster").display().to_string();
    let other = Sandbox::new();
    let cluster = CLUSTER.replace("${path.module}/cluster", &directory);
    let terraform = Terraform::new(other.path());
    terraform.write(&format!("{PROVIDER}{}", cluster.replace("\"accept\"", "\"other\"")));
    let error = terraform.plan(&[]).await.expect_error("another name");
    assert!(error.contains("holds cluster accept, not other"), "{error}");
    terraform.write(&format!("{PROVIDER}{cluster}"));
    let error = terraform.with_token(Some(OTHER_TOKEN)).plan(&[]).await.expect_error("another token");
    assert!(error.contains("of another operator token"), "{error}");
}

#[tokio::test]
async fn validate_and_functions_need_neither_credentials_nor_a_daemon() {
    let sandbox = Sandbox::new();
    let terraform = Terraform::new(sandbox.path()).with_token(None);
    let output = |call: &str| format!("{PROVIDER}\noutput \"it\" {{ value = provider::ringfence::{call} }}\n");
    terraform.write(&output("project_user(\"fraud\", \"alice\")"));
    terraform.validate().await.expect("validate");
    terraform.apply(&[]).await.expect("apply");
    assert_eq!(terraform.run(&["output", "-raw", "it"]).await.stdout, "fraud__alice");
    terraform.write(&output("project_user(\"fr__aud\", \"alice\")"));
    let error = terraform.validate().await.expect_error("a bad project");
    assert!(error.contains("project") && error.contains("two underscores in a row"), "{error}");
}
