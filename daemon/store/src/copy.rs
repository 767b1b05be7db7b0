//! Copies a database out as text and in again, between databases of either kind. The copy is of one moment: it is read
//! in one transaction, while others write.
//!
//! # Format
//!
//! Lines of JSON: a [`Header`]; for each table a line `{"table": …, "columns": [[name, kind], …]}` and then a line for
//! each row, an array in the order of the columns, with bytes in base64; and at last `{"rows": …}`, so that a copy that
//! was cut off is noticed.

use std::io::{BufRead, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::TryStreamExt as _;
use jiff::Timestamp;
use ringfence_api::{ClusterId, ClusterName};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _, Row as _};

use crate::database::{Database, SCHEMA};
use crate::error::StoreError;
use crate::row::Row;
use crate::transaction::Transaction;

/// The tables of a copy with the order of their rows, in which each row comes after those that it refers to.
const TABLES: &[(&str, &str)] = &[
    ("cluster", "id"),
    ("issuer", "CASE domain WHEN 'root' THEN 0 ELSE 1 END, number"),
    ("certificate", "issued_at, serial"),
    ("crl_shard", "issuer, shard"),
    ("lost_revocation", "issuer, shard, serial"),
    ("node", "name"),
    ("node_rotation", "node, serial"),
    ("project", "name"),
    ("member", "project, user_name"),
    ("job", "project, user_name, job"),
    ("saga", "created_at, id"),
    ("saga_event", "saga, seq"),
    ("audit", "sequence"),
    ("token_key", "created_at, kid"),
    ("token", "id"),
    ("audit_checkpoint", "sequence"),
    ("retired_operator_key", "key"),
];

const FORMAT: &str = "ringfence backup";

/// What a copy is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    format: String,
    /// The version of the schema.
    schema: usize,
    /// The cluster.
    pub cluster_id: ClusterId,
    /// Its name.
    pub cluster_name: ClusterName,
    /// When the copy was made.
    pub taken_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Integer,
    Text,
    Bytes,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    table: String,
    columns: Vec<(String, Kind)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    rows: u64,
}

/// A failure to copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The copy cannot be written or read.
    #[error("the copy cannot be written or read")]
    File(#[from] std::io::Error),
    /// The copy is not one of this version.
    #[error("this is no backup that this version reads: {0}")]
    Format(String),
    /// There is a cluster in the database already.
    #[error(
        "the database {0} holds a cluster already: move its files away, or name an empty database, and restore again"
    )]
    Occupied(String),
}

fn malformed(what: impl std::fmt::Display) -> CopyError {
    CopyError::Format(what.to_string())
}

impl Transaction {
    /// Writes a copy of the database as this transaction reads it. Returns what it is of and how many rows it has.
    pub async fn export(&mut self, now: Timestamp, out: &mut (dyn Write + Send)) -> Result<(Header, u64), CopyError> {
        let cluster = self.cluster().get().await?;
        let header = Header {
            format: FORMAT.to_owned(),
            schema: self.schema().await?,
            cluster_id: cluster.id,
            cluster_name: cluster.name,
            taken_at: now,
        };
        write_line(out, &header)?;
        let mut count = 0;
        for (table, order) in TABLES {
            count += self.export_table(table, order, out).await?;
        }
        write_line(out, &End { rows: count })?;
        Ok((header, count))
    }

    /// The version of the schema, which another version of this program may have made.
    async fn schema(&mut self) -> Result<usize, CopyError> {
        let row =
            sqlx::query("SELECT MAX(version) AS version FROM _sqlx_migrations").fetch_one(self.connection()).await;
        let version: i64 = crate::row::value(&row.map_err(|error| self.failed(error))?, "version")?;
        usize::try_from(version).ok().filter(|version| *version <= SCHEMA).ok_or_else(|| {
            malformed(format!("the schema of the database is {version}, and the latest here is {SCHEMA}"))
        })
    }

    async fn export_table(&mut self, table: &str, order: &str, out: &mut (dyn Write + Send)) -> Result<u64, CopyError> {
        let name = self.name();
        let failed = |error| CopyError::Store(crate::transaction::failed(name, error));
        let columns = columns(self.connection(), table).await.map_err(failed)?;
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let sql = format!("SELECT {} FROM {table} ORDER BY {order}", names.join(", "));
        write_line(out, &Table { table: table.to_owned(), columns: columns.clone() })?;
        let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(self.connection());
        let mut count = 0;
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            let values: Result<Vec<Value>, _> =
                columns.iter().enumerate().map(|(index, (_, kind))| read(&row, index, *kind)).collect();
            write_line(out, &values.map_err(failed)?)?;
            count += 1;
        }
        Ok(count)
    }
}

impl Database {
    /// Fills this database, which must hold no cluster, from a copy, all or nothing, and marks the cluster as restored.
    /// Returns what the copy is of and how many rows it has.
    pub async fn import(
        &self,
        copy: &mut dyn BufRead,
        cluster: &ClusterId,
        now: Timestamp,
    ) -> Result<(Header, u64), CopyError> {
        let header: Header = read_line(copy)?.ok_or_else(|| malformed("it is empty"))?;
        if header.cluster_id != *cluster {
            return Err(malformed(format!(
                "it is of cluster {}, and cluster {cluster} is restored",
                header.cluster_id
            )));
        }
        if header.format != FORMAT || header.schema > SCHEMA {
            return Err(malformed(format!("its schema is {}, and the latest here is {SCHEMA}", header.schema)));
        }
        if crate::transaction::Store::holds_cluster(self).await? {
            return Err(CopyError::Occupied(self.to_string()));
        }
        self.prepare()?;
        let opened = |error: sqlx::Error| StoreError::Open { place: self.to_string(), source: error.into() };
        let mut connection = self.connect().await.map_err(opened)?;
        self.migrate_to(&mut connection, header.schema).await?;
        let failed = |error| CopyError::Store(crate::transaction::failed("restore", error));
        let mut tx = connection.begin().await.map_err(failed)?;
        let count = import_tables(&mut tx, copy).await?;
        // Whoever opens the database migrates it to the latest schema.
        let marked = sqlx::query("UPDATE cluster SET restored_at = $1").bind(now.as_millisecond());
        marked.execute(&mut *tx).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        connection.close().await.map_err(failed)?;
        Ok((header, count))
    }
}

async fn import_tables(connection: &mut AnyConnection, copy: &mut dyn BufRead) -> Result<u64, CopyError> {
    let failed = |error| CopyError::Store(crate::transaction::failed("restore", error));
    let mut table: Option<(String, Vec<Kind>)> = None;
    let mut count = 0;
    while let Some(line) = read_line::<Value>(copy)? {
        match line {
            Value::Array(values) => {
                let (sql, kinds) = table.as_ref().ok_or_else(|| malformed("a row stands before its table"))?;
                if values.len() != kinds.len() {
                    return Err(malformed("a row has another length than its table's"));
                }
                let mut insert = sqlx::query(AssertSqlSafe(sql.clone()));
                for (value, kind) in values.iter().zip(kinds) {
                    insert = match kind {
                        Kind::Integer => insert.bind(value.as_i64()),
                        Kind::Text => insert.bind(value.as_str().map(ToOwned::to_owned)),
                        Kind::Bytes => insert.bind(bytes(value)?),
                    };
                }
                insert.execute(&mut *connection).await.map_err(failed)?;
                count += 1;
            }
            Value::Object(ref object) if object.contains_key("rows") => {
                let End { rows } = serde_json::from_value(line).map_err(malformed)?;
                return if rows == count { Ok(count) } else { Err(malformed("rows are missing")) };
            }
            other => {
                let Table { table: name, columns } = serde_json::from_value(other).map_err(malformed)?;
                table = Some((insertion(&name, &columns)?, columns.into_iter().map(|(_, kind)| kind).collect()));
            }
        }
    }
    Err(malformed("its end is missing"))
}

/// The statement that inserts a row. Only known tables and plain names of columns become part of it.
fn insertion(table: &str, columns: &[(String, Kind)]) -> Result<String, CopyError> {
    let plain = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if !TABLES.iter().any(|(known, _)| *known == table) || !columns.iter().all(|(name, _)| plain(name)) {
        return Err(malformed(format!("there is no table {table:?} with such columns")));
    }
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let places: Vec<String> = (1..=columns.len()).map(|index| format!("${index}")).collect();
    Ok(format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), places.join(", ")))
}

/// The columns of a table and their kinds, by the database's own description.
async fn columns(connection: &mut AnyConnection, table: &str) -> Result<Vec<(String, Kind)>, sqlx::Error> {
    let sql = match connection.backend_name() {
        "SQLite" => format!("SELECT name, type AS kind FROM pragma_table_info('{table}') ORDER BY cid"),
        _ => format!(
            "SELECT CAST(column_name AS TEXT) AS name, CAST(data_type AS TEXT) AS kind FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = '{table}' ORDER BY ordinal_position"
        ),
    };
    let rows = connection.fetch_all(AssertSqlSafe(sql)).await?;
    rows.iter()
        .map(|row| {
            let kind: String = row.try_get("kind")?;
            let kind = match kind.to_ascii_lowercase().as_str() {
                "integer" | "bigint" => Kind::Integer,
                "blob" | "bytea" => Kind::Bytes,
                _ => Kind::Text,
            };
            Ok((row.try_get("name")?, kind))
        })
        .collect()
}

fn read(row: &Row, index: usize, kind: Kind) -> Result<Value, sqlx::Error> {
    Ok(match kind {
        Kind::Integer => row.try_get::<Option<i64>, _>(index)?.into(),
        Kind::Text => row.try_get::<Option<String>, _>(index)?.into(),
        Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(index)?.map(|bytes| STANDARD.encode(bytes)).into(),
    })
}

fn bytes(value: &Value) -> Result<Option<Vec<u8>>, CopyError> {
    value.as_str().map(|text| STANDARD.decode(text).map_err(malformed)).transpose()
}

fn write_line<T: Serialize>(out: &mut (dyn Write + Send), line: &T) -> Result<(), CopyError> {
    serde_json::to_writer(&mut *out, line).map_err(std::io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

fn read_line<T: serde::de::DeserializeOwned>(copy: &mut dyn BufRead) -> Result<Option<T>, CopyError> {
    let mut line = String::new();
    if copy.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    serde_json::from_str(&line).map(Some).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a restored cluster must not have: open sessions, used nonces, one-time tickets, leases.
    const LEFT_OUT: &[&str] = &["session", "login_nonce", "join_ticket", "lease"];

    #[tokio::test]
    async fn every_table_is_copied_or_left_out_on_purpose() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(directory.path().join("ringfence.db"));
        database.prepare().unwrap();
        let mut connection = database.connect().await.unwrap();
        database.migrate(&mut connection).await.unwrap();
        let rows = connection.fetch_all("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").await;
        let names: Vec<String> = rows.unwrap().iter().map(|row| row.get("name")).collect();
        let known = |name: &str| TABLES.iter().any(|(table, _)| *table == name) || LEFT_OUT.contains(&name);
        let unknown: Vec<&String> = names
            .iter()
            .filter(|name| !known(name) && !name.starts_with("_sqlx") && !name.starts_with("sqlite"))
            .collect();
        assert!(unknown.is_empty(), "say in TABLES or LEFT_OUT what a restore should do with {unknown:?}");
        assert_eq!(names.len() - 1, TABLES.len() + LEFT_OUT.len());
    }

    #[test]
    fn a_copy_names_only_known_tables_and_plain_columns() {
        let column = |name: &str| vec![(name.to_owned(), Kind::Text)];
        assert!(insertion("cluster", &column("id")).is_ok());
        for (table, name) in [("sqlite_master", "name"), ("cluster", "id) VALUES ('x'); --"), ("cluster", "")] {
            assert!(insertion(table, &column(name)).is_err(), "{table} {name}");
        }
    }
}
