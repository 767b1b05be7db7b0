//! MariaDB whose accounts are bound to the subjects of project users' certificates.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use ringfence_tests::eventually;
use serde_json::Value;

use super::server::{Place, Server, as_account, free_port, run, service, system_program};
use super::traffic::{Attempt, Identity, program};

pub(super) struct MariaDb {
    directory: PathBuf,
    port: u16,
    ca: String,
    options: Vec<String>,
    server: Option<Server>,
}

impl MariaDb {
    /// Makes its data.
    pub(super) fn new(place: &Place) -> Self {
        let directory = place.directory("mariadb");
        let data = format!("--datadir={}", directory.join("data").display());
        let temporary = format!("--tmpdir={}", directory.display());
        let make = as_account(&[
            "mariadb-install-db",
            "--no-defaults",
            &data,
            &temporary,
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        ]);
        run(Command::new(make[0]).args(&make[1..]).current_dir(&directory));
        let port = free_port();
        let here = directory.display();
        let options = vec![
            system_program("mariadbd"),
            "--no-defaults".to_owned(),
            data,
            temporary,
            format!("--socket={here}/socket"),
            format!("--pid-file={here}/pid"),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--port={port}"),
            "--skip-name-resolve".to_owned(),
            "--innodb-flush-log-at-trx-commit=0".to_owned(),
            "--innodb-buffer-pool-size=16M".to_owned(),
            format!("--ssl-cert={}", place.file("mariadb", "tls.crt")),
            format!("--ssl-key={}", place.file("mariadb", "tls.key")),
            format!("--ssl-ca={}", place.trust("ca.pem")),
            format!("--ssl-crl={}", place.trust("crl.pem")),
        ];
        Self { directory, port, ca: place.trust("ca.pem"), options, server: None }
    }

    pub(super) fn service(&self) -> Value {
        let socket = self.directory.join("socket").display().to_string();
        // Before it runs there is nobody to tell.
        let tell = format!("mariadb-admin --no-defaults --socket={socket} -u root flush-ssl");
        service("mysql", &format!("[ ! -S {socket} ] || {tell}"), None)
    }

    /// Starts it, with an account for the holder of these credentials and for `bob` of the same project.
    pub(super) async fn start(&mut self, alice: &Identity) {
        let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
        let log = self.directory.join("log");
        self.server = Some(Server::start("TERM", &as_account(&options), &log));
        let subject = Command::new("openssl")
            .args(["x509", "-noout", "-subject", "-nameopt", "compat", "-in", &alice.file("tls.crt")])
            .output()
            .unwrap();
        let subject =
            String::from_utf8(subject.stdout).unwrap().trim().trim_start_matches("subject=").trim().to_owned();
        let account = |name: &str| {
            let subject = subject.replace("fraud__alice", name);
            format!("CREATE OR REPLACE USER '{name}'@'127.0.0.1' REQUIRE SUBJECT '{subject}';")
        };
        let statements = format!("{}{}", account("fraud__alice"), account("fraud__bob"));
        eventually("MariaDB makes accounts", Duration::from_secs(30), async || {
            let socket = format!("--socket={}/socket", self.directory.display());
            let mut mariadb = Command::new("mariadb");
            let output = mariadb.args(["--no-defaults", &socket, "-u", "root", "-e", &statements]).output().unwrap();
            let said =
                || format!("{}\n{}", String::from_utf8_lossy(&output.stderr), std::fs::read_to_string(&log).unwrap());
            if output.status.success() { Ok(()) } else { Err(said()) }
        })
        .await;
    }

    /// A query on a connection of its own.
    pub(super) fn attempt(&self, identity: &Identity) -> Attempt {
        let arguments = [
            "--no-defaults".to_owned(),
            "--host=127.0.0.1".to_owned(),
            format!("--port={}", self.port),
            format!("--user={}", identity.project_user()),
            format!("--ssl-ca={}", self.ca),
            format!("--ssl-cert={}", identity.file("tls.crt")),
            format!("--ssl-key={}", identity.file("tls.key")),
            "--ssl-verify-server-cert".to_owned(),
            "--execute=SELECT CURRENT_USER()".to_owned(),
        ];
        program(move || {
            let mut mariadb = Command::new("mariadb");
            mariadb.args(&arguments);
            mariadb
        })
    }
}
