//! Two daemons on one PostgreSQL database: one leads, each is notified of the other's changes, and either can continue
//! alone.

use std::time::Duration;

use ringfence_api::Client;
use ringfence_api::cluster::AuthoritySettings;
use ringfence_api::inspect::Task;
use ringfence_api::inspect::route::LIST_TASKS;
use ringfence_api::project::{MemberRole, PutMember, PutProject};
use ringfence_place::process::{AGENT_CLAIM, Observed, observe};
use ringfence_tests::postgres::shared;
use ringfence_tests::{Head, Sandbox, eventually};
use rustix::process::{Pid, Signal, kill_process};

use crate::api::world::{project, user};
use crate::nodes::{declared, ready};

/// How long a leader that is gone may be missed.
const MISSED: Duration = Duration::from_secs(15);

/// Both, in directories of their own.
pub(super) async fn two(sandbox: &Sandbox) -> (Head, Head) {
    let (one, other) = (sandbox.path().join("one"), sandbox.path().join("other"));
    std::fs::create_dir(&one).unwrap();
    std::fs::create_dir(&other).unwrap();
    let mut first = Head::prepare_on(&one, &shared().create_database());
    first.restart(&[]).await;
    let second = first.start_another(&other).await;
    (first, second)
}

async fn leads(client: &Client) -> bool {
    let tasks: Vec<Task> = client.list(&LIST_TASKS, "").await.unwrap();
    let holding = tasks.iter().find(|task| task.name == "hold_lead").unwrap();
    holding.last_status.as_deref() == Some("leads")
}

async fn to_lead(client: &Client) {
    eventually(
        "the daemon leads",
        MISSED,
        async || {
            if leads(client).await { Ok(()) } else { Err("it does not".to_owned()) }
        },
    )
    .await;
}

#[tokio::test]
async fn one_leads_and_the_other_takes_over_when_it_is_killed() {
    let sandbox = Sandbox::new();
    let (mut first, second) = two(&sandbox).await;
    // Asked of the one that does not lead, done by the one that does.
    let client = second.operator();
    client.put_cluster(&declared(1, AuthoritySettings::default())).await.unwrap();
    ready(&client, 2).await;
    to_lead(&first.operator()).await;
    assert!(!leads(&client).await, "the first one leads");
    first.kill().await;
    let agent = sandbox.path().join("one/nodes/workers-0");
    let Ok(Observed::Running { identity }) = observe(&agent, AGENT_CLAIM) else { panic!("the agent runs") };
    kill_process(Pid::from_raw(i32::try_from(identity.pid).unwrap()).unwrap(), Signal::KILL).unwrap();
    // Nobody else starts an agent that has died.
    to_lead(&client).await;
    eventually("the agent runs again", MISSED, async || match observe(&agent, AGENT_CLAIM) {
        Ok(Observed::Running { identity: again }) if again != identity => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    client.put_cluster(&declared(2, AuthoritySettings::default())).await.unwrap();
    ready(&client, 3).await;
    // The one that comes back follows, and sees what has happened.
    first.restart(&[]).await;
    ready(&first.operator(), 3).await;
    assert!(leads(&client).await && !leads(&first.operator()).await, "the second one still leads");
}

#[tokio::test]
async fn a_leader_that_stops_is_replaced_at_once() {
    let sandbox = Sandbox::new();
    let (mut first, second) = two(&sandbox).await;
    let client = second.operator();
    to_lead(&first.operator()).await;
    assert!(!leads(&client).await);
    let stopping = std::time::Instant::now();
    first.stop().await;
    to_lead(&client).await;
    println!("followed after {:?}", stopping.elapsed());
    let mut again = first;
    again.restart(&[]).await;
    assert!(!leads(&again.operator()).await);
}

#[tokio::test]
async fn a_session_is_valid_at_both_daemons_and_survives_both() {
    let sandbox = Sandbox::new();
    let (mut first, second) = two(&sandbox).await;
    let session = first.operator().login().await.unwrap().session;
    let whoami = async |head: &Head| {
        let https = crate::api::https::Https::public(&head.connection()).with_session(&session);
        https.get("/v1/whoami").await.status
    };
    assert_eq!((whoami(&first).await, whoami(&second).await), (200, 200));
    first.kill().await;
    first.restart(&[]).await;
    assert_eq!(whoami(&first).await, 200);
}

#[tokio::test]
async fn a_change_at_one_daemon_wakes_long_polls_at_the_other() {
    let sandbox = Sandbox::new();
    let (first, second) = two(&sandbox).await;
    let (here, there) = (first.operator(), second.operator());
    let revision = there.cluster().await.unwrap().revision;
    let waiting = tokio::spawn(async move { there.cluster_after(revision).await.unwrap().revision });
    here.put_cluster(&declared(0, AuthoritySettings::default())).await.unwrap();
    // A long poll that hears nothing is answered after 25 seconds.
    let seen = tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it was told").unwrap();
    assert!(seen > revision);
}

#[tokio::test]
async fn a_daemon_without_the_active_master_key_version_seals_nothing() {
    let sandbox = Sandbox::new();
    let (mut first, second) = two(&sandbox).await;
    // The first alone gets another version, and everything is sealed under it.
    let path = sandbox.path().join("one/head/master.key");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}2:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n")).unwrap();
    first.stop().await;
    first.restart(&[]).await;
    let (here, there) = (first.operator(), second.operator());
    here.put_project(&project("fraud"), &PutProject::default()).await.unwrap();
    here.rotate_master_key().await.unwrap();
    let put = PutMember { role: MemberRole::DataScientist };
    let refused = there.put_member(&project("fraud"), &user("alice"), &put).await.unwrap_err();
    assert!(refused.to_string().contains("does not have version 2 of the master key"), "{refused}");
    eventually("everything is sealed under the new version", MISSED, async || {
        let state = here.master_key().await.unwrap();
        if state.complete { Ok(()) } else { Err(format!("{state:?}")) }
    })
    .await;
    // With only that version everywhere everything opens.
    here.put_member(&project("fraud"), &user("bob"), &put).await.unwrap();
    for directory in ["one", "other"] {
        let path = sandbox.path().join(directory).join("head/master.key");
        std::fs::write(path, "2:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n").unwrap();
    }
    let mut second = second;
    second.stop().await;
    second.restart(&[]).await;
    there.put_member(&project("fraud"), &user("alice"), &put).await.unwrap();
    for name in ["alice", "bob"] {
        second.operator().member_credentials(&project("fraud"), &user(name)).await.unwrap();
    }
}
