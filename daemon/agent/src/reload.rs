//! Telling a service that its files have changed: a program with arguments, no shell, with a time limit.

use std::process::Stdio;

use ringfence_api::ServiceName;
use ringfence_api::cluster::Reload;
use tokio::process::Command;

use crate::error::AgentError;

/// Runs the command to its end. It fails with what the program said on standard error, shortened.
pub(crate) async fn reload(service: &ServiceName, reload: &Reload) -> Result<(), AgentError> {
    let failed = |what: String| AgentError::Reload { service: service.to_string(), what };
    let Some((program, arguments)) = reload.command.split_first() else {
        return Err(failed("is empty".to_owned()));
    };
    let running = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("cannot be started: {program}: {error}")))?;
    match tokio::time::timeout(reload.timeout.as_duration(), running.wait_with_output()).await {
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => {
            let said: String = String::from_utf8_lossy(&output.stderr).chars().take(300).collect();
            Err(failed(format!("ended with {}: {}", output.status, said.trim())))
        }
        Ok(Err(error)) => Err(failed(format!("cannot be waited for: {error}"))),
        Err(_) => Err(failed(format!("did not end within {}", reload.timeout))),
    }
}

#[cfg(test)]
mod tests {
    use ringfence_api::Lifetime;

    use super::*;

    async fn run(command: &[&str]) -> Result<(), String> {
        let command = command.iter().map(ToString::to_string).collect();
        let service = ServiceName::parse("query").unwrap();
        let wanted = Reload { command, timeout: Lifetime::from_secs(1) };
        reload(&service, &wanted).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_failing_command_is_told_with_what_it_said() {
        assert_eq!(run(&["true"]).await, Ok(()));
        let error = run(&["sh", "-c", "echo no such site >&2; exit 3"]).await.unwrap_err();
        assert!(error.contains("exit status: 3") && error.contains("no such site"), "{error}");
        let error = run(&["/no/such/program"]).await.unwrap_err();
        assert!(error.contains("cannot be started: /no/such/program"), "{error}");
    }

    #[tokio::test]
    async fn a_hanging_command_is_ended() {
        let error = run(&["sleep", "600"]).await.unwrap_err();
        assert!(error.contains("did not end within 1s"), "{error}");
    }
}
