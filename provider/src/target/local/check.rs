//! Whether a cluster could be made in its directory and on its port, which planning asks.

use std::path::Path as FilePath;
use std::sync::atomic::{AtomicU64, Ordering};

use ringfence_api::{ClusterName, OperatorPublicKey};
use ringfence_place::{port, safe_directory};
use tfplugin_rs::prelude::*;

use super::{DATABASE_FILE, Local, attribute};
use crate::target::{Sight, Target as _};

/// Tells the probes of this process apart.
static PROBES: AtomicU64 = AtomicU64::new(0);

impl Local {
    /// Whether the directory could be that cluster's. What cannot is said at the attribute.
    pub(super) fn check_directory(&self, name: &ClusterName, key: Option<&OperatorPublicKey>) -> Result<()> {
        let at = attribute().attr("directory");
        let refuse = |detail: String| Diagnostic::error("The directory cannot be used").detail(detail).at(at.clone());
        let shown = self.directory.display();
        if let Sight::Lost(lost) = self.look()? {
            return Err(lost.fault.into());
        }
        let Some(owner) = self.owner()? else { return Ok(self.check_new().map_err(refuse)?) };
        safe_directory::check_owner(&self.directory).map_err(|error| refuse(format!("{error}.")))?;
        if owner.name != *name {
            return Err(refuse(format!(
                "{shown} holds cluster {}, not {name}. Use another directory, or import that cluster.",
                owner.name
            ))
            .into());
        }
        if key.is_some_and(|key| !self.operator_keys(&owner).contains(key)) {
            return Err(refuse(format!(
                "{shown} holds cluster {name} of another operator token. Use that token, or another directory."
            ))
            .into());
        }
        Ok(())
    }

    /// Whether the head could listen there: on the port that it has, or on one that is free.
    pub(super) fn check_port(&self) -> Result<()> {
        let held = if matches!(self.look()?, Sight::Running(_)) { self.bound_port() } else { None };
        if let Some(number) = self.port.filter(|number| *number != 0 && Some(*number) != held) {
            port::check_loopback(number).map_err(|error| {
                Diagnostic::error("The port is taken")
                    .detail(format!("{error}, or leave `port` out to have a free one chosen."))
                    .at(attribute().attr("port"))
            })?;
        }
        Ok(())
    }

    /// Whether a cluster can be made here, and nobody else can change it or put another one in its place.
    fn check_new(&self) -> std::result::Result<(), String> {
        self.check_writable()?;
        safe_directory::check_directory(&self.directory).map_err(|error| format!("{error}."))
    }

    /// Tries what creating will do: a directory in the nearest one that exists, removed at once. Permission bits
    /// alone do not tell.
    fn check_writable(&self) -> std::result::Result<(), String> {
        let shown = self.directory.display();
        if self.directory.is_dir() {
            let foreign = std::fs::read_dir(&self.directory).map_err(|error| format!("{shown}: {error}."))?.flatten();
            // What an interrupted claim or plan may have left.
            let ours = |name: &str| {
                [".ringfence", ".cluster.json", "..cluster.json"].iter().any(|left| name.starts_with(left))
            };
            if foreign.into_iter().any(|entry| !ours(&entry.file_name().to_string_lossy())) {
                return Err(self.foreign_files());
            }
        }
        let nearest = self.directory.ancestors().find(|path| path.exists()).unwrap_or(FilePath::new("/"));
        if !nearest.is_dir() {
            return Err(format!("{} is not a directory.", nearest.display()));
        }
        // Several clusters of one configuration may be planned at once.
        let number = PROBES.fetch_add(1, Ordering::Relaxed);
        let probe = nearest.join(format!(".ringfence-probe-{}-{number}", std::process::id()));
        std::fs::create_dir(&probe).and_then(|()| std::fs::remove_dir(&probe)).map_err(|error| {
            format!("Nothing can be created in {}: {error}. Use a directory that you may write.", nearest.display())
        })
    }

    /// What is wrong with a directory that is not empty and not known to be a cluster's.
    fn foreign_files(&self) -> String {
        let shown = self.directory.display();
        if self.head().join(DATABASE_FILE).exists() {
            return format!(
                "{shown} holds the database of a head, and neither cluster.json nor head/serve.toml, which say whose \
                 it is. Restore one of them from a backup, or use another directory."
            );
        }
        format!("{shown} holds files that are not a cluster's. Use an empty or a new directory.")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, create_dir, metadata, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_open_directory_is_refused_for_a_new_cluster_and_closed_for_one_that_is_there() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("cluster");
        create_dir(&directory).unwrap();
        set_permissions(&directory, Permissions::from_mode(0o777)).unwrap();
        let local = Local::at(directory.to_str().unwrap());
        let (name, key) = (ClusterName::parse("main").unwrap(), OperatorPublicKey::from_base64("a-key"));
        for refused in [local.check(&name, None), local.claim(&name, &key).map(drop)] {
            let error = refused.unwrap_err().to_string();
            assert!(error.contains("has mode 0777") && error.contains("chmod go-w"), "{error}");
        }
        set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
        local.claim(&name, &key).unwrap();
        let file = directory.join("cluster.json");
        let mode = |path: &FilePath| metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&file)), (0o711, 0o600));
        for path in [&directory, &file] {
            set_permissions(path, Permissions::from_mode(0o777)).unwrap();
        }
        local.claim(&name, &key).unwrap();
        assert_eq!((mode(&directory), mode(&file)), (0o711, 0o600));
    }
}
