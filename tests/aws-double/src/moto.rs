//! The moto server: a process of its own on a loopback port, which goes with its owner.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A moto server.
#[derive(Debug)]
pub struct Moto {
    child: Child,
    endpoint: String,
}

impl Moto {
    /// Starts `moto_server` of this Python environment on a free port, and waits until it answers.
    pub async fn start(environment: &Path) -> Self {
        let program = environment.join("bin/moto_server");
        assert!(program.exists(), "{} is missing: run `make test`, or tests/set-up.sh", program.display());
        let mut child = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "false")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto starts");
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let (found, address) = std::sync::mpsc::channel();
        // Goes on reading, so that moto is never held up by a full pipe; ends with it.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("Running on http://") {
                    let _ = found.send(rest.trim().to_owned());
                }
            }
        });
        let address = address.recv_timeout(Duration::from_mins(1)).expect("moto says where it listens");
        let endpoint = format!("http://{address}");
        let moto = Self { child, endpoint };
        let deadline = Instant::now() + Duration::from_mins(1);
        while reqwest::get(format!("{}/moto-api/data.json", moto.endpoint)).await.is_err() {
            assert!(Instant::now() < deadline, "moto does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        moto
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
