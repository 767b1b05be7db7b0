//! The head is killed at every step of launching and removing a node, and at random; what it acknowledged
//! survives, and it finishes what it began.

use ringfence_api::cluster::AuthoritySettings;
use ringfence_tests::{Head, Sandbox};

use crate::nodes::{declared, ready};

#[tokio::test]
async fn a_launch_survives_a_kill_at_every_step() {
    for step in ["grant_ticket", "start_node", "await_join"] {
        for moment in ["starting", "started", "acted", "done"] {
            let point = format!("launch_node/{step}/{moment}");
            let sandbox = Sandbox::new();
            let mut head = Head::start(sandbox.path()).await;
            head.kill().await;
            head.restart(&[("RINGFENCED_CRASH_AT", &point)]).await;
            // The answer may be lost with the daemon, but the declaration was committed before anything began.
            let _ = head.operator().put_cluster(&declared(1, AuthoritySettings::default())).await;
            head.ended().await;
            head.restart(&[]).await;
            let client = head.operator();
            let cluster = ready(&client, 2).await;
            assert!(cluster.nodes.iter().all(|node| node.fault.is_none()), "{point}: {cluster:?}");
            assert_eq!(sandbox.processes().len(), 3, "{point}: a head and two agents, no more");
        }
    }
}

#[tokio::test]
async fn a_removal_survives_a_kill_at_every_step() {
    for step in ["remove_machine", "forget_node"] {
        for moment in ["starting", "started", "acted", "done"] {
            let point = format!("remove_node/{step}/{moment}");
            let sandbox = Sandbox::new();
            let mut head = Head::start(sandbox.path()).await;
            head.operator().put_cluster(&declared(1, AuthoritySettings::default())).await.unwrap();
            ready(&head.operator(), 2).await;
            head.kill().await;
            head.restart(&[("RINGFENCED_CRASH_AT", &point)]).await;
            let _ = head.operator().put_cluster(&declared(0, AuthoritySettings::default())).await;
            head.ended().await;
            head.restart(&[]).await;
            ready(&head.operator(), 1).await;
            assert_eq!(sandbox.processes().len(), 2, "{point}: a head and its agent, no more");
            assert!(!head.directory().join("nodes/workers-0").exists(), "{point}");
        }
    }
}
