//! Agents whose node's directory was removed.

use ringfence_tests::eventually;

use super::world::{SOON, World};

#[tokio::test]
async fn an_agent_whose_directory_is_gone_ends_by_itself() {
    let mut world = World::with_nodes().await;
    let nodes = world.sandbox.path().join("nodes");
    let agents: Vec<_> = world.sandbox.processes().into_iter().filter(|(path, _)| path.starts_with(&nodes)).collect();
    assert_eq!(agents.len(), 2);
    // Without a head, nothing stops or restarts them.
    world.head.kill().await;
    std::fs::remove_dir_all(&nodes).unwrap();
    eventually("the agents have ended", SOON, async || {
        let alive = agents.iter().find(|(_, identity)| identity.is_alive().unwrap());
        alive.map_or(Ok(()), |(path, _)| Err(format!("the one in {} is alive", path.display())))
    })
    .await;
}
