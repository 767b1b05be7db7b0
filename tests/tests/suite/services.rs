//! Real services that hold certificates of a cluster: nginx, PostgreSQL and MariaDB on a worker, each with mutual TLS
//! and with revocation lists, while everything that they trust and show is replaced under their clients.

mod mariadb;
mod nginx;
mod postgresql;
mod server;
mod traffic;

use std::time::{Duration, Instant};

use ringfence_api::authority::{AuthorityDomain, AuthorityState, RotateAuthority};
use ringfence_api::cluster::AuthoritySettings;
use ringfence_api::{NodeName, ServiceName};
use ringfence_tests::eventually;

use crate::api::world::{World, project, user};
use crate::nodes::{declared, ready};
use crate::services::mariadb::MariaDb;
use crate::services::nginx::Nginx;
use crate::services::postgresql::PostgreSql;
use crate::services::server::Place;
use crate::services::traffic::{Identity, Traffic};

const PATIENCE: Duration = Duration::from_mins(2);

struct Services {
    nginx: Nginx,
    postgresql: PostgreSql,
    mariadb: MariaDb,
    /// The last to go: the servers' directories are in it.
    world: World,
}

/// A cluster whose worker runs the three, and members who may use them.
async fn services() -> Services {
    let world = World::new().await;
    let place = Place::new(world.sandbox.path(), "workers-0");
    let nginx = Nginx::new(&place);
    let postgresql = PostgreSql::new(&place);
    let mariadb = MariaDb::new(&place);
    let mut put = declared(1, AuthoritySettings::default());
    put.services = [("nginx", nginx.service()), ("postgresql", postgresql.service()), ("mariadb", mariadb.service())]
        .into_iter()
        .map(|(name, service)| (ServiceName::parse(name).unwrap(), serde_json::from_value(service).unwrap()))
        .collect();
    world.declare(&put).await;
    ready(&world.client, 2).await;
    world.people("fraud", &["alice", "bob"]).await;
    let mut services = Services { nginx, postgresql, mariadb, world };
    services.nginx.start().await;
    services.postgresql.start(&["fraud__alice", "fraud__bob"]).await;
    let identity = Identity::new(&services.world, "setup", "alice");
    identity.refresh(&services.world.client).await.unwrap();
    services.mariadb.start(&identity).await;
    services
}

async fn rotated(services: &Services, to: &str) {
    eventually(&format!("{to} signs"), PATIENCE, async || {
        let all = services.world.client.authorities().await.map_err(|error| error.to_string())?;
        let signs = all.iter().any(|one| one.id == to && one.state == AuthorityState::Active);
        if signs { Ok(()) } else { Err(format!("{all:?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_handshake_fails_while_leaves_intermediates_and_the_root_are_rotated() {
    let services = services().await;
    let client = &services.world.client;
    let traffic = Traffic::start(&services.world, |identity| {
        vec![
            ("nginx", services.nginx.attempt(identity)),
            ("nginx, another client", services.nginx.attempt(identity)),
            ("postgresql", services.postgresql.attempt(identity)),
            ("mariadb", services.mariadb.attempt(identity)),
        ]
    });
    traffic.goes_on().await;
    let node = NodeName::parse("workers-0").unwrap();
    let mut rotation = client.rotate_node(&node).await.unwrap();
    while !rotation.done {
        rotation = client.rotation_after(&node, rotation.revision).await.unwrap();
    }
    traffic.goes_on().await;
    for (domain, follows) in [
        (AuthorityDomain::Services, vec!["services-2"]),
        (AuthorityDomain::Projects, vec!["projects-2"]),
        (AuthorityDomain::Root, vec!["root-2", "services-3", "projects-3"]),
    ] {
        client.rotate_authority(domain, RotateAuthority { compromised: false }).await.unwrap();
        for id in follows {
            rotated(&services, id).await;
        }
        traffic.goes_on().await;
        // Agents take what the new one signs.
        let mut rotation = client.rotate_node(&node).await.unwrap();
        while !rotation.done {
            rotation = client.rotation_after(&node, rotation.revision).await.unwrap();
        }
        traffic.goes_on().await;
    }
    let shown = services.world.held_by("workers-0", "services/nginx");
    let leaf = ringfence_pki::pem_certificates(&shown.chain).unwrap();
    let issuer = ringfence_pki::CertificateFacts::read(&leaf[1]).unwrap().common_name;
    assert!(issuer.contains(" services 3 "), "what nginx shows is of the newest: {issuer}");
    let (handshakes, failures) = traffic.stop().await;
    assert_eq!(failures, Vec::<String>::new(), "of {handshakes} handshakes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_was_removed_is_refused_within_two_seconds_by_nginx_postgresql_and_mariadb() {
    let services = services().await;
    let bob = Identity::new(&services.world, "bob", "bob");
    bob.refresh(&services.world.client).await.unwrap();
    for attempt in [services.nginx.attempt(&bob), services.postgresql.attempt(&bob), services.mariadb.attempt(&bob)] {
        attempt().await.expect("a member gets in");
    }
    services.world.client.delete_member(&project("fraud"), &user("bob")).await.unwrap();
    let removed = Instant::now();
    let soon = Duration::from_secs(2);
    for (name, attempt) in [
        ("nginx", services.nginx.attempt(&bob)),
        ("postgresql", services.postgresql.attempt(&bob)),
        ("mariadb", services.mariadb.attempt(&bob)),
    ] {
        eventually(&format!("{name} refuses"), soon.saturating_sub(removed.elapsed()), async || {
            match attempt().await {
                Ok(()) => Err("it does not".to_owned()),
                Err(_) => Ok(()),
            }
        })
        .await;
        println!("{name} refused {:?} after the answer", removed.elapsed());
    }
    let alice = Identity::new(&services.world, "alice", "alice");
    alice.refresh(&services.world.client).await.unwrap();
    for attempt in
        [services.nginx.attempt(&alice), services.postgresql.attempt(&alice), services.mariadb.attempt(&alice)]
    {
        attempt().await.expect("nobody else is refused");
    }
}
