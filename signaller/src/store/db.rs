//! The file: how it is opened, brought up to date, and what may be wrong with it.
//!
//! Knows nothing of what the tables mean.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Sqlite, Transaction};

/// What brings a file from version n to n + 1. Only ever add to it.
const MIGRATIONS: &[&str] = &[include_str!("migrations/1.sql")];

/// Tells our files from those of other programs that use SQLite: "icom".
const APPLICATION_ID: i64 = 0x6963_6f6d;

/// How long one program waits for another that writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// An open file.
#[derive(Clone, Debug)]
pub(super) struct Db {
    /// For reading, and for what is written at every turn: a power cut may lose the last of it.
    pub(super) quick: SqlitePool,
    /// For what somebody decided: once done it stays done.
    pub(super) sure: SqlitePool,
    options: SqliteConnectOptions,
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another program's file, or a damaged one.
    #[error(
        "{} is not a database of the intercom; move it away, or put a copy of it back", .0.display()
    )]
    NotOurs(PathBuf),
    /// A newer program made it.
    #[error(
        "{} is of version {version}, and this program knows versions up to {known}; update it",
        file.display()
    )]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its version.
        version: i64,
        /// Ours.
        known: usize,
    },
    /// It cannot be made or written.
    #[error("cannot write {}: {why}; is it yours, and is there room?", file.display())]
    Unwritable {
        /// The file or its directory.
        file: PathBuf,
        /// In the system's words.
        why: String,
    },
    /// Somebody does not let go of it.
    #[error("{} is locked by another program; end that one first", .0.display())]
    Locked(PathBuf),
    /// Something else.
    #[error("cannot use {}: {why}", file.display())]
    Other {
        /// The file.
        file: PathBuf,
        /// In SQLite's words.
        why: sqlx::Error,
    },
}

/// The database does not do its work.
#[derive(Debug, thiserror::Error)]
#[error("the database does not work: {}", words(.0))]
pub struct Broken(#[from] sqlx::Error);

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self(error.into())
    }
}

impl OpenError {
    /// 2 for what the owner has to set right, 1 for what may pass.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotOurs(_) | Self::Newer { .. } | Self::Unwritable { .. } => 2,
            Self::Locked(_) | Self::Other { .. } => 1,
        }
    }
}

impl Db {
    /// Opens `intercom.db` of a directory; makes both if need be.
    pub(super) async fn open(dir: &Path) -> Result<Self, OpenError> {
        let file = file_in(dir);
        make(dir, &file)?;
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(PATIENCE)
            .foreign_keys(true)
            .disable_statement_logging();
        let sure = options.clone().synchronous(SqliteSynchronous::Full);
        let db = Self {
            quick: SqlitePoolOptions::new().max_connections(3).connect_lazy_with(options.clone()),
            sure: SqlitePoolOptions::new().max_connections(1).connect_lazy_with(sure),
            options,
        };
        match db.migrate().await {
            Ok(version) if version as usize <= MIGRATIONS.len() => Ok(db),
            Ok(version) => Err(OpenError::Newer { file, version, known: MIGRATIONS.len() }),
            Err(Migration::NotOurs) => Err(OpenError::NotOurs(file)),
            Err(Migration::Failed(error)) => Err(explain(file, error)),
        }
    }

    /// A connection of its own.
    pub(super) async fn connect(&self) -> Result<SqliteConnection, Broken> {
        Ok(self.options.connect().await?)
    }

    /// To write what may be lost in a power cut.
    pub(super) async fn begin_quick(&self) -> Result<Transaction<'static, Sqlite>, Broken> {
        Ok(self.quick.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// To write what must stay.
    pub(super) async fn begin_sure(&self) -> Result<Transaction<'static, Sqlite>, Broken> {
        Ok(self.sure.begin_with("BEGIN IMMEDIATE").await?)
    }

    pub(super) async fn close(&self) {
        self.quick.close().await;
        self.sure.close().await;
    }

    /// The version that the file has now; a newer one than ours is left alone.
    async fn migrate(&self) -> Result<i64, Migration> {
        // One at a time, also among programs.
        let mut tx = self.sure.begin_with("BEGIN IMMEDIATE").await?;
        let id: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *tx).await?;
        let is_empty: bool = sqlx::query_scalar("SELECT count(*) = 0 FROM sqlite_schema")
            .fetch_one(&mut *tx)
            .await?;
        if id != APPLICATION_ID && !is_empty {
            return Err(Migration::NotOurs);
        }
        let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *tx).await?;
        let missing = MIGRATIONS.get(usize::try_from(version).unwrap_or_default()..);
        for sql in missing.into_iter().flatten() {
            sqlx::raw_sql(sql).execute(&mut *tx).await?;
        }
        let version = version.max(MIGRATIONS.len() as i64);
        let stamp =
            format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version}");
        sqlx::raw_sql(&stamp).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(version)
    }
}

/// The file in a data directory.
pub(crate) fn file_in(dir: &Path) -> PathBuf {
    dir.join("intercom.db")
}

/// Milliseconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

enum Migration {
    NotOurs,
    Failed(sqlx::Error),
}

impl From<sqlx::Error> for Migration {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error)
    }
}

/// Nobody but us reads it; SQLite gives the files beside it the same mode and owner.
fn make(dir: &Path, file: &Path) -> Result<(), OpenError> {
    let fault = |at: &Path| {
        let file = at.to_path_buf();
        move |error: io::Error| OpenError::Unwritable { file, why: error.to_string() }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(fault(dir))?;
    match OpenOptions::new().append(true).create_new(true).mode(0o600).open(file) {
        Ok(new) => give_away(dir, &new).map_err(fault(file)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let opened = OpenOptions::new().append(true).open(file).map_err(fault(file))?;
            close_to_others(&opened).map_err(fault(file))
        }
        Err(error) => Err(fault(file)(error)),
    }
}

/// What root makes belongs to whom the directory belongs to: that is who runs the server.
fn give_away(dir: &Path, file: &File) -> io::Result<()> {
    let (dir, ours) = (fs::metadata(dir)?, file.metadata()?);
    if ours.uid() == 0 && dir.uid() != 0 {
        fchown(file, Some(dir.uid()), Some(dir.gid()))?;
    }
    Ok(())
}

fn close_to_others(file: &File) -> io::Result<()> {
    if file.metadata()?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(0o600))
}

/// SQLite's result codes, without what is added to them.
mod code {
    pub(super) const BUSY: u32 = 5;
    pub(super) const READONLY: u32 = 8;
    pub(super) const IOERR: u32 = 10;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANTOPEN: u32 = 14;
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const NOTADB: u32 = 26;
}

fn code(error: &sqlx::Error) -> Option<u32> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

fn explain(file: PathBuf, error: sqlx::Error) -> OpenError {
    match code(&error) {
        Some(code::NOTADB | code::CORRUPT) => OpenError::NotOurs(file),
        Some(code::BUSY) => OpenError::Locked(file),
        Some(code::READONLY | code::IOERR | code::FULL | code::CANTOPEN) => {
            OpenError::Unwritable { file, why: words(&error) }
        }
        _ => OpenError::Other { file, why: error },
    }
}

fn words(error: &sqlx::Error) -> String {
    match code(error) {
        Some(code::BUSY) => "another program keeps it locked".into(),
        Some(code::FULL) => "the disk is full".into(),
        _ => match error.as_database_error() {
            Some(error) => error.message().to_owned(),
            None => error.to_string(),
        },
    }
}
