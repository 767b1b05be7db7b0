//! `ringfenced audit`: exports the audit log as JSON lines, and verifies that an export is complete and unchanged.
//! Verifying needs neither the cluster nor its token, so that an auditor can do it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, Subcommand};
use ringfence_api::inspect::route::{LIST_AUDIT, LIST_AUDIT_KEYS, LIST_CHECKPOINTS};
use ringfence_api::inspect::{AuditCheckpoint, AuditEntry};
use ringfence_api::token::Jwks;
use ringfence_pki::Checkpoint;

use crate::command::operator::Operator;
use crate::command::output::print;

/// Export the audit log, or verify an export.
#[derive(Debug, Args)]
pub struct Audit {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print every row as a line of JSON, oldest first, and each signed checkpoint after its row
    Export {
        #[command(flatten)]
        operator: Operator,
        /// Only the rows after this one, to continue an export
        #[arg(long, value_name = "SEQUENCE", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
        after: i64,
    },
    /// Check that no row of an export was changed, removed or added
    Verify {
        /// The export; `-` for standard input
        file: PathBuf,
        /// The hash of the row before the first one, if the export does not begin with row 1
        #[arg(long, value_name = "HASH")]
        previous: Option<String>,
        /// The hash of a row that was verified before, which must be in this export
        #[arg(long, value_name = "HASH")]
        contains: Option<String>,
        /// The keys of checkpoints, as `audit keys` printed them before, to verify the signatures in the export
        #[arg(long, value_name = "FILE")]
        keys: Option<PathBuf>,
    },
    /// Print the keys that sign checkpoints (JWKS). Keep them where nobody who can write to the database can change
    /// them
    Keys {
        #[command(flatten)]
        operator: Operator,
    },
}

/// A line of an export.
enum Line {
    Row(AuditEntry),
    Checkpoint(AuditCheckpoint),
}

/// Reads a line. It must hold exactly what an export holds, so that nothing in it is left unverified.
fn read_line(line: &str) -> anyhow::Result<Line> {
    let value: serde_json::Value = serde_json::from_str(line)?;
    let (read, again) = if let Some(checkpoint) = value.get("checkpoint") {
        let checkpoint: AuditCheckpoint = serde_json::from_value(checkpoint.clone())?;
        let again = serde_json::json!({ "checkpoint": checkpoint });
        (Line::Checkpoint(checkpoint), again)
    } else {
        let row: AuditEntry = serde_json::from_value(value.clone())?;
        let again = serde_json::to_value(&row)?;
        (Line::Row(row), again)
    };
    ensure!(again == value, "it holds additional data, or another form of the data");
    Ok(read)
}

/// The number of rows per request.
const BATCH: usize = 1_000;

impl Audit {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.what {
            What::Export { operator, after } => export(&operator, after).await,
            What::Verify { file, previous, contains, keys } => {
                let keys = keys.as_deref().map(read_keys).transpose()?;
                let verified = verify(open(&file)?, previous.as_deref(), contains.as_deref(), keys.as_ref())?;
                print(verified)?;
                Ok(())
            }
            What::Keys { operator } => {
                let keys: Jwks = operator.client()?.list(&LIST_AUDIT_KEYS, "").await?;
                print(serde_json::to_string_pretty(&keys)?)?;
                Ok(())
            }
        }
    }
}

async fn export(operator: &Operator, mut after: i64) -> anyhow::Result<()> {
    let client = operator.client()?;
    // So that the end of the export is signed too. The export continues if that fails: a log that cannot be signed
    // needs inspection all the more.
    let signed = client.post_audit_checkpoint().await;
    let mut checkpoints: Vec<AuditCheckpoint> = Vec::new();
    loop {
        let rows: Vec<AuditEntry> = client.list(&LIST_AUDIT, &format!("after={after}&limit={BATCH}")).await?;
        for row in &rows {
            print(serde_json::to_string(row)?)?;
            if checkpoints.last().is_none_or(|last| last.sequence <= after) {
                checkpoints = client.list(&LIST_CHECKPOINTS, &format!("after={after}&limit={BATCH}")).await?;
            }
            for checkpoint in checkpoints.iter().filter(|checkpoint| checkpoint.sequence == row.sequence) {
                print(serde_json::json!({ "checkpoint": checkpoint }))?;
            }
            after = row.sequence;
        }
        if rows.len() < BATCH {
            break;
        }
    }
    // Checkpoints of rows that no longer exist, which `verify` will report.
    let missing: Vec<AuditCheckpoint> = client.list(&LIST_CHECKPOINTS, &format!("after={after}&limit={BATCH}")).await?;
    for checkpoint in missing {
        print(serde_json::json!({ "checkpoint": checkpoint }))?;
    }
    signed.map(drop).context("the export is complete, but its end could not be signed")
}

fn read_keys(file: &Path) -> anyhow::Result<Jwks> {
    let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not what `audit keys` prints", file.display()))
}

fn open(file: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Box::new(BufReader::new(opened)))
}

/// Verifies the chain. Returns the verified range, or fails with the first row that does not match.
fn verify(
    lines: impl BufRead,
    previous: Option<&str>,
    contains: Option<&str>,
    keys: Option<&Jwks>,
) -> anyhow::Result<String> {
    let mut before: Option<AuditEntry> = None;
    let (mut signed, mut checkpoints) = (0, false);
    let mut first = 0;
    let mut found = contains.is_none();
    for (number, line) in (1..).zip(lines.lines()) {
        let line = line.context("the export cannot be read")?;
        let row = match read_line(&line).with_context(|| format!("line {number} is not as it was exported"))? {
            Line::Row(row) => row,
            Line::Checkpoint(checkpoint) => {
                let before = before.as_ref().filter(|before| before.sequence == checkpoint.sequence);
                let before = before.with_context(|| {
                    format!("row {} was signed and is not where it should be, or missing", checkpoint.sequence)
                })?;
                ensure!(checkpoint.hash == before.hash, "row {} is not the one that was signed", before.sequence);
                checkpoints = true;
                if let Some(keys) = keys {
                    verify_checkpoint(&checkpoint, keys).with_context(|| format!("line {number}"))?;
                    signed = checkpoint.sequence;
                }
                continue;
            }
        };
        let hash = if let Some(before) = &before {
            let expected = before.sequence + 1;
            ensure!(row.sequence == expected, "line {number} is row {}, and row {expected} is missing", row.sequence);
            before.hash.as_str()
        } else {
            first = row.sequence;
            match previous {
                Some(hash) => hash,
                None if row.sequence == 1 => AuditEntry::GENESIS,
                None => bail!("the export begins with row {first}: give the hash of the row before with --previous"),
            }
        };
        ensure!(
            row.hash == row.hash_after(hash),
            "row {} is not what was written, or does not follow the row before it",
            row.sequence
        );
        found = found || contains == Some(row.hash.as_str());
        before = Some(row);
    }
    let last = before.context("the export has no rows")?;
    ensure!(found, "no row has the hash of --contains: this is not the log that was verified then");
    let whole = format!("rows {first} to {} are as they were written; the last hash is {}", last.sequence, last.hash);
    if keys.is_none() {
        let unverified = if checkpoints { "; signatures were not verified, which needs --keys" } else { "" };
        return Ok(format!("{whole}{unverified}"));
    }
    ensure!(signed > 0, "no row is signed: the export holds no checkpoint");
    Ok(format!("{whole}; they are signed up to row {signed}"))
}

/// Whether one of these keys has signed exactly this.
fn verify_checkpoint(checkpoint: &AuditCheckpoint, keys: &Jwks) -> anyhow::Result<()> {
    let key = keys.keys.iter().find(|key| key.kid == checkpoint.kid);
    let key =
        key.with_context(|| format!("the checkpoint is signed by key {}, which is not among --keys", checkpoint.kid))?;
    let content = Checkpoint::verify(&checkpoint.signature, key)?;
    ensure!(
        (content.sequence, &content.hash, content.signed_at)
            == (checkpoint.sequence, &checkpoint.hash, checkpoint.at.as_second()),
        "what key {} signed is row {} with another hash or time",
        checkpoint.kid,
        content.sequence
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(length: i64) -> Vec<AuditEntry> {
        let mut rows: Vec<AuditEntry> = Vec::new();
        for sequence in 1..=length {
            let mut row = AuditEntry {
                sequence,
                at: jiff::Timestamp::from_millisecond(1_800_000_000_123 + sequence).unwrap(),
                actor: "operator".to_owned(),
                source: "127.0.0.1:1".to_owned(),
                action: "put_member".to_owned(),
                object: format!("fraud__user_{sequence}"),
                outcome: "added".to_owned(),
                hash: String::new(),
            };
            row.hash = row.hash_after(rows.last().map_or(AuditEntry::GENESIS, |row| &row.hash));
            rows.push(row);
        }
        rows
    }

    fn run_verify(rows: &[AuditEntry], previous: Option<&str>, contains: Option<&str>) -> Result<String, String> {
        let lines: Vec<String> = rows.iter().map(|row| serde_json::to_string(row).unwrap()).collect();
        verify(lines.join("\n").as_bytes(), previous, contains, None).map_err(|error| error.to_string())
    }

    #[test]
    fn a_changed_removed_or_added_row_is_found_and_named() {
        let good = log(5);
        assert!(run_verify(&good, None, None).unwrap().starts_with("rows 1 to 5 are as they were written"));
        let changed = |change: fn(&mut Vec<AuditEntry>)| {
            let mut rows = good.clone();
            change(&mut rows);
            run_verify(&rows, None, None).unwrap_err()
        };
        assert!(changed(|rows| rows[2].object = "fraud__mallory".to_owned()).starts_with("row 3 is not"));
        assert!(changed(|rows| rows[2].at = jiff::Timestamp::UNIX_EPOCH).starts_with("row 3 is not"));
        assert!(changed(|rows| drop(rows.remove(2))).contains("row 3 is missing"));
        assert!(changed(|rows| drop(rows.remove(0))).contains("--previous"));
        assert!(changed(|rows| rows.swap(2, 3)).contains("row 3 is missing"));
        assert!(changed(Vec::clear).contains("no rows"));
        // Recomputed hashes are found by comparison with one that was kept.
        let rehash = |rows: &mut Vec<AuditEntry>| {
            rows[1].object = "fraud__mallory".to_owned();
            for index in 1..rows.len() {
                rows[index].hash = rows[index].hash_after(&rows[index - 1].hash.clone());
            }
        };
        let mut rows = good.clone();
        rehash(&mut rows);
        assert!(run_verify(&rows, None, None).is_ok());
        assert!(run_verify(&rows, None, Some(&good[3].hash)).unwrap_err().contains("--contains"));
        assert!(run_verify(&good, None, Some(&good[3].hash)).is_ok());
    }

    #[test]
    fn a_continued_export_is_verified_from_the_hash_of_the_one_before() {
        let good = log(5);
        assert!(run_verify(&good[3..], Some(&good[2].hash), None).unwrap().starts_with("rows 4 to 5"));
        assert!(run_verify(&good[3..], Some(&good[1].hash), None).is_err());
    }

    #[test]
    fn a_checkpoint_matches_its_row_and_is_signed_by_a_kept_key() {
        let good = log(3);
        let key = ringfence_pki::TokenKey::new(&ringfence_pki::PrivateKey::generate().unwrap()).unwrap();
        let public = key.public().clone();
        let jwk = |kid: &str| ringfence_api::token::Jwk { kid: kid.to_owned(), ..public.clone() };
        let keys = Jwks { keys: vec![jwk(&public.kid)] };
        let of = |row: &AuditEntry, said: &AuditEntry| {
            let hash = said.hash.clone();
            let (signed_at, sequence) = (row.at.as_second(), said.sequence);
            let said = Checkpoint { issuer: String::new(), signed_at, sequence, hash };
            let signature = key.sign_checkpoint(&said).unwrap();
            AuditCheckpoint {
                sequence: row.sequence,
                at: row.at,
                hash: row.hash.clone(),
                kid: public.kid.clone(),
                signature,
            }
        };
        let run_verify = |rows: &[AuditEntry], checkpoint: &AuditCheckpoint, keys: &Jwks| {
            let mut lines: Vec<String> = rows.iter().map(|row| serde_json::to_string(row).unwrap()).collect();
            lines.insert(2, serde_json::json!({ "checkpoint": checkpoint }).to_string());
            verify(lines.join("\n").as_bytes(), None, None, Some(keys)).map_err(|error| format!("{error:#}"))
        };
        let checkpoint = of(&good[1], &good[1]);
        assert!(run_verify(&good, &checkpoint, &keys).unwrap().ends_with("signed up to row 2"));
        // A log that was rewritten, with its hashes.
        let mut rewritten = good.clone();
        rewritten[0].object = "fraud__mallory".to_owned();
        for index in 0..3 {
            let previous = if index == 0 { AuditEntry::GENESIS.to_owned() } else { rewritten[index - 1].hash.clone() };
            rewritten[index].hash = rewritten[index].hash_after(&previous);
        }
        assert!(
            run_verify(&rewritten, &checkpoint, &keys).unwrap_err().contains("row 2 is not the one that was signed")
        );
        let forged = AuditCheckpoint { hash: rewritten[1].hash.clone(), ..checkpoint.clone() };
        assert!(run_verify(&rewritten, &forged, &keys).unwrap_err().contains("with another hash or time"));
        let other = Jwks { keys: vec![jwk("another")] };
        assert!(run_verify(&good, &checkpoint, &other).unwrap_err().contains("not among --keys"));
        let without = good.iter().map(|row| serde_json::to_string(row).unwrap()).collect::<Vec<_>>().join("\n");
        assert!(verify(without.as_bytes(), None, None, Some(&keys)).unwrap_err().to_string().contains("no checkpoint"));
    }
}
