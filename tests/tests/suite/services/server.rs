//! Where a service's things are, and its process: in the foreground, under an account of its own if the tests run as
//! root, gone with the test however that ends.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// The account of services when root runs the tests.
pub(super) const ACCOUNT: (&str, &str) = ("nobody", "nogroup");

/// Runs a program until the input ends, and then ends it with the signal in its first argument.
const KEEPER: &str = r#"
signal=$1; shift
"$@" & server=$!
trap 'kill -s "$signal" $server 2>/dev/null || :; wait $server || :' EXIT
read -r _ || :
"#;

/// The directories that services of a node use.
pub(super) struct Place {
    /// What the agent keeps.
    node: PathBuf,
    /// What servers keep.
    servers: PathBuf,
}

impl Place {
    pub(super) fn new(cluster: &Path, node: &str) -> Self {
        let passage = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(cluster, passage).unwrap();
        let servers = cluster.join("servers");
        std::fs::create_dir(&servers).unwrap();
        Self { node: cluster.join("nodes").join(node), servers }
    }

    /// A directory of the server's own.
    pub(super) fn directory(&self, server: &str) -> PathBuf {
        let path = self.servers.join(server);
        std::fs::create_dir(&path).unwrap();
        if is_root() {
            run(Command::new("chown").arg(format!("{}:{}", ACCOUNT.0, ACCOUNT.1)).arg(&path));
        }
        path
    }

    /// A file that the agent keeps for a service.
    pub(super) fn file(&self, service: &str, file: &str) -> String {
        self.node.join("services").join(service).join("current").join(file).display().to_string()
    }

    /// A file of the node's trust.
    pub(super) fn trust(&self, file: &str) -> String {
        self.node.join("trust").join(file).display().to_string()
    }
}

/// A service as it is declared: its key is its own, and a script tells it.
pub(super) fn service(user: &str, reload: &str, check: Option<&str>) -> Value {
    let command = |script: &str| json!({ "command": ["sh", "-c", script], "timeout": "30s" });
    let (owner, group) = if is_root() { (Some(ACCOUNT.0), Some(ACCOUNT.1)) } else { (None, None) };
    json!({
        "user": user,
        "ip_addresses": ["127.0.0.1"],
        "node_groups": ["workers"],
        "files": { "owner": owner, "group": group, "private": true },
        "check": check.map(command),
        "reload": command(reload),
    })
}

/// A server that runs for as long as this.
pub(super) struct Server {
    keeper: Child,
}

impl Server {
    /// Starts a program, and ends it with `signal`.
    pub(super) fn start(signal: &str, command: &[&str], log: &Path) -> Self {
        let log = std::fs::File::create(log).unwrap();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper", signal])
            .args(command)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { keeper }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A program that Debian keeps where only root looks.
pub(super) fn system_program(name: &str) -> String {
    let path = format!("/usr/sbin/{name}");
    if Path::new(&path).exists() { path } else { name.to_owned() }
}

/// A command as the account of services.
pub(super) fn as_account<'a>(command: &[&'a str]) -> Vec<&'a str> {
    let mut whole = Vec::new();
    if is_root() {
        whole.extend(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
    }
    whole.extend(command);
    whole
}

/// Runs a command to its good end.
pub(super) fn run(command: &mut Command) {
    let output =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; `make test` installs what it needs"));
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
}

pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A port of the loopback interface that nobody uses.
pub(super) fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
