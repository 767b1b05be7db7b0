//! Directories that nobody else can change: what lies in one is trusted because of where it lies.
//!
//! The rule is that of `StrictModes` of OpenSSH: the directory and every one above it belong to this user or to root,
//! and nobody else may write to them. Whoever may write to a directory can rename what is in it, and put something else
//! in its place. Symbolic links are followed first, so what counts is where the directory really is. The rule differs
//! in four points:
//!
//! - The directory itself belongs to this user, so root takes only directories of root.
//! - It does not end at the home directory, because a cluster may lie anywhere.
//! - A directory above may have the sticky bit, as `/tmp` has: nobody can rename there what is another's.
//! - A group may write if it has the number of the directory's owner: where each user has a group of that kind, and the
//!   umask is 002, every directory is made so. The OpenSSH of some distributions accepts that too.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::file::FileError;

/// Why a directory is not used.
#[derive(Debug, thiserror::Error)]
pub enum UnsafeDirectory {
    /// It is somebody else's.
    #[error(
        "{path} belongs to user {owner}, who could put something else in its place, and this is user {user}: run as \
         that user, or use a directory where everything on the way belongs to you or to root"
    )]
    Foreign {
        /// The directory, or one above it.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who would use it.
        user: u32,
    },
    /// Others may write to it.
    #[error(
        "{path} has mode {mode:04o} and group {group}: others may write to it, and so put something else in its place: \
         chmod go-w {path}, or use a directory where only you may write"
    )]
    Writable {
        /// The directory, or one above it.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// Its group.
        group: u32,
    },
    /// It cannot be looked at.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Checks a directory and everything above it. Of one that is not there yet, what is above it is checked.
pub fn check_directory(path: &Path) -> Result<(), UnsafeDirectory> {
    let nearest = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let real = fs::canonicalize(nearest).map_err(FileError::of("look at", nearest))?;
    let user = Account::current().user;
    for directory in real.ancestors() {
        let is_itself = nearest == path && directory == real;
        fault(directory, &Seen::at(directory)?, is_itself, user).map_or(Ok(()), Err)?;
    }
    Ok(())
}

/// Checks that a directory which is in use already is this user's.
pub fn check_owner(path: &Path) -> Result<(), UnsafeDirectory> {
    let (owner, user) = (Seen::at(path)?.owner, Account::current().user);
    if owner == user { Ok(()) } else { Err(UnsafeDirectory::Foreign { path: path.to_owned(), owner, user }) }
}

/// What is seen of a directory.
struct Seen {
    owner: u32,
    group: u32,
    mode: u32,
}

impl Seen {
    fn at(path: &Path) -> Result<Self, FileError> {
        let metadata = fs::metadata(path).map_err(FileError::of("look at", path))?;
        Ok(Self { owner: metadata.uid(), group: metadata.gid(), mode: metadata.mode() & 0o7777 })
    }
}

/// What is wrong with a directory, as the one itself or as one above it.
fn fault(path: &Path, seen: &Seen, is_itself: bool, user: u32) -> Option<UnsafeDirectory> {
    let Seen { owner, group, mode } = *seen;
    if owner != user && (is_itself || owner != 0) {
        return Some(UnsafeDirectory::Foreign { path: path.to_owned(), owner, user });
    }
    let by_group = mode & 0o020 != 0 && group != owner;
    let by_others = mode & 0o002 != 0;
    let is_sticky = mode & 0o1000 != 0 && !is_itself;
    ((by_group || by_others) && !is_sticky).then(|| UnsafeDirectory::Writable { path: path.to_owned(), mode, group })
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, create_dir, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_directory_is_safe_when_nobody_else_can_change_or_swap_it() {
        // Owner, group and mode; safe itself, and safe above another, for user 1000.
        let cases = [
            (1000, 1000, 0o755, true, true),
            (1000, 1000, 0o775, true, true),
            (1000, 100, 0o755, true, true),
            (1000, 100, 0o775, false, false),
            (1000, 1000, 0o777, false, false),
            (1000, 1000, 0o1777, false, true),
            (0, 0, 0o755, false, true),
            (0, 0, 0o1777, false, true),
            (0, 0, 0o777, false, false),
            (0, 1000, 0o775, false, false),
            (1001, 1001, 0o755, false, false),
        ];
        for (owner, group, mode, itself, above) in cases {
            let seen = Seen { owner, group, mode };
            let is_safe = |is_itself| fault(Path::new("/d"), &seen, is_itself, 1000).is_none();
            assert_eq!((is_safe(true), is_safe(false)), (itself, above), "{owner}:{group} {mode:o}");
        }
    }

    #[test]
    fn root_takes_what_is_roots() {
        let seen = |owner| Seen { owner, group: owner, mode: 0o700 };
        assert!(fault(Path::new("/d"), &seen(0), true, 0).is_none());
        for is_itself in [true, false] {
            assert!(fault(Path::new("/d"), &seen(1000), is_itself, 0).is_some());
        }
    }

    #[test]
    fn an_open_directory_is_refused_wherever_it_is_on_the_way() {
        let root = tempfile::tempdir().unwrap();
        let (open, inner, link) = (root.path().join("open"), root.path().join("open/in"), root.path().join("link"));
        create_dir(&open).unwrap();
        create_dir(&inner).unwrap();
        std::os::unix::fs::symlink(&inner, &link).unwrap();
        for path in [&open, &inner, &inner.join("new"), &link] {
            check_directory(path).unwrap();
        }
        set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
        for path in [&open, &inner, &inner.join("new"), &link] {
            let error = check_directory(path).unwrap_err().to_string();
            assert!(error.contains("mode 0777") && error.contains("chmod go-w"), "{}: {error}", path.display());
        }
        // As in `/tmp`, what is in it cannot be renamed by others; but they may put files into it.
        set_permissions(&open, Permissions::from_mode(0o1777)).unwrap();
        check_directory(&inner).unwrap();
        check_directory(&open).unwrap_err();
        check_owner(&open).unwrap();
    }
}
