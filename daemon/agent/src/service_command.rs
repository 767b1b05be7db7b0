//! Asking and telling a service that its files have changed: a program with arguments, no shell, with a time limit.

use std::process::Stdio;
use std::time::Duration;

use ringfence_api::ServiceName;
use ringfence_api::cluster::ServiceCommand;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::error::AgentError;

/// How much of what a failing program says is repeated.
const SAID_LIMIT: u64 = 300;
/// How long to wait for the rest of it once the program has ended: a child that it left behind may hold the pipe.
const SAID_PATIENCE: Duration = Duration::from_millis(100);

/// Runs the command to its end. It fails with what the program said on standard error, shortened. The program runs in
/// a process group of its own, and the group is killed when time is up or when we are stopped, so that nothing that
/// it started is left behind; what it leaves behind when it ends by itself is its own affair.
pub(crate) async fn run(
    command: &'static str,
    service: &ServiceName,
    reload: &ServiceCommand,
) -> Result<(), AgentError> {
    let failed = |what: String| AgentError::ServiceCommand { command, service: service.to_string(), what };
    let Some((program, arguments)) = reload.command.split_first() else {
        return Err(failed("is empty".to_owned()));
    };
    let mut running = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| failed(format!("cannot be started: {program}: {error}")))?;
    let group = KillGroup(running.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)));
    let mut said = Vec::new();
    let mut errors = running.stderr.take().map(|stderr| stderr.take(SAID_LIMIT));
    let ended = tokio::time::timeout(reload.timeout.as_duration(), async {
        let reading = async {
            if let Some(errors) = &mut errors {
                let _ = errors.read_to_end(&mut said).await;
            }
        };
        let waiting = async {
            let status = running.wait().await;
            tokio::time::sleep(SAID_PATIENCE).await;
            status
        };
        tokio::pin!(waiting, reading);
        tokio::select! {
            status = &mut waiting => status,
            () = &mut reading => waiting.await,
        }
    })
    .await;
    match ended {
        Ok(status) => {
            group.defuse();
            match status {
                Ok(status) if status.success() => Ok(()),
                Ok(status) => Err(failed(format!("ended with {status}: {}", text_of(&said)))),
                Err(error) => Err(failed(format!("cannot be waited for: {error}"))),
            }
        }
        Err(_) => Err(failed(format!("did not end within {}", reload.timeout))),
    }
}

/// What the command said. The API takes no NUL characters.
fn text_of(said: &[u8]) -> String {
    String::from_utf8_lossy(said).trim().replace('\0', "\\0")
}

/// Kills a process group when dropped, unless its leader has ended by itself.
struct KillGroup(Option<Pid>);

impl KillGroup {
    fn defuse(mut self) {
        self.0 = None;
    }
}

impl Drop for KillGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use ringfence_api::Lifetime;

    use super::*;

    async fn told(command: &[&str]) -> Result<(), String> {
        let command = command.iter().map(ToString::to_string).collect();
        let service = ServiceName::parse("query").unwrap();
        let wanted = ServiceCommand { command, timeout: Lifetime::from_secs(1) };
        run("reload", &service, &wanted).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_failing_command_is_told_with_what_it_said() {
        assert_eq!(told(&["true"]).await, Ok(()));
        let error = told(&["sh", "-c", "echo no such site >&2; exit 3"]).await.unwrap_err();
        assert!(error.contains("exit status: 3") && error.contains("no such site"), "{error}");
        let error = told(&["/no/such/program"]).await.unwrap_err();
        assert!(error.contains("cannot be started: /no/such/program"), "{error}");
    }

    #[tokio::test]
    async fn a_hanging_command_is_ended() {
        let error = told(&["sleep", "600"]).await.unwrap_err();
        assert!(error.contains("did not end within 1s"), "{error}");
    }

    #[tokio::test]
    async fn a_hanging_command_takes_what_it_started_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}; wait", file.display());
        told(&["sh", "-c", &script]).await.unwrap_err();
        let child: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        let stat = || std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        // Killed at once; the kernel may take a moment to say so.
        for _ in 0..200 {
            if stat().is_empty() || stat().contains(") Z ") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the child still runs: {}", stat());
    }

    #[tokio::test]
    async fn a_command_that_leaves_a_child_behind_has_ended_all_the_same() {
        let began = std::time::Instant::now();
        assert_eq!(told(&["sh", "-c", "sleep 3 & exit 0"]).await, Ok(()));
        assert!(began.elapsed() < Duration::from_millis(900));
    }
}
