//! Random histories: clocks that jump in both directions, pauses past every lifetime, restores at random moments, and
//! what operators do in between. After each event the cluster settles within a bounded number of rounds, and then
//! everything in use verifies and nothing that was revoked does.
//!
//! A history is told by its seed. `SEEDS=N` lives through so many, and `SEED=N` only through that one.

use std::sync::atomic::{AtomicUsize, Ordering};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use ringfence_store::{Database, Store};

use super::*;

/// How many histories are tried with every run of the tests.
const SAMPLE: u64 = 12;
/// How many events a history has.
const EVENTS: usize = 6;

const DAY: i64 = 86_400;
/// Past the life of a leaf certificate, of an intermediate, and of a root.
const LIVES: [i64; 3] = [100 * DAY, 6 * 365 * DAY, 11 * 365 * DAY];

/// What a backup holds, and who was a member then.
struct Snapshot {
    copy: Vec<u8>,
    members: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy)]
enum Event {
    /// Time goes on by so many seconds, with everything off.
    Pause(i64),
    /// The clock is set, forward or back.
    Jump(i64),
    Backup,
    Restore,
    Join,
    Leave,
    Rotate(AuthorityDomain, bool),
}

fn random_event(rng: &mut StdRng) -> Event {
    let span = |rng: &mut StdRng| {
        let longest = [60, DAY, 100 * DAY, 12 * 365 * DAY][rng.random_range(0..4)];
        rng.random_range(1..longest)
    };
    match rng.random_range(0..12) {
        0 => Event::Pause(rng.random_range(1..40 * DAY)),
        1 => Event::Pause(LIVES[rng.random_range(0..LIVES.len())]),
        2 | 3 => Event::Jump(span(rng)),
        4 | 5 => Event::Jump(-span(rng)),
        6 => Event::Backup,
        7 | 8 => Event::Restore,
        9 => Event::Join,
        10 => Event::Leave,
        _ => Event::Rotate(AuthorityDomain::ALL[rng.random_range(0..3)], rng.random_bool(0.5)),
    }
}

struct History {
    simulation: Simulation,
    backup: Snapshot,
}

impl History {
    async fn new() -> Self {
        let mut simulation = Simulation::new(&["head", "workers-0"], 1).await;
        simulation.is_steady = false;
        simulation.settle().await;
        let backup = back_up(&simulation).await;
        Self { simulation, backup }
    }

    async fn happen(&mut self, event: Event) {
        let simulation = &mut self.simulation;
        let mut left = Vec::new();
        match event {
            Event::Jump(seconds) | Event::Pause(seconds) => {
                simulation.clock.advance(SignedDuration::from_secs(seconds));
            }
            Event::Backup => self.backup = back_up(simulation).await,
            Event::Restore => restore(simulation, &self.backup).await,
            Event::Join => simulation.add_member().await,
            Event::Leave => {
                if let Some(member) = simulation.members.first().cloned() {
                    left.push(simulation.remove_member(&member).await);
                }
            }
            Event::Rotate(domain, compromised) => simulation.rotate(domain, compromised).await,
        }
        simulation.settle().await;
        simulation.revoked.extend(left);
        simulation.verify_all().await;
    }
}

async fn back_up(simulation: &Simulation) -> Snapshot {
    let mut copy = Vec::new();
    let mut tx = Store::read_only(&database(simulation), "backup").await.unwrap();
    tx.export(simulation.clock.now(), &mut copy).await.unwrap();
    Snapshot { copy, members: simulation.members.clone() }
}

/// Puts the database back. Nothing that was issued by then counts any more, whoever holds it.
async fn restore(simulation: &mut Simulation, backup: &Snapshot) {
    let held = simulation.in_use().await;
    let before = held.into_iter().map(|(who, chain)| revoked(format!("{who} held it before the restore"), chain));
    simulation.revoked.extend(before);
    simulation.daemon.base.store.close().await;
    for file in ["ringfence.db", "ringfence.db-wal", "ringfence.db-shm"] {
        let _ = std::fs::remove_file(simulation.directory.path().join(file));
    }
    let (cluster_id, now) = (simulation.daemon.base.cluster_id, simulation.clock.now());
    database(simulation).import(&mut &backup.copy[..], &cluster_id, now).await.unwrap();
    simulation.members.clone_from(&backup.members);
    // What the lost history distrusted is forgotten with it.
    for chain in std::mem::take(&mut simulation.distrusted).into_values().flatten() {
        simulation.revoked.push(revoked("distrusted before the restore".to_owned(), chain));
    }
    simulation.daemon = open_daemon(simulation.directory.path(), &simulation.clock).await;
    // What was in the backup is replaced too.
    for (who, chain) in simulation.in_use().await {
        simulation.revoked.push(revoked(format!("{who} had it in the backup"), chain));
    }
}

fn database(simulation: &Simulation) -> Database {
    Database::Sqlite(simulation.directory.path().join("ringfence.db"))
}

/// Lives through the history of a seed. Says the seed and the events, if it ends badly.
async fn live(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let events: Vec<Event> = (0..EVENTS).map(|_| random_event(&mut rng)).collect();
    let told = format!("SEED={seed}: {events:?}");
    let lived = tokio::task::spawn_local(async move {
        let mut history = History::new().await;
        for event in events {
            history.happen(event).await;
        }
    });
    assert!(lived.await.is_ok(), "{told}");
}

/// What was found by hand, each with the events that it took.
#[tokio::test]
async fn what_clocks_and_restores_have_broken_before_heals() {
    let days = |days: i64| days * DAY;
    let histories: [(&str, &[Event]); 6] = [
        ("the clock was ahead by six days", &[Event::Jump(days(6)), Event::Join, Event::Leave, Event::Jump(days(-6))]),
        ("the cluster was made two hours ahead", &[Event::Jump(-7_200), Event::Join]),
        ("an intermediate ended while everything was off", &[Event::Pause(days(6 * 365)), Event::Join]),
        ("the root ended while everything was off", &[Event::Pause(days(11 * 365)), Event::Join]),
        ("what was issued after the backup is unknown", &[Event::Join, Event::Restore, Event::Join, Event::Leave]),
        ("a backup is older than an authority", &[Event::Pause(days(11 * 365)), Event::Restore, Event::Leave]),
    ];
    for (what, events) in histories {
        println!("{what}");
        let mut history = History::new().await;
        for event in events {
            history.happen(*event).await;
        }
    }
}

/// A number from the environment.
#[allow(clippy::disallowed_methods, reason = "a sweep is told how far to go")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn ten_thousand_histories_with_jumps_restores_and_pauses() {
    let seeds: Vec<u64> = match number("SEED") {
        Some(seed) => vec![seed],
        None => (0..number("SEEDS").unwrap_or(SAMPLE)).collect(),
    };
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from).min(seeds.len()) {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    tokio::task::LocalSet::new().block_on(&runtime, live(*seed));
                }
            });
        }
    });
}
