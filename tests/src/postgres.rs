//! A PostgreSQL server for the tests of one process: in a directory of its own, on a Unix socket that only tests can
//! find, started when first asked for and gone with the process, however that ends.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A running server.
pub struct Server {
    /// Its input stays open until this process ends, and that is what ends it.
    _keeper: Child,
    directory: PathBuf,
    databases: AtomicU32,
}

/// Keeps the server for as long as somebody holds the other end of its input, and then leaves nothing behind. The
/// server does not run as root, so root starts it as another user.
const KEEPER: &str = r#"
set -eu
directory=$1 programs=$2
as=""
if [ "$(id -u)" = 0 ]; then
  as="setpriv --reuid=nobody --regid=nogroup --clear-groups"
  chown nobody:nogroup "$directory"
fi
trap 'rm -rf "$directory"' EXIT
if ! $as "$programs/initdb" -D "$directory/data" -U test -A trust -E UTF8 --no-sync >"$directory.log" 2>&1; then
  cat "$directory.log" >&2
  exit 1
fi
rm -f "$directory.log"
cd /
$as "$programs/postgres" -D "$directory/data" -k "$directory" -c listen_addresses= -c max_connections=400 \
  -c fsync=off -c shared_buffers=64MB >"$directory/server.log" 2>&1 &
server=$!
trap 'kill -INT $server 2>/dev/null || :; wait $server || :; rm -rf "$directory"' EXIT
echo started
read -r _ || :
"#;

/// The server that the tests of this process share.
pub fn shared() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

impl Server {
    fn start() -> Self {
        let programs = programs();
        let directory = tempfile::Builder::new().prefix("pg").tempdir().expect("a directory").keep();
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&directory)
            .arg(programs)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let mut line = String::new();
        let said = keeper.stdout.take().expect("its output is piped");
        BufReader::new(said).read_line(&mut line).expect("the keeper speaks");
        assert_eq!(line, "started\n", "PostgreSQL does not start; see above");
        let server = Self { _keeper: keeper, directory, databases: AtomicU32::new(0) };
        server.wait();
        server
    }

    fn wait(&self) {
        for _ in 0..1_000 {
            if self.psql("SELECT 1").is_ok() {
                return;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
        let log = std::fs::read_to_string(self.directory.join("server.log")).unwrap_or_default();
        panic!("PostgreSQL does not answer: {log}");
    }

    /// The address of a new, empty database.
    pub fn create_database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.psql(&format!("CREATE DATABASE {name}")).expect("a database is made");
        let socket: String = self.directory.to_string_lossy().replace('/', "%2F");
        format!("postgres://test@{socket}/{name}")
    }

    fn psql(&self, statement: &str) -> Result<(), String> {
        let output = Command::new("psql")
            .args(["-X", "-q", "-U", "test", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-c", statement, "-h"])
            .arg(&self.directory)
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}

/// Where PostgreSQL's own programs are; Debian keeps them off the path.
pub fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|path| path.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| {
        assert!(
            Path::new("/usr/bin/initdb").exists(),
            "PostgreSQL is missing: run `make test`, which installs it, or install it (Debian: apt-get install \
             postgresql)"
        );
        PathBuf::from("/usr/bin")
    })
}
