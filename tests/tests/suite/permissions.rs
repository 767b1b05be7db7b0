//! What other users of the machine can read of a cluster: what services and clients need, and nothing else.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use ringfence_tests::hcl::CLUSTER;
use ringfence_tests::{Setup, eventually};

/// What clients and services read, and so everybody may.
const READ_BY_OTHERS: &[&str] = &["ca.pem", "crl.pem", "endpoint", "tls.crt"];

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// What is open to others below this directory and should not be.
fn open_below(directory: &Path) -> Vec<String> {
    let mut open = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        // A file that is being replaced may have gone.
        let Ok(metadata) = entry.metadata() else { continue };
        let (path, mode) = (entry.path(), metadata.permissions().mode() & 0o777);
        // Directories may be passed through and not listed.
        let allowed = if metadata.is_dir() { 0o711 } else { 0o600 };
        let is_for_others = READ_BY_OTHERS.iter().any(|name| entry.file_name() == *name);
        if !metadata.is_symlink() && !is_for_others && mode & !allowed != 0 {
            open.push(format!("{} is {mode:o}", path.display()));
        }
        if metadata.is_dir() {
            open.extend(open_below(&path));
        }
    }
    open
}

#[tokio::test]
async fn nothing_but_what_services_and_clients_need_is_open_to_others() {
    let setup = Setup::applied(&[CLUSTER]).await;
    let cluster = setup.sandbox.path().join("cluster");
    assert_eq!((mode(&cluster), mode(&cluster.join("head"))), (0o711, 0o700));
    assert_eq!(mode(&cluster.join("head/ca.pem")), 0o644);
    assert_eq!(open_below(&cluster), [""; 0]);
}

#[tokio::test]
async fn what_an_earlier_version_left_open_is_closed_by_the_next_apply() {
    let setup = Setup::applied(&[CLUSTER]).await;
    let cluster = setup.sandbox.path().join("cluster");
    let file = cluster.join("cluster.json");
    for path in [&file, &cluster.join("head"), &cluster] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    setup.write(&[&CLUSTER.replace("count = 1", "count = 0")]);
    setup.terraform.apply(&[]).await.expect("apply");
    assert_eq!((mode(&file), mode(&cluster.join("head")), mode(&cluster)), (0o600, 0o700, 0o711));
    // The head closes what it keeps without being asked.
    let keys = cluster.join("head/operator_keys");
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).unwrap();
    eventually("the keys are closed", Duration::from_secs(20), async || {
        if mode(&keys) == 0o600 { Ok(()) } else { Err(format!("{:o}", mode(&keys))) }
    })
    .await;
}
