//! The head's process: how it is configured, started and reached.

use std::path::Path as FilePath;
use std::time::Duration;

use ringfence_api::Connection;
use ringfence_api::cluster::AuthoritySettings;
use ringfence_place::file::atomic_write;
use ringfence_place::process::{HEAD_CLAIM, Spawn, create_directory, ensure_running};
use tfplugin_rs::prelude::*;

use super::program::{inherited_environment, program};
use super::{CONFIG_FILE, DATABASE_FILE, Local, failed};
use crate::target::{Owner, Sight, Target as _};

/// How long a head may take to claim its directory.
const START: Duration = Duration::from_secs(20);
/// How often the head's files are looked for while it starts.
const LOOK: Duration = Duration::from_millis(20);

impl Local {
    /// Makes the head's directory, for this user alone. The first root and intermediates are made before anybody can
    /// declare anything, so their settings lie there.
    pub(super) fn prepare_head(&self, authority: &AuthoritySettings) -> Result<()> {
        let head = self.head();
        create_directory(&head).map_err(|error| failed("The head's directory cannot be used", &error))?;
        self.check_config()?;
        if !head.join(DATABASE_FILE).exists() {
            let text = serde_json::to_string_pretty(authority).expect("settings serialize");
            atomic_write(&head.join("authority.json"), text.as_bytes(), 0o600)
                .map_err(|error| failed("The head cannot be configured", &error))?;
        }
        Ok(())
    }

    /// Refuses to replace a configuration that somebody else wrote, if the head would lose its database or its master
    /// key by that.
    fn check_config(&self) -> Result<()> {
        match ["database", "master_key"].into_iter().find(|section| self.is_configured(section)) {
            None => Ok(()),
            Some(section) => Err(Diagnostic::error("The head has a configuration of its own")
                .detail(format!(
                    "{} has a section [{section}], which Terraform does not write: with Terraform's configuration the \
                     head would begin anew, as another root. Start this head yourself, and name it as the `cluster` of \
                     the provider.",
                    self.head().join(CONFIG_FILE).display()
                ))
                .into()),
        }
    }

    /// Whether the head's configuration has this section.
    pub(super) fn is_configured(&self, section: &str) -> bool {
        let text = std::fs::read_to_string(self.head().join(CONFIG_FILE)).unwrap_or_default();
        toml::from_str::<toml::Table>(&text).is_ok_and(|table| table.contains_key(section))
    }

    /// Starts the head if it does not run, and restarts it if it runs with another configuration.
    pub(super) async fn start_head(&self, owner: &Owner) -> Result<()> {
        let head = self.head();
        let program = program(&self.daemon)?;
        let config = self.config(owner, &program, self.listen());
        let path = head.join(CONFIG_FILE);
        // A port that was chosen by chance is written down as such, and is the same port all the same.
        let by_chance = (self.bound_port() == Some(self.listen())).then(|| self.config(owner, &program, 0));
        let is_another = match std::fs::read_to_string(&path) {
            Ok(present) => present != config && Some(present) != by_chance,
            // One that was lost may have been another.
            Err(_) => self.has_recorded_root()?,
        };
        if is_another {
            // It reads its configuration when it starts.
            self.stop_head().await?;
        }
        atomic_write(&path, config.as_bytes(), 0o600)
            .map_err(|error| failed("The head cannot be configured", &error))?;
        let spawn = Spawn {
            program,
            args: vec!["serve".into(), "--directory".into(), head.clone().into()],
            log: head.join("serve.log"),
            directory: head,
            env: inherited_environment(),
        };
        ensure_running(&spawn, HEAD_CLAIM, START)
            .await
            .map_err(|error| failed("The head cannot be started", &error))?;
        Ok(())
    }

    /// How to reach the head that was started, at the port that it was told to have.
    pub(super) async fn await_address(&self) -> Result<Connection> {
        let deadline = tokio::time::Instant::now() + START;
        loop {
            let Some(connection) = self.await_connection().await? else { return Err(self.log_of_end()) };
            // The address may be that of the last time until the head has bound the port that it was told to.
            if self.listen() == 0 || self.bound_port() == Some(self.listen()) {
                return Ok(connection);
            }
            if tokio::time::Instant::now() > deadline {
                return Err(self.log_of_end());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How to reach the head while it runs, once it has said so.
    pub(super) async fn await_connection(&self) -> Result<Option<Connection>> {
        let deadline = tokio::time::Instant::now() + START;
        loop {
            if !matches!(self.look()?, Sight::Running(_)) {
                return Ok(None);
            }
            match self.recorded_connection() {
                Err(error) if tokio::time::Instant::now() > deadline => return Err(error),
                Err(_) => tokio::time::sleep(LOOK).await,
                Ok(connection) => return Ok(Some(connection)),
            }
        }
    }

    /// How to reach the head, from the files it wrote, whether it runs or not.
    pub(super) fn recorded_connection(&self) -> Result<Connection> {
        let owner = match self.look()? {
            Sight::Stopped(owner) | Sight::Running(owner) => owner,
            Sight::Lost(lost) => return Err(lost.fault.into()),
            Sight::Gone => return Err(self.no_cluster()),
        };
        let read = |file: &str| {
            let path = self.head().join(file);
            std::fs::read_to_string(&path).map_err(|error| {
                Diagnostic::error("The head has not said how it is reached").detail(format!(
                    "Cannot read {}: {error}. The head writes it when it starts: start it by an apply, or by \
                     `ringfenced serve --directory {}`.",
                    path.display(),
                    self.head().display()
                ))
            })
        };
        Ok(Connection { endpoint: read("endpoint")?, ca_certificate: read("ca.pem")?, cluster_id: owner.id })
    }

    fn no_cluster(&self) -> Diagnostics {
        let directory = self.directory.display();
        let is = if self.directory.is_dir() { "has neither cluster.json nor head/serve.toml" } else { "is not there" };
        Diagnostic::error("There is no local cluster in this directory")
            .detail(format!(
                "{directory} {is}. The import id or `directory` is the path of a cluster's directory. If the cluster \
                 was lost, restore its directory from a backup."
            ))
            .into()
    }

    /// The port that the head last bound.
    pub(super) fn bound_port(&self) -> Option<u16> {
        let endpoint = std::fs::read_to_string(self.head().join("endpoint")).ok()?;
        endpoint.trim().rsplit_once(':')?.1.parse().ok()
    }

    /// The error when a head that was started no longer runs: the end of its log.
    pub(super) fn log_of_end(&self) -> Diagnostics {
        let log = std::fs::read_to_string(self.head().join("serve.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(5)..].join("\n");
        Diagnostic::error("The head ended while it was starting").detail(format!("Its log ends with:\n{last}")).into()
    }

    /// The configured port of the head; 0 for a free one.
    fn listen(&self) -> u16 {
        self.port.unwrap_or(0)
    }

    fn config(&self, owner: &Owner, program: &FilePath, listen: u16) -> String {
        let mut table = toml::Table::new();
        let text = |value: &dyn ToString| toml::Value::String(value.to_string());
        let section = |pairs: &[(&str, toml::Value)]| {
            toml::Value::Table(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
        };
        let cluster =
            [("id", text(&owner.id)), ("name", text(&owner.name)), ("operator_key", text(&owner.operator_key))];
        table.insert("cluster".to_owned(), section(&cluster));
        table.insert("api".to_owned(), section(&[("listen", text(&format!("127.0.0.1:{listen}")))]));
        let nodes = self.directory.join("nodes");
        let nodes = [("local_root", text(&nodes.display())), ("program", text(&program.display()))];
        table.insert("nodes".to_owned(), section(&nodes));
        table.to_string()
    }
}

#[cfg(test)]
mod tests {
    use ringfence_api::{ClusterName, OperatorPublicKey};
    use ringfence_place::process::claim;

    use super::*;

    fn made(directory: &FilePath) -> Local {
        let local = Local::at(directory.join("cluster").to_str().unwrap());
        let name = ClusterName::parse("main").unwrap();
        local.claim(&name, &OperatorPublicKey::from_base64("a-key")).unwrap();
        create_directory(&local.head()).unwrap();
        local
    }

    #[tokio::test]
    async fn a_head_that_is_still_starting_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let local = made(directory.path());
        let running = claim(&local.head(), HEAD_CLAIM).unwrap();
        // The first looks before the second writes, and finds nothing yet.
        let (reached, ()) = tokio::join!(local.reached(), async {
            std::fs::write(local.head().join("endpoint"), "https://127.0.0.1:1").unwrap();
            std::fs::write(local.head().join("ca.pem"), "a certificate").unwrap();
        });
        assert_eq!(reached.unwrap().expect("it runs").endpoint, "https://127.0.0.1:1");
        drop(running);
    }

    #[test]
    fn a_configuration_of_somebody_else_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let local = made(directory.path());
        let config = local.head().join(CONFIG_FILE);
        let text = "[master_key]\ncommand = [\"print-master-key\"]\n";
        std::fs::write(&config, text).unwrap();
        let refused = local.prepare_head(&AuthoritySettings::default()).unwrap_err().to_string();
        assert!(refused.contains("has a section [master_key]"), "{refused}");
        assert_eq!(std::fs::read_to_string(&config).unwrap(), text);
    }

    #[tokio::test]
    async fn a_head_that_ends_before_it_has_said_how_it_is_reached_is_stopped() {
        let directory = tempfile::tempdir().unwrap();
        let local = made(directory.path());
        let running = claim(&local.head(), HEAD_CLAIM).unwrap();
        let (reached, ()) = tokio::join!(local.reached(), async { drop(running) });
        assert_eq!(reached.unwrap(), None);
    }
}
