//! The moto server: a process of its own on a loopback port, which goes with its owner.

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::Value;

use crate::python::Python;

/// A moto server.
#[derive(Debug)]
pub struct Moto {
    /// What ends the server when it is closed.
    _connection: BufReader<UnixStream>,
    endpoint: String,
}

impl Moto {
    /// Starts moto of this Python environment on a free port.
    pub fn start(environment: &Path) -> Self {
        let mut connection = BufReader::new(Python::shared(environment).fork(&Value::Null));
        let mut address = String::new();
        connection.read_line(&mut address).expect("moto says where it listens");
        assert!(!address.is_empty(), "moto does not start; see above");
        Self { _connection: connection, endpoint: format!("http://{}", address.trim_end()) }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}
