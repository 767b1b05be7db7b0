//! Clients that never stop: each makes one handshake after the other, with the credentials that the daemon keeps and,
//! in turn, with a certificate of that moment.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ringfence_api::Client;
use ringfence_api::certificate::PostIdentityCertificate;
use ringfence_pki::PrivateKey;
use ringfence_place::file::atomic_write;
use ringfence_tests::eventually;
use tokio::task::JoinHandle;

use crate::api::world::{World, project, user};

/// One handshake, and whether it let the client in.
pub(super) type Attempt = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// The credentials of a member, in files.
pub(super) struct Identity {
    user: String,
    directory: PathBuf,
}

impl Identity {
    pub(super) fn new(world: &World, client: &str, user: &str) -> Self {
        let directory = world.sandbox.path().join("clients").join(client);
        std::fs::create_dir_all(&directory).unwrap();
        Self { user: user.to_owned(), directory }
    }

    /// Takes the credentials that the daemon keeps.
    pub(super) async fn refresh(&self, client: &Client) -> Result<(), String> {
        let got = client.member_credentials(&project("fraud"), &user(&self.user)).await;
        let got = got.map_err(|error| format!("credentials: {error}"))?;
        self.write(&got.chain, &got.private_key)
    }

    /// Has a key of its own certified, by whoever signs now.
    pub(super) async fn certify(&self, client: &Client) -> Result<(), String> {
        let key = PrivateKey::generate().unwrap();
        let post = PostIdentityCertificate { request: key.request("x").unwrap(), lifetime: None };
        let got = client.issue_member_certificate(&project("fraud"), &user(&self.user), &post).await;
        let got = got.map_err(|error| format!("certificate: {error}"))?;
        self.write(&got.chain, &key.to_pem())
    }

    fn write(&self, chain: &str, key: &str) -> Result<(), String> {
        for (file, content) in [("tls.crt", chain), ("tls.key", key)] {
            let path = self.directory.join(file);
            atomic_write(&path, content.as_bytes(), 0o600).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    pub(super) fn project_user(&self) -> String {
        format!("fraud__{}", self.user)
    }
}

/// An attempt by a program that ends well when it was let in.
pub(super) fn program(make: impl Fn() -> Command + Send + Sync + 'static) -> Attempt {
    let make = Arc::new(make);
    Box::new(move || {
        let make = Arc::clone(&make);
        Box::pin(async move {
            let output = tokio::process::Command::from(make()).kill_on_drop(true).output();
            let output =
                tokio::time::timeout(Duration::from_secs(20), output).await.map_err(|_| "no answer in 20 s")?;
            let output = output.map_err(|error| error.to_string())?;
            if output.status.success() {
                Ok(())
            } else {
                Err(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
            }
        })
    })
}

/// Clients at work.
pub(super) struct Traffic {
    stopped: Arc<AtomicBool>,
    clients: Vec<(&'static str, Arc<AtomicU64>, JoinHandle<()>)>,
    failures: Arc<Mutex<Vec<String>>>,
}

impl Traffic {
    /// Starts a client for each attempt; `attempts` is asked once per client, for an identity of its own.
    pub(super) fn start(world: &World, attempts: impl Fn(&Identity) -> Vec<(&'static str, Attempt)>) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let failures = Arc::new(Mutex::new(Vec::new()));
        let count = attempts(&Identity::new(world, "client", "alice")).len();
        let clients = (0..count).map(|index| {
            let identity = Identity::new(world, &format!("client-{index}"), "alice");
            let (name, attempt) = attempts(&identity).swap_remove(index);
            let done = Arc::new(AtomicU64::new(0));
            let (stopped, failures, counted) = (Arc::clone(&stopped), Arc::clone(&failures), Arc::clone(&done));
            let client = world.head.operator();
            let task = tokio::spawn(async move {
                for round in 0_u64.. {
                    if stopped.load(Ordering::Relaxed) {
                        break;
                    }
                    let made = async {
                        if round.is_multiple_of(2) {
                            identity.refresh(&client).await?;
                        } else {
                            identity.certify(&client).await?;
                        }
                        attempt().await
                    };
                    match made.await {
                        Ok(()) => {
                            counted.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => failures.lock().unwrap().push(format!("{name}: {error}")),
                    }
                }
            });
            (name, done, task)
        });
        let clients = clients.collect();
        Self { stopped, clients, failures }
    }

    /// Waits until every client has got in some more times.
    pub(super) async fn goes_on(&self) {
        for (name, done, _) in &self.clients {
            let until = done.load(Ordering::Relaxed) + 5;
            eventually(&format!("{name} gets in five more times"), Duration::from_mins(1), async || {
                if done.load(Ordering::Relaxed) >= until {
                    Ok(())
                } else {
                    Err(format!("{:?}", self.failures.lock().unwrap()))
                }
            })
            .await;
        }
    }

    /// How many got in, and what went wrong.
    pub(super) async fn stop(self) -> (u64, Vec<String>) {
        self.stopped.store(true, Ordering::Relaxed);
        let mut handshakes = 0;
        for (name, done, task) in self.clients {
            task.await.unwrap();
            println!("{name}: {} handshakes", done.load(Ordering::Relaxed));
            handshakes += done.load(Ordering::Relaxed);
        }
        (handshakes, self.failures.lock().unwrap().clone())
    }
}
