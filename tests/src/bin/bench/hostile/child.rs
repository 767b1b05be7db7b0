//! A process of hostile clients: what this program is when the bench starts it again.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::hostile::kind::Kind;
use crate::hostile::site::Site;
use crate::hostile::{descriptors, flood, held};

/// The first argument of such a process; a kind and the directory of a cluster follow.
pub(crate) const ARGUMENT: &str = "hostile-clients";
/// How many files and connections it opens at most.
const DESCRIPTORS: u64 = 12_000;
/// It ends by itself after so long.
const LONGEST: Duration = Duration::from_mins(1);

/// Attacks the daemon until the input is closed, and says what was done.
pub(crate) async fn run(mut given: impl Iterator<Item = String>) -> Result<()> {
    let kind = given.next().as_deref().and_then(Kind::parse).context("a kind of clients")?;
    let directory = PathBuf::from(given.next().context("the directory of a cluster")?);
    let descriptors = descriptors::raise(DESCRIPTORS)?;
    if kind == Kind::Connections && descriptors < DESCRIPTORS {
        note(&format!("the hard limit allows {descriptors} open files and connections, not {DESCRIPTORS}"));
    }
    let site = Arc::new(Site::of(&directory)?);
    let attack = async {
        match kind {
            Kind::Connections => held::connections(&site, descriptors).await,
            Kind::SlowBodies => held::slow_bodies(&site).await,
            Kind::RefusedLogins => flood::refused_logins(&site).await,
            Kind::PublicRequests => flood::public_requests(&site, &directory).await?,
        }
        anyhow::Ok(())
    };
    let told = async {
        site.ready.notified().await;
        say("ready");
        until_told().await;
    };
    tokio::select! {
        ended = attack => ended?,
        () = told => {}
    }
    say(&match kind {
        Kind::Connections | Kind::SlowBodies => site.held(),
        Kind::RefusedLogins | Kind::PublicRequests => site.answered(),
    });
    Ok(())
}

/// Waits until whoever started this process closes its input, or is gone.
async fn until_told() {
    let closed = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()));
    let _ = tokio::time::timeout(LONGEST, closed).await;
}

/// To the bench, which may be gone.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// To whoever started the bench.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "hostile: {text}");
}
