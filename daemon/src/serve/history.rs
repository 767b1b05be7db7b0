//! What the daemon knows of its database's history from outside of the database: a note beside it of how far it was,
//! and what the nodes of this machine hold. With that it notices a database that was put back by a copy of its files.

use std::path::Path;

use ringfence_agent::Disk;
use ringfence_api::incarnation::{Heard, Point};
use ringfence_pki::{pem_certificates, pem_crls};
use ringfence_place::file::atomic_write;
use ringfence_store::{Store, StoreError, Transaction};
use serde::{Deserialize, Serialize};

use crate::base::{Base, Failure};
use crate::incarnation::{Evidence, begin};

/// The note of how far the database was.
const HISTORY_FILE: &str = "history.json";

/// How far a database was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// The point of its history.
    pub(super) point: Point,
    /// The last row of its audit log: its sequence and its hash. Every change of an operator, member or node has one.
    audit: Option<(i64, String)>,
}

impl Note {
    /// Where the database is now.
    async fn of(tx: &mut Transaction) -> Result<Self, StoreError> {
        let point = tx.cluster().get().await?.point();
        let audit = tx.audit().list(1).await?.into_iter().next().map(|row| (row.sequence, row.hash));
        Ok(Self { point, audit })
    }

    /// Whether the database has not had this: it has been put back to an earlier state.
    pub(super) async fn is_beyond(&self, tx: &mut Transaction) -> Result<bool, StoreError> {
        match self.point.heard(&tx.cluster().get().await?.point()) {
            Heard::Beyond => return Ok(true),
            // Another history has begun since, here or by another daemon.
            Heard::Replaced => return Ok(false),
            Heard::Part => {}
        }
        let Some((sequence, hash)) = &self.audit else { return Ok(false) };
        let row = tx.audit().list_after(sequence - 1, 1).await?.into_iter().next();
        Ok(row.is_none_or(|row| row.sequence != *sequence || row.hash != *hash))
    }
}

/// The note; nothing if there is none. One that cannot be read says nothing.
pub(super) fn read_note(directory: &Path) -> Option<Note> {
    serde_json::from_slice(&std::fs::read(directory.join(HISTORY_FILE)).ok()?).ok()
}

/// Writes the note again if the database has gone on since. If it has gone back, begins another history.
pub(super) async fn keep_note(base: &Base, directory: &Path) -> anyhow::Result<()> {
    let mut tx = base.store.read("read_history").await?;
    let mut present = Note::of(&mut tx).await?;
    let noted = read_note(directory);
    if noted.as_ref() == Some(&present) {
        return Ok(());
    }
    if let Some(noted) = noted
        && noted.is_beyond(&mut tx).await?
    {
        drop(tx);
        let evidence = Evidence { heard: vec![noted.point], ..Evidence::default() };
        let mut tx = base.store.write("begin_incarnation").await?;
        let keys = (&base.master_key, &base.rng);
        begin(&mut tx, keys, &evidence, GONE_BACK, base.now()).await.map_err(Failure::into_cause)?;
        present = Note::of(&mut tx).await?;
        tx.commit().await?;
        base.changes.notify_desired();
    }
    write_note(directory, &present)
}

/// Why another history begins when the note is ahead of the database.
pub(super) const GONE_BACK: &str = "the database was put back to an earlier state";

/// Notes that a cluster is being restored into this directory.
pub(crate) fn note_restore(directory: &Path) -> anyhow::Result<()> {
    match read_note(directory) {
        Some(_) => Ok(()),
        None => write_note(directory, &Note { point: Point::default(), audit: None }),
    }
}

fn write_note(directory: &Path, note: &Note) -> anyhow::Result<()> {
    Ok(atomic_write(&directory.join(HISTORY_FILE), serde_json::to_string(note)?.as_bytes(), 0o600)?)
}

/// Whether a cluster has been served from this directory before: then a database without one is not new, but lost.
pub(super) fn has_served(directory: &Path) -> bool {
    directory.join(super::CA_FILE).exists() || directory.join(HISTORY_FILE).exists()
}

/// Refuses to go on without the database of a cluster that was served here.
pub(super) async fn require_database(directory: &Path, database: &ringfence_store::Database) -> anyhow::Result<()> {
    anyhow::ensure!(
        !has_served(directory) || Store::holds_cluster(database).await?,
        "the database {database} does not hold the cluster that was served from {}: it was removed, or copied without \
         its log (the files that end with -wal and -shm belong to it). Restore it with `ringfenced restore`, or put \
         back the files of a complete copy. To give the cluster up, with every certificate that it has issued, remove \
         {} and start again",
        directory.display(),
        directory.display()
    );
    Ok(())
}

/// What the nodes' directories below `root` hold: nodes of this machine, as on the target `local`.
pub(super) fn evidence_of_nodes(root: &Path) -> Evidence {
    let mut evidence = Evidence::default();
    for node in std::fs::read_dir(root).into_iter().flatten().flatten() {
        // What cannot be read is no evidence.
        let Ok(observed) = Disk::new(&node.path()).observe() else { continue };
        let crls = pem_crls(&observed.crls.unwrap_or_default()).unwrap_or_default();
        evidence.crls.extend(crls.iter().map(|crl| crl.to_vec()));
        let roots = pem_certificates(&observed.ca_bundle.unwrap_or_default()).unwrap_or_default();
        evidence.trusted_roots.extend(roots.iter().map(|root| root.to_vec()));
    }
    evidence
}
