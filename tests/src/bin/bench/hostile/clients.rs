//! Hostile clients, in processes of their own: this program again, with an argument that nobody types.
//!
//! A process says `ready`, goes on until its input is closed, and then says in a line what it has done. Its input is
//! closed when the bench ends too, however that happens.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::hostile::child::ARGUMENT;
use crate::hostile::kind::Kind;

/// How long a process may take to be ready, and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Processes that run; none is left when this is dropped.
pub(crate) struct Clients {
    running: Vec<Running>,
}

struct Running {
    child: Child,
    says: Lines<BufReader<ChildStdout>>,
}

impl Clients {
    /// Starts a process of each kind against the cluster in this directory, and waits until all are ready.
    pub(crate) async fn start(cluster: &Path, kinds: &[Kind]) -> Result<Self> {
        let mut running = kinds.iter().map(|kind| Running::start(cluster, *kind)).collect::<Result<Vec<_>>>()?;
        for one in &mut running {
            let said = one.line().await?;
            ensure!(said == "ready", "hostile clients say: {said}");
        }
        Ok(Self { running })
    }

    /// Ends them. What they have done, a line of each.
    pub(crate) async fn stop(mut self) -> Result<Vec<String>> {
        for one in &mut self.running {
            drop(one.child.stdin.take());
        }
        let mut done = Vec::new();
        for one in &mut self.running {
            done.push(one.line().await?);
            timeout(PATIENCE, one.child.wait()).await.context("hostile clients do not end")??;
        }
        Ok(done)
    }
}

impl Running {
    fn start(cluster: &Path, kind: Kind) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([ARGUMENT, kind.as_str()])
            .arg(cluster)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let says = BufReader::new(child.stdout.take().context("its output")?).lines();
        Ok(Self { child, says })
    }

    async fn line(&mut self) -> Result<String> {
        let line = timeout(PATIENCE, self.says.next_line()).await.context("hostile clients say nothing")??;
        line.context("hostile clients ended early")
    }
}
