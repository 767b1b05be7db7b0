//! A Python process that has loaded moto and boto3, which takes seconds, and forks for each server and each script. The
//! tests of one process share it, and it ends with them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::ACCOUNT;

/// The process.
#[derive(Debug)]
pub struct Python {
    /// Its input stays open until this process ends, and that is what ends it.
    _process: Child,
    socket: PathBuf,
}

impl Python {
    /// The one of this process, from this Python environment.
    pub fn shared(environment: &Path) -> &'static Self {
        static PYTHON: OnceLock<Python> = OnceLock::new();
        PYTHON.get_or_init(|| Self::start(environment))
    }

    fn start(environment: &Path) -> Self {
        let program = environment.join("bin/python");
        assert!(program.exists(), "{} is missing: run `make test`, or tests/set-up.sh", program.display());
        let mut process = Command::new(program)
            .args(["-c", include_str!("python.py"), ACCOUNT])
            .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "false")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let mut line = String::new();
        let said = process.stdout.take().expect("its output is piped");
        BufReader::new(said).read_line(&mut line).expect("Python speaks");
        assert!(!line.is_empty(), "Python cannot load moto and boto3; see above");
        Self { _process: process, socket: line.trim_end().into() }
    }

    /// A process of its own for this request; null for a moto server.
    pub(crate) fn fork(&self, request: &Value) -> UnixStream {
        let mut stream = UnixStream::connect(&self.socket).expect("Python runs");
        stream.write_all(format!("{request}\n").as_bytes()).expect("Python listens");
        stream
    }

    /// Runs a script with more environment, to its end. What it printed, or what went wrong.
    pub async fn run(&self, script: &str, environment: &[(&str, &str)]) -> Result<String, String> {
        let environment: serde_json::Map<String, Value> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let stream = self.fork(&json!({ "script": script, "environment": environment }));
        let reading = tokio::task::spawn_blocking(move || std::io::read_to_string(stream));
        let said = reading.await.expect("reading does not panic").expect("Python writes UTF-8");
        match said.strip_suffix("\nended\n") {
            Some(said) => Ok(said.to_owned()),
            None => Err(said),
        }
    }
}
