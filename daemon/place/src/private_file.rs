//! Files that hold a secret. One that somebody else may read is refused: they may have the secret by now, and nothing
//! shows that they do.
//!
//! Only regular files are judged. A pipe, a FIFO and what a shell passes as `/dev/fd/63` were opened for this process,
//! and their modes say nothing. What counts is the file that was opened: that is where a symbolic link leads, and
//! nobody can swap it between the look and the reading.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::account::Account;

/// Who besides its owner may read a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Nobody.
    Nobody,
    /// The members of a group that this process is in. It is for a daemon whose files are handed to it: root gives a
    /// file to a service by the service's group, and Kubernetes gives a secret by the group that `fsGroup` names, which
    /// is a supplementary one, and gives that group whole volumes. A file that everybody may read is never accepted; a
    /// secret that Kubernetes mounts needs a `defaultMode` such as 0440.
    OwnGroups,
}

/// Why a secret was not read.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// There is no such file, or it is not readable or not a text.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Somebody else may read it.
    #[error("{path} has mode {mode:04o}: it can be read by others: chmod 600 {path}")]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is somebody else's, who may read and change it.
    #[error("{path} belongs to user {owner}, and this is user {user}: use a file of your own, with mode 0600")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who reads.
        user: u32,
    },
}

/// Reads a secret, unless somebody other than this user, root and `readers` may read it.
pub fn read_private(path: &Path, readers: Readers) -> Result<String, PrivateFileError> {
    let failed = |source| PrivateFileError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_file() {
        let account = Account::current();
        let (mode, owner) = (metadata.mode() & 0o7777, metadata.uid());
        if !is_own(owner, &account) {
            return Err(PrivateFileError::Foreign { path: path.to_owned(), owner, user: account.user });
        }
        if !is_closed(mode, metadata.gid(), readers, &account) {
            return Err(PrivateFileError::Readable { path: path.to_owned(), mode });
        }
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// Root may read everything anyway, so a file of root is nobody else's.
fn is_own(owner: u32, account: &Account) -> bool {
    owner == account.user || owner == 0
}

fn is_closed(mode: u32, group: u32, readers: Readers, account: &Account) -> bool {
    let is_shared = readers == Readers::OwnGroups && account.groups.contains(&group);
    let others = if is_shared { 0o007 } else { 0o077 };
    mode & others == 0
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_the_owner_and_a_group_of_the_process_may_read() {
        let account = Account { user: 1000, groups: vec![1000, 2000] };
        // Mode, group, whether nobody else reads, whether only own groups do.
        let cases = [
            (0o600, 1000, true, true),
            (0o400, 3000, true, true),
            (0o640, 1000, false, true),
            (0o440, 2000, false, true),
            (0o660, 2000, false, true),
            (0o640, 3000, false, false),
            (0o644, 1000, false, false),
            (0o604, 1000, false, false),
            (0o602, 1000, false, false),
        ];
        for (mode, group, alone, shared) in cases {
            assert_eq!(is_closed(mode, group, Readers::Nobody, &account), alone, "{mode:o} of {group}");
            assert_eq!(is_closed(mode, group, Readers::OwnGroups, &account), shared, "{mode:o} of {group}");
        }
    }

    #[test]
    fn a_file_is_the_users_or_roots() {
        let account = |user| Account { user, groups: Vec::new() };
        assert!(is_own(1000, &account(1000)) && is_own(0, &account(1000)) && is_own(0, &account(0)));
        assert!(!is_own(1001, &account(1000)) && !is_own(1000, &account(0)));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_what_to_do_also_through_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("token"), directory.path().join("link"));
        write(&file, "secret").unwrap();
        std::os::unix::fs::symlink("token", &link).unwrap();
        set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        for path in [&file, &link] {
            let error = read_private(path, Readers::Nobody).unwrap_err().to_string();
            let path = path.display();
            assert_eq!(error, format!("{path} has mode 0644: it can be read by others: chmod 600 {path}"));
        }
        set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read_private(&link, Readers::Nobody).unwrap(), "secret");
        let missing = read_private(&directory.path().join("none"), Readers::Nobody);
        assert!(matches!(missing, Err(PrivateFileError::Read { .. })), "{missing:?}");
    }

    #[test]
    fn a_pipe_is_read_whatever_its_mode() {
        let (reader, mut writer) = io::pipe().unwrap();
        io::Write::write_all(&mut writer, b"secret").unwrap();
        drop(writer);
        let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        assert_eq!(read_private(Path::new(&path), Readers::Nobody).unwrap(), "secret");
    }
}
