//! The daemon is killed again and again while several clients are at work.

use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::time::Duration;

use ringfence_tests::{Head, Sandbox};
use tokio_util::sync::CancellationToken;

use super::ledger::{Ledger, operator};
use super::two_daemons::two;
use crate::api::https::Https;
use crate::api::world::{project, user};

/// How often a daemon is killed.
const KILLS: u32 = 6;
/// How many clients are at work.
const CLIENTS: usize = 4;

/// A client of the daemons in these directories, each for one round: members come, get certificates, and go.
async fn work(ledger: &Ledger, directories: &[&Path], number: usize, stop: &CancellationToken) {
    let name = project(&format!("p{number}"));
    let mut clients = Vec::new();
    for directory in directories {
        clients.push(operator(directory).await);
    }
    ledger.project(&clients[0], &name).await;
    for round in 0.. {
        let client = &clients[(round + number) % clients.len()];
        let who = user(&format!("user{}", round % 10_000));
        let own = ledger.member(client, &name, &who).await;
        let client = &clients[(round + number + 1) % clients.len()];
        let kept = ledger.certificate(client, &name, &who).await;
        let dropped = ledger.certificate(client, &name, &who).await;
        ledger.revoke(client, &dropped).await;
        if round % 2 == 0 {
            ledger.remove(client, &name, &who, &[own, kept]).await;
        }
        if stop.is_cancelled() {
            return;
        }
    }
}

/// Looks at the lists of all daemons until told to stop.
async fn look(ledger: &Ledger, directories: &[&Path], stop: &CancellationToken) {
    while !stop.is_cancelled() {
        for directory in directories {
            let client = operator(directory).await;
            ledger.look_at_lists(&Https::public(client.connection())).await;
        }
    }
}

/// Kills one or the other at some moment, and starts it again.
async fn kill(heads: &mut [Head], stop: &CancellationToken) {
    let chance = RandomState::new();
    for kill in 0..KILLS {
        let drawn = chance.hash_one(kill);
        let moment = Duration::from_millis(100 + drawn % 900);
        tokio::time::sleep(moment).await;
        let which = usize::try_from(drawn >> 32).unwrap() % heads.len();
        println!("kills daemon {which} after {moment:?}");
        heads[which].kill().await;
        heads[which].restart(&[]).await;
    }
    stop.cancel();
}

async fn under_load(heads: &mut [Head]) {
    let (ledger, stop) = (Ledger::default(), CancellationToken::new());
    let directories: Vec<_> = heads.iter().map(|head| head.directory().to_owned()).collect();
    let directories: Vec<&Path> = directories.iter().map(AsRef::as_ref).collect();
    let clients = (0..CLIENTS).map(|number| work(&ledger, &directories, number, &stop));
    tokio::join!(futures::future::join_all(clients), look(&ledger, &directories, &stop), kill(heads, &stop));
    for directory in directories {
        ledger.check(&operator(directory).await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_daemon_is_killed_under_load() {
    let sandbox = Sandbox::new();
    under_load(&mut [Head::start(sandbox.path()).await]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_either_of_two_daemons_is_killed_under_load() {
    let sandbox = Sandbox::new();
    under_load(&mut <[Head; 2]>::from(two(&sandbox).await)).await;
}
