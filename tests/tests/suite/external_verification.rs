//! Independent tools check everything that a cluster signs, with several key algorithms and successive roots: pkilint
//! has no warnings, and OpenSSL accepts every chain with the CRLs that nodes have.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ringfence_api::authority::{AuthorityDomain, AuthorityState, RotateAuthority};
use ringfence_api::certificate::PostIdentityCertificate;
use ringfence_api::cluster::{AuthoritySettings, KeyAlgorithm};
use ringfence_api::{NodeName, ServiceName};
use ringfence_pki::PrivateKey;
use ringfence_tests::eventually;
use ringfence_tests::sandbox::python_program;

use crate::api::world::{World, project, user};
use crate::nodes::{declared, ready};

const PATIENCE: Duration = Duration::from_mins(1);

/// The findings of a linter in this PEM block.
fn findings(linter: &Path, arguments: &[&str], directory: &Path, pem: &str) -> String {
    let file = directory.join("linted.pem");
    std::fs::write(&file, pem).unwrap();
    let output = Command::new(linter).args(["lint", "-s", "WARNING"]).args(arguments).arg(&file).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned();
    if output.status.success() { text } else { format!("{}: {text}", output.status) }
}

/// Whether OpenSSL accepts a chain, in strict mode and with the CRLs of the whole chain.
fn verified(directory: &Path, trust: &Path, chain: &str, purpose: &str) -> String {
    let file = directory.join("chain.pem");
    std::fs::write(&file, chain).unwrap();
    let output = Command::new("openssl")
        .args(["verify", "-x509_strict", "-crl_check_all", "-purpose", purpose, "-CAfile"])
        .arg(trust.join("ca.pem"))
        .arg("-CRLfile")
        .arg(trust.join("crl.pem"))
        .arg("-untrusted")
        .args([&file, &file])
        .output()
        .unwrap();
    if output.status.success() { String::new() } else { String::from_utf8_lossy(&output.stderr).into_owned() }
}

fn blocks(pem: &str) -> Vec<String> {
    let ends = pem
        .split_inclusive("-----END CERTIFICATE-----\n")
        .flat_map(|part| part.split_inclusive("-----END X509 CRL-----\n"));
    ends.map(str::to_owned).filter(|block| block.contains("-----BEGIN")).collect()
}

/// Every chain that is in use, by its holder.
async fn chains(world: &World) -> BTreeMap<String, (String, &'static [&'static str])> {
    let mut chains = BTreeMap::new();
    for node in ["head", "workers-0"] {
        let both: &[&str] = &["sslserver", "sslclient"];
        chains.insert(format!("the agent of {node}"), (world.held_by(node, "node").chain, &both[1..]));
        for service in ["query", "ledger", "notary"] {
            chains.insert(
                format!("{service} on {node}"),
                (world.held_by(node, &format!("services/{service}")).chain, both),
            );
        }
    }
    let kept = world.credentials("fraud", "alice").await.chain;
    chains.insert("alice".to_owned(), (kept, &["sslclient"]));
    let post =
        PostIdentityCertificate { request: PrivateKey::generate().unwrap().request("x").unwrap(), lifetime: None };
    let own = world.client.issue_member_certificate(&project("fraud"), &user("alice"), &post).await.unwrap();
    chains.insert("alice, for a key of her own".to_owned(), (own.chain, &["sslclient"]));
    let job = "/v1/projects/fraud/members/alice/jobs/nightly-1";
    world.operator.call("PUT", job, &serde_json::Value::Null).await.served();
    let body = serde_json::to_value(&post).unwrap();
    let own = world.operator.call("POST", &format!("{job}/certificates"), &body).await.served();
    chains.insert("a job of alice".to_owned(), (own["chain"].as_str().unwrap().to_owned(), &["sslclient"]));
    chains
}

/// Lints and verifies everything.
async fn judge(world: &World, when: &str) {
    let directory = world.sandbox.path();
    let (certificates, lists) = (python_program("lint_pkix_cert"), python_program("lint_crl"));
    let trust = directory.join("nodes/workers-0/trust");
    let mut faults = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for (who, (chain, purposes)) in chains(world).await {
        for block in blocks(&chain).into_iter().filter(|block| seen.insert(block.clone())) {
            faults.push((who.clone(), findings(&certificates, &[], directory, &block)));
        }
        for purpose in purposes {
            faults.push((format!("{who} as {purpose}"), verified(directory, &trust, &chain, purpose)));
        }
    }
    for block in blocks(&std::fs::read_to_string(trust.join("ca.pem")).unwrap()) {
        faults.push(("a root".to_owned(), findings(&certificates, &[], directory, &block)));
    }
    for block in blocks(&std::fs::read_to_string(trust.join("crl.pem")).unwrap()) {
        faults.push(("a list".to_owned(), findings(&lists, &["-t", "CRL", "-p", "PKIX"], directory, &block)));
    }
    for service in ["query", "ledger", "notary"] {
        let key = directory.join("nodes/workers-0/services").join(service).join("current/tls.key");
        let output = Command::new("openssl").args(["pkey", "-noout", "-in"]).arg(&key).output().unwrap();
        faults.push((format!("the key of {service}"), String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    faults.retain(|(_, fault)| !fault.is_empty());
    assert_eq!(faults, [], "{when}");
}

#[tokio::test]
async fn pkilint_and_openssl_accept_everything_that_is_signed() {
    let world = World::new().await;
    let mut put = declared(
        1,
        AuthoritySettings { authority_key_algorithm: KeyAlgorithm::Rsa3072, ..AuthoritySettings::default() },
    );
    let ledger = serde_json::json!({ "user": "ledger", "key_algorithm": "rsa_2048", "dns_names": ["ledger.test"] });
    put.services.insert(ServiceName::parse("ledger").unwrap(), serde_json::from_value(ledger).unwrap());
    let notary = serde_json::json!({ "user": "notary", "key_algorithm": "ed25519" });
    put.services.insert(ServiceName::parse("notary").unwrap(), serde_json::from_value(notary).unwrap());
    world.declare(&put).await;
    ready(&world.client, 2).await;
    world.people("fraud", &["alice", "bob"]).await;
    world.client.delete_member(&project("fraud"), &user("bob")).await.unwrap();
    judge(&world, "at first").await;
    world.client.rotate_authority(AuthorityDomain::Root, RotateAuthority { compromised: false }).await.unwrap();
    eventually("everything signs under the next root", PATIENCE, async || {
        let all = world.client.authorities().await.map_err(|error| error.to_string())?;
        let under = all.iter().filter(|one| one.state == AuthorityState::Active && one.parent == "root-2").count();
        if under == 3 { Ok(()) } else { Err(format!("{all:?}")) }
    })
    .await;
    put.authority.project_user_key_algorithm = KeyAlgorithm::Ed25519;
    world.declare(&put).await;
    for node in ["head", "workers-0"] {
        let node = NodeName::parse(node).unwrap();
        let mut rotation = world.client.rotate_node(&node).await.unwrap();
        while !rotation.done {
            rotation = world.client.rotation_after(&node, rotation.revision).await.unwrap();
        }
    }
    judge(&world, "under the next root").await;
}
