//! PostgreSQL whose roles are project users and whose passwords are certificates.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use ringfence_tests::eventually;
use serde_json::Value;

use super::server::{Place, Server, as_account, free_port, run, service};
use super::traffic::{Attempt, Identity, program};

pub(super) struct PostgreSql {
    directory: PathBuf,
    port: u16,
    ca: String,
    server: Option<Server>,
}

impl PostgreSql {
    /// Makes its data, with a configuration that names files that are not there yet.
    pub(super) fn new(place: &Place) -> Self {
        let directory = place.directory("postgresql");
        let data = directory.join("data").display().to_string();
        let initdb = ringfence_tests::postgres::programs().join("initdb").display().to_string();
        let make = as_account(&[&initdb, "-D", &data, "-U", "test", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        run(Command::new(make[0]).args(&make[1..]).current_dir(&directory));
        let port = free_port();
        let config = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{here}'\nfsync = off\n\
             shared_buffers = 16MB\nssl = on\nssl_cert_file = '{crt}'\nssl_key_file = '{key}'\nssl_ca_file = '{ca}'\n\
             ssl_crl_file = '{crl}'\n",
            here = directory.display(),
            crt = place.file("postgresql", "tls.crt"),
            key = place.file("postgresql", "tls.key"),
            ca = place.trust("ca.pem"),
            crl = place.trust("crl.pem"),
        );
        std::fs::write(directory.join("data/postgresql.conf"), config).unwrap();
        let access = "local all test trust\nhostssl all all 127.0.0.1/32 cert\n";
        std::fs::write(directory.join("data/pg_hba.conf"), access).unwrap();
        Self { directory, port, ca: place.trust("ca.pem"), server: None }
    }

    pub(super) fn service(&self) -> Value {
        let pid = self.directory.join("data/postmaster.pid").display().to_string();
        // Before it runs there is nobody to tell.
        service("postgres", &format!("[ ! -s {pid} ] || kill -HUP $(head -n 1 {pid})"), None)
    }

    pub(super) async fn start(&mut self, roles: &[&str]) {
        let postgres = ringfence_tests::postgres::programs().join("postgres").display().to_string();
        let data = self.directory.join("data").display().to_string();
        let log = self.directory.join("log");
        self.server = Some(Server::start("INT", &as_account(&[&postgres, "-D", &data]), &log));
        let statements = format!("CREATE ROLE \"{}\" LOGIN", roles.join("\" LOGIN; CREATE ROLE \""));
        let port = self.port.to_string();
        eventually("PostgreSQL makes roles", Duration::from_secs(30), async || {
            let mut psql = Command::new("psql");
            psql.args(["-X", "-q", "-U", "test", "-d", "postgres", "-p", &port, "-v", "ON_ERROR_STOP=1", "-h"]);
            let output = psql.arg(&self.directory).args(["-c", &statements]).output().unwrap();
            let said =
                || format!("{}\n{}", String::from_utf8_lossy(&output.stderr), std::fs::read_to_string(&log).unwrap());
            if output.status.success() { Ok(()) } else { Err(said()) }
        })
        .await;
    }

    /// A query on a connection of its own.
    pub(super) fn attempt(&self, identity: &Identity) -> Attempt {
        let (crt, key, role) = (identity.file("tls.crt"), identity.file("tls.key"), identity.project_user());
        let connection = format!(
            "host=127.0.0.1 port={} dbname=postgres user={role} sslmode=verify-full sslrootcert={} sslcert={crt} \
             sslkey={key} gssencmode=disable",
            self.port, self.ca
        );
        program(move || {
            let mut psql = Command::new("psql");
            psql.args(["-X", "-q", "-t", "-v", "ON_ERROR_STOP=1", "-c", "SELECT current_user", "-d", &connection]);
            psql
        })
    }
}
