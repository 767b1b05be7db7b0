//! A cluster of which parts are gone.
//!
//! Everything that a cluster has issued is in its head's database. A head that is made anew would be another root under
//! the same identity, so a lost one is told and never made again. The rest is made again from what is left:
//!
//! | gone | what happens |
//! | --- | --- |
//! | everything | the cluster is gone, and another one is made |
//! | `head/`, or the database in it | told: restored, replaced or removed by whoever can decide that |
//! | `cluster.json` and `head/serve.toml` | the same: nothing says whose directory it is, but the nodes may |
//! | one of these two | written again, from the other one |
//! | `ca.pem`, `endpoint` | written again by the head |

use std::path::{Path as FilePath, PathBuf};

use ringfence_api::ClusterId;
use serde::Deserialize;
use tfplugin_rs::prelude::*;

use super::{DATABASE_FILE, Local, attribute, failed, is_missing};
use crate::target::{Lost, Owner};

/// What to do when there is no backup.
const WITHOUT_BACKUP: &str = "Without a backup another cluster can take its place, and every certificate, member and \
                              token of this one is lost: apply with `-replace=ringfence_cluster.NAME`, or remove the \
                              resource by `terraform state rm` and delete the directory. A cluster that is protected \
                              from deletion is unprotected first: apply `running = false` and \
                              `deletion_protection = false`, which starts nothing.";

impl Local {
    /// What is gone of a head that does not run, if it cannot be started as the one that it was.
    pub(super) fn lost_head(&self, owner: &Owner) -> Result<Option<Lost>> {
        if !self.has_had_root()? {
            return Ok(None);
        }
        let (head, database) = (self.head(), self.head().join(DATABASE_FILE));
        let gone = if is_gone(&head)? {
            head
        } else if !self.is_configured("database") && is_gone(&database)? {
            database
        } else {
            return Ok(None);
        };
        let detail = format!(
            "{} is not there, and with it the authority of the cluster. A head that was made in its place would be \
             another root under the same identity, so none is started. Restore it with `ringfenced restore --directory \
             {}`, or put back a copy of the directory, and apply. {WITHOUT_BACKUP}",
            gone.display(),
            self.head().display()
        );
        Ok(Some(lost(Some(owner.id), format!("The head of cluster {} is gone", owner.name), detail)))
    }

    /// What is left where neither `cluster.json` nor the head's configuration says whose directory it is.
    pub(super) fn lost_owner(&self) -> Result<Option<Lost>> {
        let id = self.cluster_of_nodes();
        let is_left = self.had_root && (self.has_nodes() || !is_gone(&self.head())?);
        if id.is_none() && !is_left {
            return Ok(None);
        }
        let directory = self.directory.display();
        let whose = match id {
            Some(id) => format!("Its nodes say that it is that of cluster {id}. {WITHOUT_BACKUP}"),
            None => "Nothing else proves that it is the cluster's, so nothing in it is stopped or removed. Without a \
                     backup, remove the resource by `terraform state rm` and delete the directory: its processes end \
                     by themselves."
                .to_owned(),
        };
        let detail = format!(
            "{directory} has neither cluster.json nor head/serve.toml, which say whose it is. Restore the directory \
             from a backup, and apply. {whose}"
        );
        Ok(Some(lost(id, "It is not known whose directory this is".to_owned(), detail)))
    }

    /// Whether a head that is not there was there: whoever asks has reached it, it is noted, or it has launched nodes.
    fn has_had_root(&self) -> Result<bool> {
        Ok(self.had_root || self.has_nodes() || self.has_recorded_root()?)
    }

    fn has_nodes(&self) -> bool {
        self.node_directories().next().is_some()
    }

    fn node_directories(&self) -> impl Iterator<Item = PathBuf> + use<> {
        let entries = std::fs::read_dir(self.directory.join("nodes")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir())
    }

    /// The cluster whose nodes lie here, if all of them say the same.
    fn cluster_of_nodes(&self) -> Option<ClusterId> {
        let mut ids = self.node_directories().filter_map(|node| cluster_of(&node));
        let first = ids.next()?;
        ids.all(|id| id == first).then_some(first)
    }
}

/// The cluster that a node's agent obeys, by the configuration that its head wrote.
fn cluster_of(node: &FilePath) -> Option<ClusterId> {
    #[derive(Deserialize)]
    struct Agent {
        connection: Cluster,
    }
    #[derive(Deserialize)]
    struct Cluster {
        cluster_id: ClusterId,
    }
    let text = std::fs::read(node.join("agent.json")).ok()?;
    serde_json::from_slice::<Agent>(&text).ok().map(|agent| agent.connection.cluster_id)
}

/// Whether there is nothing at a path. That nobody may look is another answer.
fn is_gone(path: &FilePath) -> Result<bool> {
    match path.try_exists() {
        Ok(exists) => Ok(!exists),
        Err(error) if is_missing(&error) => Ok(true),
        Err(error) => Err(failed("The head cannot be looked at", &error)),
    }
}

fn lost(id: Option<ClusterId>, summary: String, detail: String) -> Lost {
    Lost { id, fault: Diagnostic::error(summary).detail(detail).at(attribute()) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ringfence_api::cluster::AuthoritySettings;
    use ringfence_api::{ClusterName, OperatorPublicKey};

    use super::*;
    use crate::target::{Claimed, Sight, Target as _};

    /// A cluster that was claimed in this directory, and whose head was never made.
    fn claimed(directory: &FilePath) -> (Local, Owner) {
        let local = Local::at(directory.join("cluster").to_str().unwrap());
        let name = ClusterName::parse("main").unwrap();
        let claimed = local.claim(&name, &OperatorPublicKey::from_base64("a-key")).unwrap();
        let (Claimed::Made(owner) | Claimed::Found(owner)) = claimed;
        (local, owner)
    }

    /// Makes what a head leaves.
    fn make_head(local: &Local, owner: &Owner) {
        let node = local.directory.join("nodes/head");
        fs::create_dir_all(&node).unwrap();
        fs::create_dir_all(local.head()).unwrap();
        fs::write(local.head().join(DATABASE_FILE), "").unwrap();
        let agent = serde_json::json!({ "node": "head", "connection": { "cluster_id": owner.id } });
        fs::write(node.join("agent.json"), agent.to_string()).unwrap();
    }

    /// What is lost of it.
    fn lost_of(local: &Local) -> Lost {
        match local.look().unwrap() {
            Sight::Lost(lost) => lost,
            _ => panic!("nothing of it is lost"),
        }
    }

    #[tokio::test]
    async fn a_head_that_was_there_is_not_made_again() {
        let directory = tempfile::tempdir().unwrap();
        let (mut local, owner) = claimed(directory.path());
        assert!(matches!(local.look().unwrap(), Sight::Stopped(_)), "it was never made");
        local.had_root = true;
        let refused = local.ensure_head(&owner, &AuthoritySettings::default()).await.unwrap_err().to_string();
        assert!(refused.contains("The head of cluster main is gone") && !local.head().exists(), "{refused}");
        // It need not be told by whoever asks.
        local.had_root = false;
        local.record_root().unwrap();
        assert_eq!(lost_of(&local).id, Some(owner.id));
        make_head(&local, &owner);
        assert!(matches!(local.look().unwrap(), Sight::Stopped(_)), "it is there again");
    }

    #[test]
    fn what_is_gone_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let (local, owner) = claimed(directory.path());
        make_head(&local, &owner);
        let database = local.head().join(DATABASE_FILE);
        fs::remove_file(&database).unwrap();
        let told = lost_of(&local).fault.to_string();
        assert!(told.contains(&format!("{} is not there", database.display())), "{told}");
        // One that somebody keeps elsewhere is not looked for here.
        fs::write(local.head().join(super::super::CONFIG_FILE), "[database]\npostgres_file = \"address\"\n").unwrap();
        assert!(matches!(local.look().unwrap(), Sight::Stopped(_)));
        fs::remove_dir_all(local.head()).unwrap();
        let told = lost_of(&local).fault.to_string();
        assert!(told.contains(&format!("{} is not there", local.head().display())), "{told}");
    }

    #[test]
    fn nodes_prove_whose_directory_it_is_if_they_agree() {
        let directory = tempfile::tempdir().unwrap();
        let (mut local, owner) = claimed(directory.path());
        make_head(&local, &owner);
        fs::remove_file(local.directory.join("cluster.json")).unwrap();
        assert_eq!(lost_of(&local).id, Some(owner.id));
        let stranger = local.directory.join("nodes/stranger");
        fs::create_dir(&stranger).unwrap();
        let agent = serde_json::json!({ "connection": { "cluster_id": ClusterId::random() } });
        fs::write(stranger.join("agent.json"), agent.to_string()).unwrap();
        assert!(matches!(local.look().unwrap(), Sight::Gone), "whoever knows nothing of it sees other people's files");
        local.had_root = true;
        assert_eq!(lost_of(&local).id, None);
        fs::remove_dir_all(&local.directory).unwrap();
        assert!(matches!(local.look().unwrap(), Sight::Gone));
    }
}
