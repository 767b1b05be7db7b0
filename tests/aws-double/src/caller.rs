//! The process at the other end of a connection, for killing it as a crash would.

use std::net::{IpAddr, SocketAddr};

use rustix::process::{Pid, Signal, kill_process};

/// Kills the process that holds the other end of a connection over loopback. Never this one.
pub(crate) fn kill(peer: SocketAddr) {
    let socket = socket(peer).expect("the connection is in the kernel's table");
    let pid = holder(&socket).expect("a process holds the connection");
    assert_ne!(pid, i32::try_from(std::process::id()).expect("a pid"), "the caller is a process of its own");
    let pid = Pid::from_raw(pid).expect("a pid");
    kill_process(pid, Signal::KILL).expect("the caller is killed");
}

/// The socket's name under `/proc/PID/fd`; the table is told in proc(5).
fn socket(peer: SocketAddr) -> Option<String> {
    let IpAddr::V4(address) = peer.ip() else { return None };
    let local = format!("{:08X}:{:04X}", u32::from_le_bytes(address.octets()), peer.port());
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let inode = lines.into_iter().find(|fields| fields.get(1) == Some(&local.as_str()))?.get(9)?.to_string();
    Some(format!("socket:[{inode}]"))
}

fn holder(socket: &str) -> Option<i32> {
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()).find(|pid| {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        open.filter_map(|file| std::fs::read_link(file.path()).ok()).any(|target| target.as_os_str() == socket)
    })
}
