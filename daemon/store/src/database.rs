//! The kinds of database: a SQLite file, or a PostgreSQL server that several daemons share. All differences between the
//! two are here and in the migrations; statements are one text for both.

use std::path::PathBuf;
use std::str::FromStr as _;

use sqlx::any::AnyConnectOptions;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _, SqlSafeStr as _};

use crate::error::StoreError;

/// Where the data is.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A file of SQLite, for one daemon.
    Sqlite(PathBuf),
    /// The address of a PostgreSQL server, `postgres://USER@HOST/NAME`. It may hold a password.
    Postgres(String),
}

/// The migrations of both kinds, in order. An applied one never changes.
const MIGRATIONS: &[(i64, &str, &str, &str)] = &[
    (
        1,
        "initial",
        include_str!("../migrations/sqlite/0001_initial.sql"),
        include_str!("../migrations/postgres/0001_initial.sql"),
    ),
    (
        2,
        "token_key",
        include_str!("../migrations/sqlite/0002_token_key.sql"),
        include_str!("../migrations/postgres/0002_token_key.sql"),
    ),
    (
        3,
        "handing out and rotating",
        include_str!("../migrations/sqlite/0003_handing_out_and_rotating.sql"),
        include_str!("../migrations/postgres/0003_handing_out_and_rotating.sql"),
    ),
    (
        4,
        "rotating authorities",
        include_str!("../migrations/sqlite/0004_rotating_authorities.sql"),
        include_str!("../migrations/postgres/0004_rotating_authorities.sql"),
    ),
    (
        5,
        "several daemons",
        include_str!("../migrations/sqlite/0005_several_daemons.sql"),
        include_str!("../migrations/postgres/0005_several_daemons.sql"),
    ),
    (
        6,
        "certificates by serial",
        include_str!("../migrations/sqlite/0006_certificates_by_serial.sql"),
        include_str!("../migrations/postgres/0006_certificates_by_serial.sql"),
    ),
    (
        7,
        "master key version",
        include_str!("../migrations/sqlite/0007_master_key_version.sql"),
        include_str!("../migrations/postgres/0007_master_key_version.sql"),
    ),
    (
        8,
        "audit checkpoint",
        include_str!("../migrations/sqlite/0008_audit_checkpoint.sql"),
        include_str!("../migrations/postgres/0008_audit_checkpoint.sql"),
    ),
    (
        9,
        "jobs and tokens",
        include_str!("../migrations/sqlite/0009_jobs_and_tokens.sql"),
        include_str!("../migrations/postgres/0009_jobs_and_tokens.sql"),
    ),
    (
        10,
        "delta crl",
        include_str!("../migrations/sqlite/0010_delta_crl.sql"),
        include_str!("../migrations/postgres/0010_delta_crl.sql"),
    ),
    (
        11,
        "master key check",
        include_str!("../migrations/sqlite/0011_master_key_check.sql"),
        include_str!("../migrations/postgres/0011_master_key_check.sql"),
    ),
    (
        12,
        "tokens of services",
        include_str!("../migrations/sqlite/0012_tokens_of_services.sql"),
        include_str!("../migrations/postgres/0012_tokens_of_services.sql"),
    ),
    (
        13,
        "incarnation",
        include_str!("../migrations/sqlite/0013_incarnation.sql"),
        include_str!("../migrations/postgres/0013_incarnation.sql"),
    ),
    (
        14,
        "certificates of the api",
        include_str!("../migrations/sqlite/0014_certificates_of_the_api.sql"),
        include_str!("../migrations/postgres/0014_certificates_of_the_api.sql"),
    ),
];

/// The latest version of the schema.
pub(crate) const SCHEMA: usize = MIGRATIONS.len();

/// Every writer of a PostgreSQL database holds this lock until its transaction ends, so that there is one writer at a
/// time there too.
const WRITER_LOCK: &str = "SELECT pg_advisory_xact_lock(8242548372136910421)";

impl Database {
    /// Where it is, for messages: without a password.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres(address) => {
                let address = without_parameters(address);
                match address.split_once("://").zip(address.rsplit_once('@')) {
                    Some(((scheme, _), (_, host))) => format!("{scheme}://…@{host}"),
                    None => address.to_owned(),
                }
            }
        }
    }

    /// How to connect.
    pub(crate) fn options(&self, mode: Mode) -> Result<AnyConnectOptions, sqlx::Error> {
        sqlx::any::install_default_drivers();
        match self {
            Self::Sqlite(path) => {
                let encode = |byte: u8| match byte {
                    b'/' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
                    byte => format!("%{byte:02X}"),
                };
                let encoded: String = path.to_string_lossy().bytes().map(encode).collect();
                let mode = if mode == Mode::Read { "ro" } else { "rw" };
                AnyConnectOptions::from_str(&format!("sqlite://{encoded}?mode={mode}"))
            }
            Self::Postgres(address) => AnyConnectOptions::from_str(address),
        }
    }

    /// The settings of a new connection.
    pub(crate) fn connection_settings(&self) -> &'static str {
        match self {
            // The log may grow to 32 MiB before a checkpoint, so that a page that changes often is written to the file
            // once.
            Self::Sqlite(_) => {
                "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                 PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 8192"
            }
            Self::Postgres(_) => {
                // A daemon that is stopped or cut off while it has the writer's lock must lose it soon.
                "SET synchronous_commit = on; SET lock_timeout = '10s'; SET application_name = 'ringfenced'; \
                 SET idle_in_transaction_session_timeout = '15s'; SET tcp_keepalives_idle = 5; \
                 SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 10000"
            }
        }
    }

    /// How a group of writes begins: it takes the lock at once, so that no later statement has to wait for it.
    pub(crate) fn begin_write(&self) -> &'static [&'static str] {
        match self {
            Self::Sqlite(_) => &["BEGIN IMMEDIATE"],
            Self::Postgres(_) => &["BEGIN", WRITER_LOCK],
        }
    }

    /// How a transaction that reads one consistent state begins.
    pub(crate) fn begin_read(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "BEGIN",
            Self::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// Creates a missing file with mode 0600, because SQLite would use the mode that the umask allows.
    pub(crate) fn prepare(&self) -> std::io::Result<()> {
        if let Self::Sqlite(path) = self {
            let mut options = std::fs::OpenOptions::new();
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.create(true).append(true).open(path)?;
        }
        Ok(())
    }

    /// Connects, to write.
    pub(crate) async fn connect(&self) -> Result<AnyConnection, sqlx::Error> {
        let mut connection = AnyConnection::connect_with(&self.options(Mode::Write)?).await?;
        connection.execute(self.connection_settings()).await?;
        Ok(connection)
    }

    /// Migrates the schema to the latest version.
    pub(crate) async fn migrate(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        self.migrate_to(connection, SCHEMA).await
    }

    /// Applies the first `count` migrations.
    pub(crate) async fn migrate_to(&self, connection: &mut AnyConnection, count: usize) -> Result<(), StoreError> {
        let migrations = MIGRATIONS.iter().take(count).map(|(version, name, sqlite, postgres)| {
            let sql = if matches!(self, Self::Sqlite(_)) { sqlite } else { postgres };
            let sql = AssertSqlSafe(*sql).into_sql_str();
            Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
        });
        Migrator::with_migrations(migrations.collect())
            .run_direct(None, connection, false)
            .await
            .map_err(|error| StoreError::Open { place: self.place(), source: error.into() })
    }
}

/// An address without the part after `?`, which may hold a password too.
fn without_parameters(address: &str) -> &str {
    address.split_once('?').map_or(address, |(place, _)| place)
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    Write,
}

impl std::fmt::Display for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.place())
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database({})", self.place())
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    use super::*;

    #[tokio::test]
    async fn a_database_of_before_is_brought_up_to_date_with_all_it_holds() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(directory.path().join("ringfence.db"));
        database.prepare().unwrap();
        let mut connection = database.connect().await.unwrap();
        database.migrate_to(&mut connection, 1).await.unwrap();
        let before = "INSERT INTO issuer (id, domain, parent, certificate, sealed_key, not_after, created_at) \
             VALUES ('projects-1', 'projects', 'projects-1', x'00', x'00', 9, 1); \
             INSERT INTO certificate (serial, issuer, shard, profile, common_name, der, fingerprint, not_before, \
             not_after, issued_at, revoked_at, revocation_reason, listed_in) VALUES \
             ('aa', 'projects-1', 0, 'project_user', 'fraud__alice', x'aa', 'f1', 1, 9, 1, NULL, NULL, NULL), \
             ('bb', 'projects-1', 0, 'service', 'fraud__bob', x'bb', 'f2', 1, 9, 2, 3, 'superseded', 7); \
             INSERT INTO project VALUES ('fraud', 'fraud', '', 1); \
             INSERT INTO member VALUES ('fraud', 'alice', 'data_owner', 'aa', x'01', 1)";
        connection.execute(before).await.unwrap();
        database.migrate(&mut connection).await.unwrap();
        let rows = connection
            .fetch_all("SELECT serial, holder, listed_in, hex(der) AS der FROM certificate ORDER BY serial")
            .await
            .unwrap();
        let of = |row: &sqlx::any::AnyRow| {
            (row.get::<String, _>("serial"), row.get::<String, _>("holder"), row.get::<Option<i64>, _>("listed_in"))
        };
        let expected = [("aa".to_owned(), "daemon".to_owned(), None), ("bb".to_owned(), "agent".to_owned(), Some(7))];
        assert_eq!(rows.iter().map(of).collect::<Vec<_>>(), expected);
        assert!(connection.execute("DELETE FROM certificate WHERE serial = 'aa'").await.is_err(), "a member has it");
        connection.execute("DELETE FROM project").await.unwrap();
        let members = connection.fetch_one("SELECT count(*) AS members FROM member").await.unwrap();
        assert_eq!(members.get::<i64, _>("members"), 0, "a project takes its members along");
    }

    #[test]
    fn a_place_shows_no_password() {
        let database =
            Database::Postgres("postgres://ringfence:p@ss@db.internal:5432/ringfence?sslmode=require".into());
        assert_eq!(database.place(), "postgres://…@db.internal:5432/ringfence");
        let database = Database::Postgres("postgres://db.internal/ringfence?user=me&password=p@ss".into());
        assert!(!database.place().contains("ss"), "{}", database.place());
        assert!(!format!("{database:?}").contains("p@ss"));
    }
}
