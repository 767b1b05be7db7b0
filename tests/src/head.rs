//! A daemon of a test, started as the provider starts it, and killed as a power cut would.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ringfence_api::{Client, ClusterId, Connection, Credentials, OperatorToken};
use ringfence_place::process::{HEAD_CLAIM, Observed, observe};
use tokio::process::{Child, Command};

use crate::sandbox::program;
use crate::wait::eventually;

/// The operator's token of tests. A secret of nobody.
pub const TOKEN: &str = "5d41c2f97ab3e8064419fd0c7be2a3586f10d9e47c8b2a6530e9f4d17bc8a250";
/// Another operator's token.
pub const OTHER_TOKEN: &str = "e8a9d3b1704c6f25918de0a47b3c5f6212097fd84e6ba3c1d5f08e7249b6c03a";

/// A daemon in `<directory>/head`, with its nodes in `<directory>/nodes`.
#[derive(Debug)]
pub struct Head {
    directory: PathBuf,
    /// The built `ringfenced`.
    program: PathBuf,
    child: Option<Child>,
}

impl Head {
    /// Starts a new cluster in this directory.
    pub async fn start(directory: &Path) -> Self {
        let mut started = Self::prepare(directory);
        started.restart(&[]).await;
        started
    }

    /// Writes the configuration of a new cluster in this directory, and starts nothing.
    pub fn prepare(directory: &Path) -> Self {
        Self::prepare_with(directory, program("ringfenced"))
    }

    /// The same for another build of `ringfenced`.
    pub fn prepare_with(directory: &Path, program: PathBuf) -> Self {
        let head = directory.join("head");
        ringfence_place::process::create_directory(&head).expect("the head's directory");
        let key = token(TOKEN).key().public();
        let config = format!(
            "[cluster]\nid = \"{}\"\nname = \"test\"\noperator_key = \"{key}\"\n[api]\nlisten = \"127.0.0.1:0\"\n\
             [nodes]\nlocal_root = \"{}\"\nprogram = \"{}\"\n",
            ClusterId::random(),
            directory.join("nodes").display(),
            program.display()
        );
        std::fs::write(head.join("serve.toml"), config).expect("the configuration");
        Self { directory: directory.to_owned(), program, child: None }
    }

    /// The same with its data in a database of PostgreSQL.
    pub fn prepare_on(directory: &Path, address: &str) -> Self {
        let head = Self::prepare(directory);
        let at = |file: &str| directory.join("head").join(file);
        let config = std::fs::read_to_string(at("serve.toml")).expect("the configuration");
        std::fs::write(at("serve.toml"), format!("{config}[database]\npostgres_file = \"database\"\n"))
            .expect("the configuration");
        ringfence_place::file::atomic_write(&at("database"), address.as_bytes(), 0o600).expect("the address");
        head
    }

    /// Starts another daemon of the same cluster in this directory, on the same database and with the same nodes.
    pub async fn start_another(&self, directory: &Path) -> Self {
        let head = directory.join("head");
        ringfence_place::process::create_directory(&head).expect("the head's directory");
        for file in ["serve.toml", "database", "master.key"] {
            std::fs::copy(self.directory.join("head").join(file), head.join(file)).expect("a copy");
        }
        let mut started = Self { directory: directory.to_owned(), program: self.program.clone(), child: None };
        started.restart(&[]).await;
        started
    }

    /// Starts the daemon of a cluster that exists in this directory.
    pub async fn start_existing(directory: &Path) -> Self {
        let mut started = Self { directory: directory.to_owned(), program: program("ringfenced"), child: None };
        started.restart(&[]).await;
        started
    }

    /// Starts the daemon again, with more environment, and waits until it serves.
    pub async fn restart(&mut self, env: &[(&str, &str)]) {
        self.spawn(env);
        self.serving().await;
    }

    /// Starts the daemon and does not wait.
    pub fn spawn(&mut self, env: &[(&str, &str)]) {
        let log = std::fs::OpenOptions::new().append(true).create(true).open(self.log()).expect("the log");
        let child = Command::new(&self.program)
            .args(["serve", "--directory"])
            .arg(self.directory.join("head"))
            .env_remove("RINGFENCE_TOKEN")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("ringfenced starts");
        self.child = Some(child);
    }

    /// Waits until the daemon answers.
    pub async fn serving(&self) {
        eventually("the daemon serves", Duration::from_secs(20), async || {
            match observe(&self.directory.join("head"), HEAD_CLAIM) {
                Ok(Observed::Running { .. }) => {}
                other => return Err(format!("{other:?}: {}", self.said())),
            }
            let client = self.try_client(Credentials::Public)?;
            client.health().await.map(drop).map_err(|error| format!("{error}: {}", self.said()))
        })
        .await;
    }

    /// Kills the daemon with SIGKILL and waits until it is gone.
    pub async fn kill(&mut self) {
        let mut child = self.child.take().expect("the daemon was started");
        child.kill().await.expect("the daemon is killed");
    }

    /// Waits until the daemon has ended by itself.
    pub async fn ended(&mut self) {
        let mut child = self.child.take().expect("the daemon was started");
        let ended = tokio::time::timeout(Duration::from_secs(30), child.wait()).await;
        ended.expect("the daemon ends").expect("it can be waited for");
    }

    /// Waits until the daemon dies, and starts it again, for ever.
    pub async fn keep(&mut self, deaths: &std::cell::Cell<u32>) {
        loop {
            self.child.as_mut().expect("the daemon was started").wait().await.expect("it can be waited for");
            deaths.set(deaths.get() + 1);
            self.restart(&[]).await;
        }
    }

    /// Asks the daemon to stop, and waits until it has.
    pub async fn stop(&mut self) {
        let pid =
            rustix::process::Pid::from_raw(i32::try_from(self.pid()).expect("a pid fits")).expect("a pid is not zero");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is asked to stop");
        self.ended().await;
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).expect("the daemon runs")
    }

    /// What the daemon has said so far.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// The cluster's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The last lines of the daemon's log.
    pub fn said(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// How to reach the daemon, from the files it wrote.
    pub fn connection(&self) -> Connection {
        self.try_connection().expect("the daemon has written its address")
    }

    /// A client of the operator.
    pub fn operator(&self) -> Client {
        self.client(Credentials::Operator(token(TOKEN).key()))
    }

    /// A client with these credentials.
    pub fn client(&self, credentials: Credentials) -> Client {
        self.try_client(credentials).expect("a client")
    }

    fn try_client(&self, credentials: Credentials) -> Result<Client, String> {
        let connection = self.try_connection()?;
        Client::new(connection, credentials, Duration::from_secs(2)).map_err(|error| error.to_string())
    }

    fn try_connection(&self) -> Result<Connection, String> {
        connection_of(&self.directory)
    }

    fn log(&self) -> PathBuf {
        self.directory.join("head").join("serve.log")
    }
}

/// How to reach the cluster in this directory, from the files of its head.
pub fn connection_of(directory: &Path) -> Result<Connection, String> {
    let head = directory.join("head");
    let read = |file: &str| std::fs::read_to_string(head.join(file)).map_err(|error| format!("{file}: {error}"));
    let config = read("serve.toml")?;
    let id = config.lines().find_map(|line| line.strip_prefix("id = ")).ok_or("no id")?;
    Ok(Connection {
        endpoint: read("endpoint")?,
        ca_certificate: read("ca.pem")?,
        cluster_id: ClusterId::parse(id.trim_matches('"')).map_err(|error| error.to_string())?,
    })
}

/// A token of tests.
pub fn token(text: &str) -> OperatorToken {
    OperatorToken::parse(text).expect("a good token")
}
