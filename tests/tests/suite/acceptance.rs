//! The provider under the real `terraform`: the life of each resource in the order of a user, drift, and import.

use std::path::Path;

use ringfence_api::cluster::WorkerGroup;
use ringfence_api::project::{MemberRole, PutMember};
use ringfence_api::{ProjectName, UserName};
use ringfence_tests::hcl::{CLUSTER, PROJECT, PROVIDER, REQUIRED_PROVIDERS};
use ringfence_tests::head::{TOKEN, connection_of};
use ringfence_tests::{Sandbox, Setup, Terraform};
use serde_json::{Value, json};

fn fraud() -> ProjectName {
    ProjectName::parse("fraud").unwrap()
}

fn alice() -> UserName {
    UserName::parse("alice").unwrap()
}

async fn no_changes(terraform: &Terraform, more: &[&str]) {
    let plan = terraform.plan(more).await;
    assert_eq!(plan.code, 0, "the plan should be empty:\n{}{}", plan.stdout, plan.stderr);
}

#[tokio::test]
async fn the_life_of_a_cluster_a_project_and_a_member() {
    let setup = Setup::new(&[CLUSTER, PROJECT]);
    let terraform = &setup.terraform;
    terraform.validate().await.expect("validate");
    assert_eq!(terraform.plan(&[]).await.code, 2);
    terraform.apply(&[]).await.expect("apply");
    no_changes(terraform, &["-refresh=false"]).await;
    no_changes(terraform, &[]).await;
    // Its exit code says 2 with any provider (hashicorp/terraform issue 36403); its words are right.
    let refreshed = terraform.plan(&["-refresh-only"]).await;
    assert!(refreshed.stdout.contains("No changes."), "{}", refreshed.stdout);
    let again = terraform.apply(&[]).await.expect("a second apply");
    assert!(again.stdout.contains("0 added, 0 changed, 0 destroyed"), "{}", again.stdout);

    let state = setup.state_text();
    assert!(!state.contains(TOKEN) && !state.contains("PRIVATE KEY"), "the state holds a secret");

    // Something is removed behind Terraform's back; the plan shows it, and apply puts it right.
    setup.operator().delete_member(&fraud(), &alice()).await.unwrap();
    assert_eq!(terraform.plan(&[]).await.code, 2);
    terraform.apply(&[]).await.expect("apply after a member vanished");
    setup.operator().member(&fraud(), &alice()).await.unwrap();
    setup.operator().delete_project(&fraud()).await.unwrap();
    terraform.apply(&[]).await.expect("apply after a project vanished");
    setup.operator().member(&fraud(), &alice()).await.unwrap();
    no_changes(terraform, &[]).await;

    terraform.destroy(&[]).await.expect("destroy");
    assert!(setup.sandbox.processes().is_empty());
    assert!(!setup.sandbox.path().join("cluster").exists());
    assert!(terraform.addresses().await.is_empty());
}

#[tokio::test]
async fn changes_are_made_in_place_where_they_can_be() {
    let setup = Setup::applied(&[CLUSTER, PROJECT]).await;
    let id = setup.terraform.attributes("ringfence_cluster.main").await["id"].clone();
    let head = |setup: &Setup| {
        let processes = setup.sandbox.processes();
        processes.into_iter().find(|(directory, _)| directory.ends_with("head")).map(|(_, identity)| identity)
    };
    let head_before = head(&setup);
    let serial = setup.operator().member_credentials(&fraud(), &alice()).await.unwrap().serial;

    // More workers, a service, another role, another description: nothing is replaced.
    let cluster = CLUSTER.replace(
        "count = 1 } }",
        "count = 2 }, gpu = { count = 1 } }\n services = { web = { user = \"web\" } }\n \
         authority = { crl_lifetime = \"2d\" }",
    );
    let members = PROJECT.replace("data_owner", "data_scientist").replace("A sandbox", "Another");
    setup.write(&[&cluster, &members]);
    let changed = setup.terraform.apply(&[]).await.expect("apply");
    assert!(changed.stdout.contains("0 added, 3 changed, 0 destroyed"), "{}", changed.stdout);
    no_changes(&setup.terraform, &[]).await;
    let attributes = setup.terraform.attributes("ringfence_cluster.main").await;
    assert_eq!(attributes["id"], id);
    let nodes: Vec<&str> = attributes["nodes"].as_array().unwrap().iter().filter_map(|n| n["name"].as_str()).collect();
    assert_eq!(nodes, ["head", "gpu-0", "workers-0", "workers-1"]);
    assert_eq!(setup.sandbox.processes().len(), 5);
    assert_eq!(head(&setup), head_before, "the head was not restarted");
    // A role is not identity: the certificate is the same.
    assert_eq!(setup.operator().member_credentials(&fraud(), &alice()).await.unwrap().serial, serial);

    // And fewer.
    setup.write(&[&CLUSTER.replace("worker_groups       = { workers = { count = 1 } }", ""), &members]);
    setup.terraform.apply(&[]).await.expect("apply");
    no_changes(&setup.terraform, &[]).await;
    assert_eq!(setup.sandbox.processes().len(), 2);
}

#[tokio::test]
async fn drift_of_the_declaration_is_shown_and_corrected() {
    let setup = Setup::applied(&[CLUSTER]).await;
    let client = setup.operator();
    let mut declared = client.cluster().await.unwrap().declared;
    declared.worker_groups.values_mut().for_each(|group| *group = WorkerGroup { count: 2 });
    client.put_cluster(&declared).await.unwrap();
    let plan = setup.terraform.plan(&[]).await;
    assert_eq!(plan.code, 2, "{}", plan.stdout);
    assert!(plan.stdout.contains("count = 2 -> 1"), "{}", plan.stdout);
    setup.terraform.apply(&[]).await.expect("apply");
    no_changes(&setup.terraform, &[]).await;
}

#[tokio::test]
async fn drift_among_many_members_is_shown_and_corrected() {
    // More than are asked for one by one.
    let many = r#"
resource "ringfence_project" "fraud" {
  name    = "fraud"
  cluster = ringfence_cluster.main.connection
}

resource "ringfence_project_member" "all" {
  count   = 40
  cluster = ringfence_cluster.main.connection
  project = ringfence_project.fraud.name
  user    = "user_${count.index}"
  role    = "data_scientist"
}
"#;
    let setup = Setup::applied(&[CLUSTER, many]).await;
    no_changes(&setup.terraform, &[]).await;
    let operator = setup.operator();
    let who = |name: &str| UserName::parse(name).unwrap();
    let put = |role| PutMember { role };
    operator.delete_member(&fraud(), &who("user_7")).await.unwrap();
    operator.put_member(&fraud(), &who("user_33"), &put(MemberRole::DataOwner)).await.unwrap();
    // One that is not declared is left alone.
    operator.put_member(&fraud(), &who("guest"), &put(MemberRole::DataOwner)).await.unwrap();
    let planned = setup.terraform.plan(&[]).await;
    assert!(planned.stdout.contains("1 to add, 1 to change, 0 to destroy"), "{}", planned.stdout);
    let applied = setup.terraform.apply(&[]).await.expect("apply");
    assert!(applied.stdout.contains("1 added, 1 changed, 0 destroyed"), "{}", applied.stdout);
    no_changes(&setup.terraform, &[]).await;
    let members = operator.members(&fraud()).await.unwrap();
    assert_eq!(members.len(), 41);
    let owners = members.iter().filter(|member| member.role == MemberRole::DataOwner);
    assert_eq!(owners.map(|member| member.user.as_str()).collect::<Vec<_>>(), ["guest"]);
}

#[tokio::test]
async fn every_resource_is_imported_as_it_was_applied() {
    let setup = Setup::new(&[CLUSTER, PROJECT]);
    let terraform = &setup.terraform;
    terraform.apply(&[]).await.expect("apply");
    let directory = setup.sandbox.path().join("cluster").display().to_string();
    let absolute = CLUSTER.replace("${path.module}/cluster", &directory);
    setup.write(&[&absolute, PROJECT]);
    // Only the spelling of the directory differs, which would mean another cluster: forget, and import it so.
    let ids = [
        ("ringfence_cluster.main", directory.clone()),
        ("ringfence_project.fraud", format!("fraud@{directory}")),
        ("ringfence_project_member.alice", format!("fraud__alice@{directory}")),
    ];
    let mut before = Vec::new();
    for (address, _) in &ids {
        before.push(terraform.attributes(address).await);
        terraform.run(&["state", "rm", address]).await.expect("state rm");
    }
    for ((address, id), before) in ids.iter().zip(before) {
        terraform.run(&["import", "-no-color", address, id]).await.expect("import");
        let after = terraform.attributes(address).await;
        assert_eq!(comparable(before), comparable(after), "{address}");
    }
    // What an import cannot know is taken over by one apply, which changes nothing else.
    let plan = terraform.plan(&[]).await;
    assert!(plan.code == 2 && plan.stdout.contains("0 to add, 1 to change, 0 to destroy"), "{}", plan.stdout);
    terraform.apply(&[]).await.expect("apply");
    no_changes(terraform, &[]).await;
}

/// Without what an import cannot know: the spelling of the directory, and what exists only in configuration.
fn comparable(mut attributes: Value) -> Value {
    if let Some(object) = attributes.as_object_mut() {
        object.remove("deletion_protection");
        if let Some(local) = object.get_mut("local").and_then(Value::as_object_mut) {
            local.remove("directory");
        }
    }
    attributes
}

#[tokio::test]
async fn another_spelling_of_the_directory_is_the_same_cluster() {
    let setup = Setup::applied(&[CLUSTER]).await;
    let directory = setup.sandbox.path().join("cluster").display().to_string();
    setup.write(&[&CLUSTER.replace("${path.module}/cluster", &directory)]);
    let applied = setup.terraform.apply(&[]).await.expect("apply");
    assert!(applied.stdout.contains("0 added, 1 changed, 0 destroyed"), "{}", applied.stdout);
    no_changes(&setup.terraform, &[]).await;
}

#[tokio::test]
async fn import_blocks_work_too() {
    let setup = Setup::applied(&[CLUSTER, PROJECT]).await;
    setup.terraform.run(&["state", "rm", "ringfence_project_member.alice"]).await.expect("state rm");
    let directory = setup.sandbox.path().join("cluster").display().to_string();
    let block = format!("import {{\n to = ringfence_project_member.alice\n id = \"fraud__alice@{directory}\"\n}}\n");
    setup.write(&[CLUSTER, PROJECT, &block]);
    let applied = setup.terraform.apply(&[]).await.expect("apply");
    assert!(applied.stdout.contains("1 imported, 0 added, 0 changed, 0 destroyed"), "{}", applied.stdout);
}

#[tokio::test]
async fn the_providers_cluster_is_the_default() {
    let setup = Setup::applied(&[CLUSTER]).await;
    let other = Sandbox::new();
    let terraform = Terraform::new(other.path());
    let directory = setup.sandbox.path().join("cluster").display().to_string();
    let configuration = |rest: &str| {
        REQUIRED_PROVIDERS.to_owned()
            + &format!(
                "data \"ringfence_cluster\" \"main\" {{\n provider = ringfence.finder\n \
                 directory = \"{directory}\"\n}}\n\
                 provider \"ringfence\" {{ alias = \"finder\" }}\n\
                 provider \"ringfence\" {{ cluster = data.ringfence_cluster.main.connection }}\n"
            )
            + rest
    };
    terraform.write(&configuration(
        "resource \"ringfence_project\" \"churn\" { name = \"churn\" }\n\
         output \"nodes\" { value = [for node in data.ringfence_cluster.main.nodes : node.name] }\n",
    ));
    terraform.apply(&[]).await.expect("apply");
    no_changes(&terraform, &[]).await;
    let outputs = terraform.run(&["output", "-json"]).await.json();
    assert_eq!(outputs["nodes"]["value"], json!(["head", "workers-0"]));
    // Imported by its bare name.
    terraform.run(&["state", "rm", "ringfence_project.churn"]).await.expect("state rm");
    terraform.run(&["import", "-no-color", "ringfence_project.churn", "churn"]).await.expect("import");
    no_changes(&terraform, &[]).await;
    terraform.destroy(&[]).await.expect("destroy");
    assert!(setup.operator().project(&ProjectName::parse("churn").unwrap()).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_stopped_cluster_keeps_everything_and_is_planned_without_errors() {
    let setup = Setup::applied(&[CLUSTER, PROJECT]).await;
    let serial = setup.operator().member_credentials(&fraud(), &alice()).await.unwrap().serial;
    let stopped = CLUSTER.replace("deletion_protection", "running = false\n deletion_protection");
    setup.write(&[&stopped, PROJECT]);
    setup.terraform.apply(&[]).await.expect("stopping");
    assert!(setup.sandbox.processes().is_empty());
    assert_eq!(setup.terraform.attributes("ringfence_cluster.main").await["state"], "stopped");
    no_changes(&setup.terraform, &[]).await;
    setup.write(&[CLUSTER, PROJECT]);
    setup.terraform.apply(&[]).await.expect("starting");
    no_changes(&setup.terraform, &[]).await;
    assert_eq!(setup.operator().member_credentials(&fraud(), &alice()).await.unwrap().serial, serial);
    assert_eq!(setup.sandbox.processes().len(), 3);
}

#[tokio::test]
async fn a_cluster_may_be_declared_stopped_from_the_start() {
    let stopped = CLUSTER.replace("deletion_protection", "running = false\n deletion_protection");
    let setup = Setup::applied(&[&stopped]).await;
    no_changes(&setup.terraform, &[]).await;
    assert!(setup.sandbox.processes().is_empty());
    setup.write(&[CLUSTER]);
    setup.terraform.apply(&[]).await.expect("starting");
    assert_eq!(setup.sandbox.processes().len(), 3);
    setup.terraform.destroy(&[]).await.expect("destroy");
}

#[tokio::test]
async fn the_first_authorities_are_already_as_declared() {
    let declared = CLUSTER.replace(
        "  worker_groups",
        "  authority = { authority_key_algorithm = \"ecdsa_p384\", intermediate_lifetime = \"100d\", \
         root_lifetime = \"300d\", crl_shards = 2 }\n  worker_groups",
    );
    let setup = Setup::applied(&[&declared]).await;
    let all = setup.operator().authorities().await.unwrap();
    assert_eq!(all.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["projects-1", "root-1", "services-1"]);
    for one in &all {
        // Whatever is signed begins a little before it is made, for clocks that are late.
        let days = (one.not_after.duration_since(one.created_at).as_hours() + 12) / 24;
        assert_eq!(days, if one.id == "root-1" { 300 } else { 100 }, "{}", one.id);
    }
    let connection = connection_of(&setup.sandbox.path().join("cluster")).unwrap();
    let root = &ringfence_pki::pem_certificates(&connection.ca_certificate).unwrap()[0];
    let facts = ringfence_pki::CertificateFacts::read(root).unwrap();
    assert_eq!(facts.key_algorithm, Some(ringfence_api::cluster::KeyAlgorithm::EcdsaP384));
    no_changes(&setup.terraform, &[]).await;
    setup.terraform.destroy(&[]).await.expect("destroy");
}

#[tokio::test]
async fn a_protected_cluster_is_neither_destroyed_nor_replaced() {
    let setup = Setup::applied(&[&CLUSTER.replace("deletion_protection = false", "")]).await;
    let error = setup.terraform.destroy(&[]).await.expect_error("destroy");
    assert!(error.contains("The cluster is protected from deletion"), "{error}");
    setup.write(&[&CLUSTER.replace("deletion_protection = false", "").replace("\"accept\"", "\"renamed\"")]);
    let error = setup.terraform.plan(&[]).await.expect_error("replacing");
    assert!(error.contains("This change replaces the cluster"), "{error}");
    setup.write(&[&CLUSTER.replace("deletion_protection = false", "")]);
    let error = setup.terraform.apply(&["-replace=ringfence_cluster.main"]).await.expect_error("-replace");
    assert!(error.contains("The cluster is protected from deletion"), "{error}");
    crate::nodes::ready(&setup.operator(), 2).await;
    setup.write(&[CLUSTER]);
    setup.terraform.apply(&[]).await.expect("lifting the protection");
    setup.terraform.destroy(&[]).await.expect("destroy");
}

#[tokio::test]
async fn a_stopped_cluster_is_imported_and_may_move_to_another_port() {
    let stopped = CLUSTER.replace("deletion_protection", "running = false\n deletion_protection");
    let setup = Setup::applied(&[&stopped]).await;
    setup.terraform.run(&["state", "rm", "ringfence_cluster.main"]).await.expect("state rm");
    let directory = setup.sandbox.path().join("cluster").display().to_string();
    let stopped = stopped.replace("${path.module}/cluster", &directory);
    setup.write(&[&stopped]);
    setup.terraform.run(&["import", "-no-color", "ringfence_cluster.main", &directory]).await.expect("import");
    setup.terraform.apply(&[]).await.expect("taking over");
    no_changes(&setup.terraform, &[]).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let moved = stopped.replace(&format!("\"{directory}\" }}"), &format!("\"{directory}\", port = {free} }}"));
    setup.write(&[&moved]);
    setup.terraform.apply(&[]).await.expect("another port for the next start");
    no_changes(&setup.terraform, &[]).await;
    setup.write(&[&moved.replace("running = false", "")]);
    setup.terraform.apply(&[]).await.expect("starting");
    no_changes(&setup.terraform, &[]).await;
    assert_eq!(setup.operator().connection().endpoint, format!("https://127.0.0.1:{free}"));
    crate::nodes::ready(&setup.operator(), 2).await;
}

#[tokio::test]
async fn a_port_in_use_is_refused_before_a_running_head_is_stopped() {
    let setup = Setup::applied(&[CLUSTER]).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    setup.write(&[&CLUSTER.replace("/cluster\" }", &format!("/cluster\", port = {port} }}"))]);
    let error = setup.terraform.apply(&[]).await.expect_error("a taken port");
    assert!(error.contains("The port is taken") && error.contains(&port.to_string()), "{error}");
    crate::nodes::ready(&setup.operator(), 2).await;
}

#[tokio::test]
async fn an_interrupted_removal_is_finished() {
    let setup = Setup::applied(&[CLUSTER]).await;
    for directory in setup.sandbox.processes().iter().map(|(directory, _)| directory).collect::<Vec<_>>() {
        let name = if directory.join("serve.lock").exists() { "serve" } else { "agent" };
        ringfence_place::process::stop(directory, name, std::time::Duration::from_secs(5)).await.unwrap();
    }
    // As far as a removal may have come: everything but what says whose directory it is.
    let cluster = setup.sandbox.path().join("cluster");
    std::fs::remove_dir_all(cluster.join("nodes")).unwrap();
    std::fs::remove_dir_all(cluster.join("head")).unwrap();
    setup.terraform.destroy(&[]).await.expect("destroy");
    assert!(!cluster.exists());
}

#[tokio::test]
async fn another_port_moves_the_cluster_and_replaces_nothing() {
    let setup = Setup::applied(&[CLUSTER, PROJECT]).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let moved = CLUSTER.replace("/cluster\" }", &format!("/cluster\", port = {free} }}"));
    setup.write(&[&moved, PROJECT]);
    let applied = setup.terraform.apply(&[]).await.expect("apply");
    assert!(applied.stdout.contains("0 added") && applied.stdout.contains("0 destroyed"), "{}", applied.stdout);
    no_changes(&setup.terraform, &[]).await;
    let attributes = setup.terraform.attributes("ringfence_cluster.main").await;
    assert_eq!(attributes["endpoint"], format!("https://127.0.0.1:{free}"));
    crate::nodes::ready(&setup.operator(), 2).await;
}

#[tokio::test]
async fn a_cluster_that_vanished_is_created_again_with_everything_in_it() {
    let setup = Setup::applied(&[CLUSTER, PROJECT]).await;
    let first = setup.terraform.attributes("ringfence_cluster.main").await["id"].clone();
    // Somebody destroys it from another configuration.
    let other = Sandbox::new();
    let thief = Terraform::new(other.path());
    let directory = setup.sandbox.path().join("cluster").display().to_string();
    thief.write(&(PROVIDER.to_owned() + &CLUSTER.replace("${path.module}/cluster", &directory)));
    thief.run(&["import", "-no-color", "ringfence_cluster.main", &directory]).await.expect("import");
    thief.apply(&[]).await.expect("taking over");
    thief.destroy(&[]).await.expect("destroying");
    setup.terraform.apply(&[]).await.expect("apply");
    no_changes(&setup.terraform, &[]).await;
    assert_ne!(setup.terraform.attributes("ringfence_cluster.main").await["id"], first);
    setup.operator().member(&fraud(), &alice()).await.unwrap();
}

#[tokio::test]
async fn every_example_is_valid() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut checked = 0;
    for entry in walk(&examples) {
        let text = std::fs::read_to_string(&entry).unwrap();
        if entry.extension().is_some_and(|ending| ending == "tf" || ending == "hcl") {
            is_formatted(&entry, &text);
        }
        // Terraform 1.11 knows neither actions nor identities; what they name is asked for by other tests.
        let newer = ["action \"", "identity = {"].iter().any(|word| text.contains(word));
        if entry.extension().is_some_and(|ending| ending == "tf") && !entry.ends_with("variables.tf") && !newer {
            let sandbox = Sandbox::new();
            let terraform = Terraform::new(sandbox.path());
            let head = if text.contains("required_providers") { "" } else { REQUIRED_PROVIDERS };
            terraform.write(&format!("{head}{text}"));
            let variables = entry.with_file_name("variables.tf");
            if variables.exists() {
                std::fs::copy(variables, sandbox.path().join("variables.tf")).unwrap();
            }
            let outcome = terraform.with_token(None).validate().await;
            assert_eq!(outcome.code, 0, "{}:\n{}{}", entry.display(), outcome.stdout, outcome.stderr);
            checked += 1;
        }
    }
    assert!(checked >= 9, "only {checked} examples were found");
}

/// What the examples call their cluster's directory.
const EXAMPLE_DIRECTORY: &str = "/var/lib/ringfence/analytics";

#[tokio::test]
async fn every_example_that_this_machine_can_apply_is_applied() {
    let sandbox = Sandbox::new();
    let directory = sandbox.path().join("analytics").display().to_string();
    let example = |path: &str| {
        let text =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(path)).unwrap();
        let terraform = Terraform::new(&sandbox.path().join(path.replace('/', "-")));
        // There is no nginx here to be reloaded, and the test cleans up.
        let text = text
            .replace(EXAMPLE_DIRECTORY, &directory)
            .replace(r#"["systemctl", "reload", "nginx"]"#, r#"["true"]"#)
            .replacen("  name = \"analytics\"\n", "  name = \"analytics\"\n  deletion_protection = false\n", 1);
        terraform.write(&format!("{REQUIRED_PROVIDERS}{text}"));
        terraform
    };
    let cluster = example("resources/ringfence_cluster/resource.tf");
    cluster.apply(&[]).await.expect("the cluster");
    // Their project and its members are what the others are about.
    let members = example("resources/ringfence_project_members/resource.tf");
    members.apply(&[]).await.expect("the members");
    for path in [
        "data-sources/ringfence_cluster/data-source.tf",
        "ephemeral-resources/ringfence_certificate/ephemeral-resource.tf",
        "ephemeral-resources/ringfence_token/ephemeral-resource.tf",
        "functions/project_user/function.tf",
    ] {
        let terraform = example(path);
        terraform.apply(&[]).await.expect(path);
        no_changes(&terraform, &[]).await;
        terraform.destroy(&[]).await.expect(path);
    }
    members.destroy(&[]).await.expect("the members");
    for path in ["resources/ringfence_project/resource.tf", "resources/ringfence_project_member/resource.tf"] {
        let terraform = example(path);
        terraform.apply(&[]).await.expect(path);
        no_changes(&terraform, &[]).await;
        terraform.destroy(&[]).await.expect(path);
    }
    cluster.destroy(&[]).await.expect("the cluster");
    assert!(sandbox.processes().is_empty());
}

/// The text is HCL, and in the form in which Terraform writes it.
fn is_formatted(entry: &Path, text: &str) {
    let sandbox = Sandbox::new();
    let file = sandbox.path().join("example.tf");
    std::fs::write(&file, text).unwrap();
    let output = std::process::Command::new(ringfence_tests::terraform::executable())
        .args(["fmt", "-check", "-diff"])
        .arg(&file)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}: {}", entry.display(), String::from_utf8_lossy(&said));
}

fn walk(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}
