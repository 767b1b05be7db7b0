//! nginx with mutual TLS: it wants a certificate of a project user that no list names.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ringfence_tests::eventually;
use serde_json::Value;

use super::server::{ACCOUNT, Place, Server, free_port, is_root, service, system_program};
use super::traffic::{Attempt, Identity};

pub(super) struct Nginx {
    directory: PathBuf,
    port: u16,
    ca: String,
    server: Option<Server>,
}

impl Nginx {
    /// Writes its configuration, which names files that are not there yet.
    pub(super) fn new(place: &Place) -> Self {
        let directory = place.directory("nginx");
        let port = free_port();
        let account = if is_root() { format!("user {} {};", ACCOUNT.0, ACCOUNT.1) } else { String::new() };
        let here = directory.display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {here}/{kind};"))
            .join(" ");
        let config = format!(
            "{account} worker_processes 2; pid {here}/pid; error_log {here}/error.log;
            events {{ worker_connections 256; }}
            http {{ access_log off; {temporary}
              server {{ listen 127.0.0.1:{port} ssl;
                ssl_certificate {crt}; ssl_certificate_key {key};
                ssl_client_certificate {ca}; ssl_crl {crl}; ssl_verify_client on; ssl_verify_depth 4;
                location / {{ return 200 $ssl_client_s_dn; }} }} }}\n",
            crt = place.file("nginx", "tls.crt"),
            key = place.file("nginx", "tls.key"),
            ca = place.trust("ca.pem"),
            crl = place.trust("crl.pem"),
        );
        std::fs::write(directory.join("nginx.conf"), config).unwrap();
        Self { directory, port, ca: place.trust("ca.pem"), server: None }
    }

    pub(super) fn service(&self) -> Value {
        let config = self.directory.join("nginx.conf").display().to_string();
        let pid = self.directory.join("pid").display().to_string();
        let nginx = system_program("nginx");
        // Before it runs there is nobody to tell.
        let reload = format!("[ ! -s {pid} ] || {nginx} -q -c {config} -s reload");
        service("nginx", &reload, Some(&format!("{nginx} -t -q -c {config}")))
    }

    pub(super) async fn start(&mut self) {
        let config = self.directory.join("nginx.conf").display().to_string();
        let log = self.directory.join("log");
        self.server =
            Some(Server::start("TERM", &[&system_program("nginx"), "-c", &config, "-g", "daemon off;"], &log));
        eventually("nginx listens", Duration::from_secs(20), async || {
            match tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("{error}: {}", std::fs::read_to_string(&log).unwrap_or_default())),
            }
        })
        .await;
    }

    /// A request on a connection of its own.
    pub(super) fn attempt(&self, identity: &Identity) -> Attempt {
        let url = format!("https://127.0.0.1:{}/", self.port);
        let files = Arc::new((self.ca.clone(), identity.file("tls.crt"), identity.file("tls.key")));
        let expected = format!("CN={}", identity.project_user());
        // Only the first caller sets it; whoever came before has set the same.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Box::new(move || {
            let (url, files, expected) = (url.clone(), Arc::clone(&files), expected.clone());
            Box::pin(async move {
                let read = |path: &str| std::fs::read(path).map_err(|error| format!("{path}: {error}"));
                let pem = [read(&files.1)?, read(&files.2)?].concat();
                let roots =
                    reqwest::Certificate::from_pem_bundle(&read(&files.0)?).map_err(|error| error.to_string())?;
                let client = reqwest::Client::builder()
                    .tls_certs_only(roots)
                    .identity(reqwest::Identity::from_pem(&pem).map_err(|error| error.to_string())?)
                    .no_proxy()
                    .timeout(Duration::from_secs(20))
                    .build()
                    .map_err(|error| error.to_string())?;
                let answer = client.get(url).send().await.map_err(|error| format!("{error:?}"))?;
                let status = answer.status();
                let text = answer.text().await.map_err(|error| format!("{error:?}"))?;
                if status.is_success() && text.contains(&expected) { Ok(()) } else { Err(format!("{status}: {text}")) }
            })
        })
    }
}
