//! Whose directory it is: the first who links `cluster.json` owns it.

use ringfence_api::{ClusterId, ClusterName, OperatorPublicKey};
use ringfence_place::file::atomic_write;
use ringfence_place::process::create_passage;
use serde::Deserialize;
use tfplugin_rs::prelude::*;

use super::{Local, failed};
use crate::target::{Claimed, Owner};

/// Says whose directory it is.
const OWNER_FILE: &str = "cluster.json";

impl Local {
    /// Makes the directory the cluster's, or finds that it is.
    pub(super) fn claim_directory(&self, name: &ClusterName, key: &OperatorPublicKey) -> Result<Claimed> {
        create_passage(&self.directory).map_err(|error| failed("The directory cannot be used", &error))?;
        // A cluster whose `cluster.json` was lost gets it back.
        let lost = self.owner()?.filter(|_| !self.directory.join(OWNER_FILE).exists());
        let fresh = || Owner { id: ClusterId::random(), name: name.clone(), operator_key: key.clone() };
        let (owner, is_lost) = lost.map_or_else(|| (fresh(), false), |owner| (owner, true));
        let path = self.directory.join(OWNER_FILE);
        let text = serde_json::to_string_pretty(&owner).expect("an owner serializes");
        // A hard link is made whole or not at all, and never over another one.
        let beside = self.directory.join(format!(".cluster.json.{}", std::process::id()));
        let linked = atomic_write(&beside, text.as_bytes(), 0o644)
            .map_err(|error| failed("The directory cannot be used", &error))
            .map(|()| std::fs::hard_link(&beside, &path));
        let _ = std::fs::remove_file(&beside);
        match linked? {
            Ok(()) if is_lost => Ok(Claimed::Found(owner)),
            Ok(()) => Ok(Claimed::Made(owner)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                self.check_directory(name, Some(key))?;
                let owner = self.owner()?;
                let found = owner.ok_or_else(|| Diagnostic::error("The directory was removed while it was claimed"))?;
                Ok(Claimed::Found(found))
            }
            Err(error) => Err(failed("The directory cannot be used", &error)),
        }
    }

    /// Whose directory it is, by its own file, or by the head's configuration when that was lost.
    pub(super) fn owner(&self) -> Result<Option<Owner>> {
        let path = self.directory.join(OWNER_FILE);
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| {
                Diagnostic::error("The directory's cluster.json cannot be understood")
                    .detail(format!("{}: {error}.", path.display()))
                    .into()
            }),
            Err(error) if is_missing(&error) => Ok(self.configured_owner()),
            Err(error) => Err(failed("The directory cannot be read", &error)),
        }
    }

    /// The owner in the head's configuration, if there is one.
    fn configured_owner(&self) -> Option<Owner> {
        #[derive(Deserialize)]
        struct Config {
            cluster: Owner,
        }
        let text = std::fs::read_to_string(self.head().join("serve.toml")).ok()?;
        toml::from_str::<Config>(&text).ok().map(|config| config.cluster)
    }

    /// Whose signature logs in: what the head has last said, or the key that the cluster is made with.
    pub(super) fn operator_keys(&self, owner: &Owner) -> Vec<OperatorPublicKey> {
        match std::fs::read_to_string(self.head().join("operator_keys")) {
            Ok(text) => text.lines().map(OperatorPublicKey::from_base64).collect(),
            Err(_) => vec![owner.operator_key.clone()],
        }
    }

    /// Makes it nobody's directory.
    pub(super) fn remove_owner(&self) -> Result<()> {
        match std::fs::remove_file(self.directory.join(OWNER_FILE)) {
            Err(error) if !is_missing(&error) => Err(failed("The cluster's file cannot be removed", &error)),
            _ => Ok(()),
        }
    }
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}
