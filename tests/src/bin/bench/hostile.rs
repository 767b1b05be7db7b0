//! What honest callers notice of hostile ones: how long a read of the operator, a report of an agent and a login take
//! while clients from other addresses hold connections, send slowly or ask without end, and how much memory the daemon
//! takes for that.
//!
//! Each load meets a daemon of its own that has just started, so that no load finds what the one before has left.

mod calls;
mod child;
mod clients;
mod descriptors;
mod flood;
mod held;
mod kind;
mod ocsp_request;
mod rows;
mod site;

pub(crate) use child::{ARGUMENT, run as be_clients};

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ringfence_api::cluster::{ClusterState, PutCluster};
use ringfence_tests::{Head, Sandbox, eventually};

use crate::hostile::calls::Callers;
use crate::hostile::clients::Clients;
use crate::hostile::kind::Kind;
use crate::hostile::rows::{Found, report};
use crate::memory::resident_kib;

/// What runs beside the honest callers, and whose work that is.
const LOADS: [(&str, &[Kind]); 6] = [
    ("nothing", &[]),
    ("10,000 connections", &[Kind::Connections]),
    ("200 slow bodies", &[Kind::SlowBodies]),
    ("refused logins", &[Kind::RefusedLogins]),
    ("public requests", &[Kind::PublicRequests]),
    ("all of these", &Kind::ALL),
];
/// How long is called before anything is measured, and how long then.
const WARM_UP: Duration = Duration::from_secs(1);
const LASTING: Duration = Duration::from_secs(10);
/// How long after a load the memory is looked at again.
const AFTER: Duration = Duration::from_secs(10);
/// How many files and connections a daemon may have open that systemd starts, see `templates/systemd`. One that the
/// bench starts inherits the limit of the bench.
const OF_A_SERVICE: u64 = 16_384;

/// Puts every load on each of these builds in turn, and reports.
pub(crate) async fn measure(builds: &[(&str, &Path)]) -> Result<()> {
    descriptors::raise(OF_A_SERVICE)?;
    rows::head();
    for (load, kinds) in LOADS {
        let mut found = Vec::new();
        for (build, programs) in builds {
            let what = || format!("hostile: {load}, with {}", programs.display());
            found.push((*build, run(programs, kinds).await.with_context(what)?));
        }
        report(load, &found);
    }
    Ok(())
}

/// One load on one build.
async fn run(programs: &Path, kinds: &[Kind]) -> Result<Found> {
    let sandbox = Sandbox::new();
    let mut head = Head::prepare_with(sandbox.path(), programs.join("ringfenced"));
    head.restart(&[]).await;
    ready(&head).await?;
    let callers = Callers::new(&head).await?;
    callers.call(WARM_UP).await?;
    let idle = resident_kib(head.pid())?;
    let clients = Clients::start(sandbox.path(), kinds).await?;
    let heard = callers.call(LASTING).await?;
    let loaded = resident_kib(head.pid()).context("the daemon did not survive the load")?;
    let done = clients.stop().await?;
    tokio::time::sleep(AFTER).await;
    let after = resident_kib(head.pid()).context("the daemon did not survive the load")?;
    Ok(Found { heard, resident: [idle, loaded, after], done })
}

/// Declares a cluster of one node, and waits until its agent has done everything.
async fn ready(head: &Head) -> Result<()> {
    let client = head.operator();
    client.put_cluster(&PutCluster::default()).await?;
    eventually("the cluster is ready", Duration::from_secs(30), async || match client.cluster().await {
        Ok(cluster) if cluster.state == ClusterState::Ready => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    Ok(())
}
