//! What outlives the server: accounts, what they log in with, calls, and who did what. SQLite.
//!
//! Speaks the core's words, and knows neither sockets nor HTTP nor any protocol. Whoever lets a
//! connection in proves its identity here first. Several programs may use one file: the command
//! line works while the server runs, and [`Store::watch`] tells what others changed.

mod accounts;
mod credentials;
mod db;
mod history;
mod lanes;
mod login;
mod password;
mod peers;
mod record;
mod resume;
mod secret;
#[cfg(test)]
mod tests;
mod throttle;
mod tickets;
mod watch;
mod words;

use std::path::Path;
use std::sync::{Arc, Mutex};

pub(crate) use accounts::{AccountError, BadLabel, circle_text, label};
pub(crate) use credentials::{Credential, CredentialError, CredentialKind, Listing};
pub(crate) use db::file_in;
pub use db::{Broken, OpenError};
pub(crate) use history::{AuditEntry, CallEntry};
pub use login::Registration;
pub(crate) use login::{LoginError, RegisterError};
pub(crate) use password::{PasswordError, check as check_password};
pub(crate) use peers::Instance;
pub(crate) use record::{Action, Actor, Event};
pub(crate) use resume::{Resume, ResumeId};
pub(crate) use secret::TOKEN_PREFIX;
pub(crate) use watch::Change;
pub(crate) use words::{RIGHTS, kind, kind_word, reason_word, right, right_word};

use db::Db;
use password::Hasher;
use record::Recorder;
use throttle::Throttle;
use tickets::Tickets;

/// An open store. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    hasher: Hasher,
    throttle: Mutex<Throttle>,
    tickets: Mutex<Tickets>,
    recorder: Recorder,
}

impl Store {
    /// Opens `intercom.db` in the data directory; makes both if need be, and brings an older
    /// version up to date. Needs a tokio runtime.
    ///
    /// # Errors
    /// See [`OpenError`]; the file is then as it was.
    pub(crate) async fn open(data_dir: &Path) -> Result<Self, OpenError> {
        let db = Db::open(data_dir).await?;
        let recorder = Recorder::start(db.clone());
        Ok(Self(Arc::new(Inner {
            db,
            hasher: Hasher::new(),
            throttle: Mutex::default(),
            tickets: Mutex::default(),
            recorder,
        })))
    }

    /// Writes what is still to be written, and closes the file. Nothing works afterwards.
    pub(crate) async fn close(&self) {
        self.flush().await;
        self.0.db.close().await;
    }

    fn db(&self) -> &Db {
        &self.0.db
    }
}
