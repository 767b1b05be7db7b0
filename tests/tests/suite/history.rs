//! A database that goes back: restored from a backup, put back by a copy of its files, or gone.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use age::secrecy::ExposeSecret as _;
use ringfence_api::authority::{AuthorityDomain, AuthorityState};
use ringfence_api::cluster::AuthoritySettings;
use ringfence_api::incarnation::Incarnation;
use ringfence_api::node::PutReport;
use ringfence_api::project::{MemberRole, PutMember};
use ringfence_api::token::PostToken;
use ringfence_api::{Audience, Client, Credentials, NodeName, ProblemCode};
use ringfence_pki::{Usage, verify_leaf};
use ringfence_tests::sandbox::program;
use ringfence_tests::{Head, eventually};

use crate::api::https::Https;
use crate::api::world::{World, project, user};
use crate::nodes::{PATIENCE, declared, ready};

/// A key of age in a file, and its public half.
struct Key {
    recipient: String,
    identity: std::path::PathBuf,
}

impl Key {
    fn new(directory: &Path) -> Self {
        let key = age::x25519::Identity::generate();
        let identity = directory.join("backup.key");
        std::fs::write(&identity, key.to_string().expose_secret()).unwrap();
        std::fs::set_permissions(&identity, std::fs::Permissions::from_mode(0o600)).unwrap();
        Self { recipient: key.to_public().to_string(), identity }
    }
}

fn ringfenced(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> Output {
    Command::new(program("ringfenced")).args(arguments).output().unwrap()
}

#[track_caller]
fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn back_up(head: &Head, key: &Key, out: &Path) {
    let directory = head.directory().join("head");
    succeeds(&ringfenced(&[&"backup", &"--directory", &directory, &"--out", &out, &"--recipient", &key.recipient]));
}

fn restore(directory: &Path, key: &Key, from: &Path) -> Output {
    ringfenced(&[&"restore", &"--directory", &directory.join("head"), &"--from", &from, &"--identity", &key.identity])
}

const FILES: [&str; 3] = ["ringfence.db", "ringfence.db-wal", "ringfence.db-shm"];

fn remove_database(directory: &Path) {
    for file in FILES {
        let _ = std::fs::remove_file(directory.join("head").join(file));
    }
}

/// The numbers of all CRLs that the cluster publishes, by issuer and shard.
async fn crl_numbers(client: &Client) -> BTreeMap<(String, u32), i64> {
    let published = client.publish_crls().await.unwrap();
    published.into_iter().map(|crl| ((crl.issuer, crl.shard), crl.number)).collect()
}

async fn incarnations(world: &World) -> Vec<String> {
    let rows = world.audit().await.into_iter().filter(|row| row.action == "begin_incarnation");
    rows.map(|row| row.outcome).collect()
}

#[tokio::test]
async fn a_restored_cluster_reaches_every_node_and_nothing_that_was_forgotten_counts() {
    let mut world = World::with_nodes().await;
    world.people("fraud", &["alice"]).await;
    let (key, backup) = (Key::new(world.sandbox.path()), world.sandbox.path().join("backup.age"));
    back_up(&world.head, &key, &backup);
    assert!(!std::fs::read(&backup).unwrap().windows(5).any(|text| text == b"fraud"), "it is encrypted");

    // What happens after the backup is forgotten.
    world.people("fraud", &["bob"]).await;
    let bob = world.credentials("fraud", "bob").await;
    let post = PostToken { audience: Audience::parse("query").unwrap(), lifetime: None, job: None, one_time: true };
    world.client.issue_token(&project("fraud"), &user("alice"), &post).await.unwrap();
    let keys = world.client.jwks().await.unwrap().keys;
    let session = world.client.login().await.unwrap().session;
    crl_numbers(&world.client).await;
    let numbers = crl_numbers(&world.client).await;
    world.head.stop().await;
    remove_database(world.sandbox.path());
    succeeds(&restore(world.sandbox.path(), &key, &backup));
    world.head.restart(&[]).await;

    // Agents that knew a later generation take news again.
    let client = world.head.operator();
    world.client = client.clone();
    ready(&client, 2).await;
    client.put_cluster(&declared(2, AuthoritySettings::default())).await.unwrap();
    ready(&client, 3).await;
    let outcomes = incarnations(&world).await;
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    assert!(outcomes[0].contains("restored from a backup: history is missing from 2"), "{outcomes:?}");

    let after = crl_numbers(&client).await;
    for (list, before) in &numbers {
        assert!(after.get(list).is_none_or(|number| number > before), "{list:?}: {before}, then {after:?}");
    }
    let members = client.members(&project("fraud")).await.unwrap();
    assert_eq!(members.iter().map(|member| member.user.as_str()).collect::<Vec<_>>(), ["alice"]);
    let unknown =
        world.head.client(Credentials::Certificate { chain: bob.chain.clone(), private_key: bob.private_key });
    assert_eq!(unknown.whoami().await.unwrap_err().code(), Some(ProblemCode::CertificateUnknown));
    let old = Https::public(&world.head.connection()).with_session(&session);
    old.get("/v1/cluster").await.refused(ProblemCode::SessionInvalid);
    let present = client.jwks().await.unwrap().keys;
    assert!(present.iter().all(|key| keys.iter().all(|old| old.kid != key.kid)), "no token of before verifies");

    // The intermediates are replaced, and what nobody could revoke is refused by every service in the end.
    eventually("the intermediates are replaced", Duration::from_secs(90), async || {
        let all = client.authorities().await.map_err(|error| error.to_string())?;
        let active = |domain| all.iter().find(|one| one.domain == domain && one.state == AuthorityState::Active);
        let [services, projects] = [AuthorityDomain::Services, AuthorityDomain::Projects].map(active);
        let ids = services.zip(projects).map(|(one, other)| (one.id.clone(), other.id.clone()));
        let replaced = ids.as_ref().is_some_and(|(one, other)| one != "services-1" && other != "projects-1");
        if replaced { Ok(()) } else { Err(format!("{ids:?}")) }
    })
    .await;
    eventually("bob's certificate is refused where the trust files are read", Duration::from_secs(90), async || {
        let trust = world.sandbox.path().join("nodes/workers-0/trust");
        let read = |file: &str| std::fs::read_to_string(trust.join(file)).map_err(|error| error.to_string());
        let now = ringfence_api::Clock::now(&ringfence_api::SystemClock);
        match verify_leaf(&bob.chain, &read("ca.pem")?, &read("crl.pem")?, Usage::Client, now) {
            Err(_) => Ok(()),
            Ok(()) => Err("it verifies".to_owned()),
        }
    })
    .await;
}

#[tokio::test]
async fn files_of_a_database_that_are_put_back_begin_another_history() {
    let mut world = World::with_nodes().await;
    world.head.stop().await;
    let at = |file: &str| world.sandbox.path().join("head").join(file);
    std::fs::copy(at("ringfence.db"), at("copy.db")).unwrap();
    world.head.restart(&[]).await;
    world.client = world.head.operator();
    world.people("fraud", &["alice"]).await;
    let last = world.audit().await.last().unwrap().hash.clone();
    // The daemon notes how far the database is every second.
    eventually("the daemon has noted the last row of the audit log", PATIENCE, async || {
        let note = std::fs::read_to_string(at("history.json")).map_err(|error| error.to_string())?;
        if note.contains(&last) { Ok(()) } else { Err(note) }
    })
    .await;
    world.head.kill().await;
    for file in FILES {
        let _ = std::fs::remove_file(at(file));
    }
    std::fs::rename(at("copy.db"), at("ringfence.db")).unwrap();
    world.head.restart(&[]).await;
    world.client = world.head.operator();
    let outcomes = incarnations(&world).await;
    assert!(outcomes.len() == 1 && outcomes[0].contains("put back to an earlier state"), "{outcomes:?}");
    ready(&world.client, 2).await;
    world.declare(&declared(2, AuthoritySettings::default())).await;
    ready(&world.client, 3).await;
}

#[tokio::test]
async fn a_database_that_is_gone_is_not_read_as_a_new_cluster() {
    let mut world = World::with_nodes().await;
    let ca = std::fs::read(world.sandbox.path().join("head/ca.pem")).unwrap();
    world.head.stop().await;
    let at = |file: &str| world.sandbox.path().join("head").join(file);
    let complete = std::fs::read(at("ringfence.db")).unwrap();
    for (what, left) in [("nothing", None), ("a file of which the log is missing", Some(&complete[..4_096]))] {
        remove_database(world.sandbox.path());
        if let Some(left) = left {
            std::fs::write(at("ringfence.db"), left).unwrap();
        }
        world.head.spawn(&[]);
        world.head.ended().await;
        let said = world.head.said();
        assert!(said.contains("does not hold the cluster") && said.contains("ringfenced restore"), "{what}: {said}");
        assert_eq!(std::fs::read(at("ca.pem")).unwrap(), ca, "{what}");
        assert!(world.sandbox.path().join("nodes/workers-0/agent.json").exists(), "{what}");
    }
    std::fs::write(at("ringfence.db"), complete).unwrap();
    world.head.restart(&[]).await;
    ready(&world.head.operator(), 2).await;
}

#[tokio::test]
async fn a_node_that_the_database_has_never_had_is_left_alone() {
    let mut world = World::with_nodes().await;
    let nodes = world.sandbox.path().join("nodes");
    let foreign = nodes.join("workers-7");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::copy(nodes.join("workers-0/agent.json"), foreign.join("agent.json")).unwrap();
    // A node that it has had is removed, and by then the other has been looked at too.
    world.declare(&declared(0, AuthoritySettings::default())).await;
    ready(&world.client, 1).await;
    world.head.stop().await;
    world.head.restart(&[]).await;
    ready(&world.head.operator(), 1).await;
    assert!(foreign.join("agent.json").exists());
}

#[tokio::test]
async fn what_one_node_claims_of_a_later_history_changes_nothing() {
    let world = World::with_nodes().await;
    let pem = world.held_by("workers-0", "node");
    let node = world.head.client(Credentials::Certificate { chain: pem.chain, private_key: pem.key });
    let before = node.desired(&NodeName::parse("workers-0").unwrap(), 0, None).await.unwrap();
    let claims = [
        (before.generation + 1_000_000, before.incarnation.clone(), true),
        (1, Some(Incarnation { number: 99, id: "ff".to_owned() }), true),
        (1, Some(Incarnation { number: i64::MAX, id: "ff".to_owned() }), false),
        (i64::MAX, before.incarnation.clone(), false),
    ];
    for (generation, incarnation, plausible) in claims {
        let report = PutReport { generation, incarnation, certificates: Vec::new(), fault: None };
        let taken = node.report(&NodeName::parse("workers-0").unwrap(), &report).await;
        assert_eq!(taken.is_ok(), plausible, "{report:?}: {taken:?}");
    }
    let after = node.desired(&NodeName::parse("workers-0").unwrap(), 0, None).await.unwrap();
    assert_eq!(after.incarnation, before.incarnation);
    assert!(incarnations(&world).await.is_empty());
    let noted = world.audit().await.into_iter().filter(|row| row.action == "report_unknown_history").count();
    assert_eq!(noted, 2);
    ready(&world.client, 2).await;
}

#[tokio::test]
async fn a_backup_is_refused_where_it_does_not_belong_and_a_cluster_moves_to_another_machine() {
    let mut world = World::new().await;
    world.people("fraud", &["alice"]).await;
    let key = Key::new(world.sandbox.path());
    let [backup, master, cut] = ["backup.age", "master.age", "cut.age"].map(|name| world.sandbox.path().join(name));
    back_up(&world.head, &key, &backup);
    let directory = world.sandbox.path().join("head");
    let master_key: [&dyn AsRef<std::ffi::OsStr>; 8] =
        [&"backup", &"--directory", &directory, &"--out", &master, &"--recipient", &key.recipient, &"--master-key"];
    succeeds(&ringfenced(&master_key));
    let refused = |output: Output, why: &str| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{why}: {said}");
    };
    refused(ringfenced(&master_key), "a backup replaces no file");
    refused(restore(world.sandbox.path(), &key, &backup), "stop the daemon");
    world.head.stop().await;
    refused(restore(world.sandbox.path(), &key, &backup), "holds a cluster already");
    let whole = std::fs::read(&backup).unwrap();
    std::fs::write(&cut, &whole[..whole.len() - 40]).unwrap();
    let elsewhere = world.sandbox.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    refused(restore(&elsewhere, &Key::new(&elsewhere), &backup), "cannot be decrypted");
    refused(restore(&elsewhere, &key, &cut), "ringfenced: ");
    succeeds(&restore(&elsewhere, &key, &backup));
    let head = elsewhere.join("head");
    let master_key: [&dyn AsRef<std::ffi::OsStr>; 8] =
        [&"restore", &"--directory", &head, &"--from", &master, &"--identity", &key.identity, &"--master-key"];
    succeeds(&ringfenced(&master_key));
    let moved = Head::start_existing(&elsewhere).await;
    assert_eq!(moved.operator().members(&project("fraud")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_backup_under_load_is_a_prefix_of_what_was_acknowledged() {
    let world = World::new().await;
    world.people("fraud", &[]).await;
    let (key, backup) = (Key::new(world.sandbox.path()), world.sandbox.path().join("backup.age"));
    let put = PutMember { role: MemberRole::DataScientist };
    let written = std::sync::atomic::AtomicU32::new(0);
    let directory = world.head.directory().join("head");
    let taken = tokio::task::spawn_blocking({
        let (recipient, backup) = (key.recipient.clone(), backup.clone());
        move || ringfenced(&[&"backup", &"--directory", &directory, &"--out", &backup, &"--recipient", &recipient])
    });
    let before = written.load(std::sync::atomic::Ordering::SeqCst);
    let writing = async {
        while !taken.is_finished() {
            let next = written.load(std::sync::atomic::Ordering::SeqCst);
            world.client.put_member(&project("fraud"), &user(&format!("user_{next:04}")), &put).await.unwrap();
            written.store(next + 1, std::sync::atomic::Ordering::SeqCst);
        }
    };
    writing.await;
    succeeds(&taken.await.unwrap());
    let elsewhere = world.sandbox.path().join("elsewhere");
    succeeds(&restore(&elsewhere, &key, &backup));
    std::fs::copy(world.sandbox.path().join("head/master.key"), elsewhere.join("head/master.key")).unwrap();
    let config = elsewhere.join("head/serve.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let [from, to] = [world.sandbox.path(), elsewhere.as_path()].map(|path| path.join("nodes").display().to_string());
    std::fs::write(&config, text.replace(&from, &to)).unwrap();
    let restored = Head::start_existing(&elsewhere).await;
    let members = restored.operator().members(&project("fraud")).await.unwrap();
    let names: Vec<String> = members.iter().map(|member| member.user.to_string()).collect();
    let expected: Vec<String> = (0..names.len()).map(|index| format!("user_{index:04}")).collect();
    assert_eq!(names, expected, "a prefix, without gaps");
    assert!(names.len() >= before as usize && names.len() <= written.into_inner() as usize);
}
