//! Whose directory it is: the first who links `cluster.json` owns it. Only this user reads and writes that file.

use std::path::Path as FilePath;

use ringfence_api::{ClusterId, ClusterName, OperatorPublicKey};
use ringfence_place::file::{atomic_write, restrict};
use ringfence_place::process::create_passage;
use serde::{Deserialize, Serialize};
use tfplugin_rs::prelude::*;

use super::{CONFIG_FILE, Local, failed, is_missing};
use crate::target::{Claimed, Owner};

/// Says whose directory it is.
const OWNER_FILE: &str = "cluster.json";
/// The mode of that file.
const MODE: u32 = 0o600;

/// The content of that file.
#[derive(Serialize, Deserialize)]
struct Recorded {
    #[serde(flatten)]
    owner: Owner,
    /// Whether its head has been reached once, and so has a root: if it is not there, it is lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    had_root: bool,
}

impl Recorded {
    fn write(&self, path: &FilePath) -> Result<()> {
        let text = serde_json::to_string_pretty(self).expect("an owner serializes");
        atomic_write(path, text.as_bytes(), MODE).map_err(|error| failed("The directory cannot be used", &error))
    }
}

impl Local {
    /// Makes the directory the cluster's, or finds that it is. What an earlier version left open to others is closed.
    pub(super) fn claim_directory(&self, name: &ClusterName, key: &OperatorPublicKey) -> Result<Claimed> {
        create_passage(&self.directory).map_err(|error| failed("The directory cannot be used", &error))?;
        // A cluster whose `cluster.json` was lost gets it back.
        let lost = self.owner()?.filter(|_| !self.directory.join(OWNER_FILE).exists());
        let fresh = || Owner { id: ClusterId::random(), name: name.clone(), operator_key: key.clone() };
        let (owner, is_lost) = lost.map_or_else(|| (fresh(), false), |owner| (owner, true));
        let path = self.directory.join(OWNER_FILE);
        let recorded = Recorded { owner, had_root: false };
        // A hard link is made whole or not at all, and never over another one.
        let beside = self.directory.join(format!(".cluster.json.{}", std::process::id()));
        let linked = recorded.write(&beside).map(|()| std::fs::hard_link(&beside, &path));
        let _ = std::fs::remove_file(&beside);
        match linked? {
            Ok(()) if is_lost => Ok(Claimed::Found(recorded.owner)),
            Ok(()) => Ok(Claimed::Made(recorded.owner)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                self.check_directory(name, Some(key))?;
                restrict(&path, MODE).map_err(|error| failed("The directory cannot be used", &error))?;
                let owner = self.owner()?;
                let found = owner.ok_or_else(|| Diagnostic::error("The directory was removed while it was claimed"))?;
                Ok(Claimed::Found(found))
            }
            Err(error) => Err(failed("The directory cannot be used", &error)),
        }
    }

    /// Whose directory it is, by its own file, or by the head's configuration when that was lost.
    pub(super) fn owner(&self) -> Result<Option<Owner>> {
        Ok(self.recorded()?.map(|recorded| recorded.owner).or_else(|| self.configured_owner()))
    }

    /// Whether it is noted that the head has been reached.
    pub(super) fn has_recorded_root(&self) -> Result<bool> {
        Ok(self.recorded()?.is_some_and(|recorded| recorded.had_root))
    }

    /// Notes that the head has been reached.
    pub(super) fn record_root(&self) -> Result<()> {
        match self.recorded()? {
            Some(recorded) if !recorded.had_root => {
                Recorded { had_root: true, ..recorded }.write(&self.directory.join(OWNER_FILE))
            }
            _ => Ok(()),
        }
    }

    fn recorded(&self) -> Result<Option<Recorded>> {
        let path = self.directory.join(OWNER_FILE);
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| {
                Diagnostic::error("The directory's cluster.json cannot be understood")
                    .detail(format!("{}: {error}.", path.display()))
                    .into()
            }),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(failed("The directory cannot be read", &error)),
        }
    }

    /// The owner in the head's configuration, if there is one.
    fn configured_owner(&self) -> Option<Owner> {
        #[derive(Deserialize)]
        struct Config {
            cluster: Owner,
        }
        let text = std::fs::read_to_string(self.head().join(CONFIG_FILE)).ok()?;
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
