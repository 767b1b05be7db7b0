//! Notifications of the head and of an agent to a service manager, on a socket like systemd's.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use ringfence_tests::{Head, Sandbox};

/// Everything that is received until this.
fn heard(socket: &UnixDatagram, until: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut buffer = [0; 1_024];
    while !all.iter().any(|line: &String| line.starts_with(until)) {
        let length =
            socket.recv(&mut buffer).unwrap_or_else(|error| panic!("{until} is not said, but {all:?}: {error}"));
        all.extend(String::from_utf8_lossy(&buffer[..length]).lines().map(ToOwned::to_owned));
    }
    all
}

#[tokio::test]
async fn the_head_notifies_that_it_is_ready_alive_and_stopping() {
    let sandbox = Sandbox::new();
    let path = sandbox.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut head = Head::prepare(sandbox.path());
    head.restart(&[("NOTIFY_SOCKET", path.to_str().unwrap())]).await;
    let said = heard(&socket, "READY=1");
    assert_eq!(said[0], "READY=1", "before anything else: {said:?}");
    let status = format!("STATUS=cluster test at {}", head.connection().endpoint);
    assert!(said.contains(&status), "{said:?}");
    heard(&socket, "WATCHDOG=1");
    head.stop().await;
    heard(&socket, "STOPPING=1");
}
