//! The guarantees of the store on a real PostgreSQL, and when several daemons share it.

#![allow(clippy::unwrap_used, reason = "in a test a broken expectation is a failure")]

#[path = "suite/promises.rs"]
mod promises;

#[path = "../../../tests/src/postgres.rs"]
#[allow(unreachable_pub, reason = "it is public where it lies")]
mod server;

use ringfence_store::{Database, Store, Transaction};
use sqlx::Connection as _;

use promises::{project, project_names, set_up};

/// A database of its own, on the server of this test run.
struct World {
    address: String,
    store: Store,
}

async fn open(address: &str) -> Store {
    Store::open(&Database::Postgres(address.to_owned())).await.unwrap()
}

impl World {
    /// A database with a cluster, an issuer and its first CRL.
    async fn new() -> Self {
        let address = server::shared().create_database();
        let store = open(&address).await;
        set_up(&store).await;
        Self { address, store }
    }

    async fn write(&self) -> Transaction {
        self.store.write("test").await.unwrap()
    }

    async fn read(&self) -> Transaction {
        self.store.read("test").await.unwrap()
    }

    /// The same database, closed and opened again.
    async fn reopen(self) -> Self {
        self.store.close().await;
        let store = open(&self.address).await;
        Self { store, ..self }
    }

    /// Executes a statement on a connection of its own.
    async fn execute_directly(&self, statement: &'static str) -> u64 {
        let mut connection = sqlx::PgConnection::connect(&self.address).await.unwrap();
        let done = sqlx::query(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        done.rows_affected()
    }
}

#[tokio::test]
async fn writers_of_two_stores_take_turns() {
    let world = World::new().await;
    let other = open(&world.address).await;
    let writers: Vec<_> = (0..40)
        .map(|index| {
            let store = if index % 2 == 0 { world.store.clone() } else { other.clone() };
            tokio::spawn(async move {
                let mut tx = store.write("test").await.unwrap();
                let before = tx.cluster().get().await.unwrap().revision;
                tokio::task::yield_now().await;
                tx.cluster().increment_revision().await.unwrap();
                assert_eq!(tx.cluster().get().await.unwrap().revision, before + 1);
                tx.commit().await.unwrap();
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(world.read().await.cluster().get().await.unwrap().revision, 41);
}

#[tokio::test]
async fn two_stores_can_open_a_new_database_at_once() {
    let address = server::shared().create_database();
    let (one, two) = tokio::join!(open(&address), open(&address));
    set_up(&one).await;
    assert_eq!(two.read("test").await.unwrap().cluster().get().await.unwrap().revision, 1);
}

#[tokio::test]
async fn a_writer_replaces_a_broken_connection() {
    let world = World::new().await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
               AND pid <> pg_backend_pid() AND application_name = 'ringfenced'";
    let mut tx = world.write().await;
    tx.projects().upsert(&project("lost"), "", promises::at(0)).await.unwrap();
    world.execute_directly(end).await;
    assert!(tx.commit().await.is_err(), "what is not durable is not acknowledged");
    let mut tx = world.write().await;
    tx.projects().upsert(&project("fraud"), "", promises::at(0)).await.unwrap();
    tx.commit().await.unwrap();
    let store = open(&world.address).await;
    assert_eq!(project_names(&mut store.read("test").await.unwrap()).await, ["fraud"]);
}

#[tokio::test]
async fn an_unreachable_server_is_named_without_its_password() {
    let error = Store::open(&Database::Postgres("postgres://me:secret@127.0.0.1:1/none".to_owned())).await.unwrap_err();
    let said = error.to_string();
    assert!(said.contains("127.0.0.1:1/none") && !said.contains("secret"), "{said}");
}

#[tokio::test]
async fn announcements_reach_other_daemons_and_not_their_sender() {
    let world = World::new().await;
    let other = open(&world.address).await;
    let (mut here, mut there) = (world.store.announcements().unwrap(), other.announcements().unwrap());
    // Both begin with a gap, after which they receive.
    assert_eq!((here.recv().await, there.recv().await), (Some(None), Some(None)));
    world.store.announcer().announce("changes");
    assert_eq!(there.recv().await, Some(Some("changes".to_owned())));
    other.announcer().announce("run_sagas");
    assert_eq!(here.recv().await, Some(Some("run_sagas".to_owned())), "and not what it announced itself");
}

#[tokio::test]
async fn a_broken_connection_is_a_gap_in_the_announcements_and_is_replaced() {
    let world = World::new().await;
    let mut here = world.store.announcements().unwrap();
    assert_eq!(here.recv().await, Some(None));
    world
        .execute_directly(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    assert_eq!(here.recv().await, Some(None), "announcements may have been lost");
    let other = open(&world.address).await;
    other.announcer().announce("changes");
    assert_eq!(here.recv().await, Some(Some("changes".to_owned())));
}
