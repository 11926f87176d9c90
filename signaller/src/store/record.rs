//! Writing down what happens: one task takes it from bounded lanes and writes many at once.
//!
//! Nobody waits for the disk. When it is too slow for too long, what merely happened and does not fit
//! is lost, and the log says how much; what a restart needs is not.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use signaller_core::{
    AccountName, CredentialId, EndReason, EndedCall, Fact, OpenCall, OpenSide, PeerId, RingingCall,
};
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, interval_at, sleep};
use tracing::{error, warn};

use super::Store;
use super::credentials::SESSION_LIFE;
use super::db::{Broken, Db, millis, now};
use super::lanes::{Job, Lanes, Return};
use super::resume::{self, ResumeId};
use super::words::{reason_word, right_word};

/// What is written at once.
const BATCH: usize = 256;
/// Before the next attempt, when the database does not work.
const PAUSE: Duration = Duration::from_secs(1);

/// How often what is old is removed, and how soon after the start.
const PURGE_EVERY: Duration = Duration::from_secs(3600);
const PURGE_FIRST: Duration = Duration::from_secs(60);
const AUDIT_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);
const CALLS_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);
/// Rows of the audit table, however young: some 15 MB.
const MAX_AUDIT: i64 = 100_000;

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Actor {
    /// Who has the machine: the command line.
    Owner,
    /// Somebody without a login.
    Guest {
        /// From where.
        remote: Option<IpAddr>,
    },
    /// Somebody with one.
    Account {
        /// Who.
        name: AccountName,
        /// From where.
        remote: Option<IpAddr>,
    },
}

/// What is done. The words of the audit table are in `word`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Login,
    Logout,
    Register,
    Call,
    Watch,
    /// Something that a right was lacking for.
    Right(signaller_core::Right),
    AddAccount,
    RemoveAccount,
    SetPassword,
    SetKind,
    SetLabel,
    SetRight,
    CreateToken,
    RevokeToken,
    /// Somebody came in with a token, or wanted to.
    ShowToken,
    CreateInvite,
    /// Somebody's connection was closed.
    Cut,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    #[default]
    Done,
    Refused,
    /// A call's end.
    Ended(signaller_core::EndReason),
}

/// A row of the audit table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Event {
    who: Actor,
    action: Action,
    /// To whom, and what, in words.
    object: Option<String>,
    outcome: Outcome,
}

/// The way to the task that writes.
#[derive(Debug)]
pub(super) struct Recorder {
    shared: Arc<Shared>,
    asked: mpsc::UnboundedSender<Asked>,
}

/// Somebody waits for what was recorded before.
#[derive(Debug)]
enum Asked {
    /// To go. What cannot be written now never is.
    Flush(oneshot::Sender<()>),
    /// To read it.
    Read(oneshot::Sender<()>),
}

#[derive(Debug, Default)]
struct Shared {
    lanes: Mutex<Lanes>,
    news: Notify,
    /// Entries that had no room since everything was written the last time.
    lost: AtomicU64,
}

impl Event {
    /// Something that was done.
    pub(crate) fn new(who: &Actor, action: Action) -> Self {
        Self { who: who.clone(), action, object: None, outcome: Outcome::Done }
    }

    /// To this account.
    pub(crate) fn of(self, object: &(impl ToString + ?Sized)) -> Self {
        Self { object: Some(object.to_string()), ..self }
    }

    /// With these words after the object.
    pub(crate) fn with(mut self, words: &str) -> Self {
        let object = self.object.get_or_insert_default();
        object.push_str(if object.is_empty() { "" } else { " " });
        object.push_str(words);
        self
    }

    /// Whether it can be had again and again for nothing, so that once in a while says enough.
    pub(super) fn is_cheap(&self) -> bool {
        self.outcome == Outcome::Refused || matches!(self.action, Action::Watch | Action::ShowToken)
    }

    /// It was not done.
    pub(crate) fn refused(self) -> Self {
        Self { outcome: Outcome::Refused, ..self }
    }
}

impl Store {
    /// Takes down what the hub tells. Does not wait.
    pub(crate) fn record(&self, fact: Fact) {
        match fact {
            Fact::CallRings(call) => self.note(Job::CallRings(call)),
            Fact::CallOpen(call) => self.note(Job::CallOpen(call)),
            Fact::CallEnded(call) => self.note(Job::CallEnded(call)),
            Fact::SessionStarted { call: Some(_), .. } => {} // the call says it
            Fact::SessionStarted { producer, consumer, call: None, .. } => {
                let watch = Event::new(&actor(consumer.as_ref()), Action::Watch);
                self.audit(match producer {
                    Some(name) => watch.of(&name),
                    None => watch.of("(guest)"),
                });
            }
            Fact::Forbidden { asker, of, right } => {
                let who = actor(asker.as_ref());
                self.audit(Event::new(&who, Action::Right(right)).of(&of).refused());
            }
        }
    }

    /// What rang when the server was killed was missed. For how long it rang nobody knows.
    pub(crate) async fn end_rings(&self) -> Result<(), Broken> {
        for (began, RingingCall { call, caller, callee }) in self.rings().await? {
            let (rang, reason) = (Duration::ZERO, EndReason::Disconnected);
            let ended = EndedCall { call, caller, callee, rang, talked: None, reason };
            self.note_at(began, Job::CallEnded(ended));
        }
        Ok(())
    }

    /// Adds to the audit table. Does not wait.
    pub(crate) fn audit(&self, event: Event) {
        self.note(Job::Event(event));
    }

    /// Returns when everything recorded before is written, or could not be.
    pub(crate) async fn flush(&self) {
        self.wait(Asked::Flush).await;
    }

    /// Returns when everything recorded before can be read, or the database does not work.
    pub(super) async fn catch_up(&self) {
        self.wait(Asked::Read).await;
    }

    async fn wait(&self, for_what: fn(oneshot::Sender<()>) -> Asked) {
        let (done, written) = oneshot::channel();
        if self.0.recorder.asked.send(for_what(done)).is_ok() {
            let _ = written.await; // the task is gone, and with it the runtime
        }
    }

    pub(super) fn note(&self, job: Job) {
        self.note_at(now(), job);
    }

    fn note_at(&self, at: i64, job: Job) {
        let shared = &self.0.recorder.shared;
        let has_room = shared.lanes().put(at, job);
        shared.news.notify_one();
        if !has_room && shared.lost.fetch_add(1, Ordering::Relaxed) == 0 {
            error!("the database is too slow: what happens now is not written down");
        }
    }
}

impl Recorder {
    /// Starts the task; it ends with the store.
    pub(super) fn start(db: Db) -> Self {
        let shared = Arc::<Shared>::default();
        let (ask, asked) = mpsc::unbounded_channel();
        let (waiting, readers) = (Vec::new(), Vec::new());
        let writer = Writer { db, shared: Arc::clone(&shared), asked, waiting, readers };
        tokio::spawn(writer.run());
        Self { shared, asked: ask }
    }
}

impl Shared {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Once a time of trouble: while it lasts there is room now and then, and soon none.
    fn say_what_was_lost(&self) {
        match self.lost.swap(0, Ordering::Relaxed) {
            0 => {}
            lost => warn!("the database follows again; {lost} entries were not written down"),
        }
    }
}

/// The task.
struct Writer {
    db: Db,
    shared: Arc<Shared>,
    asked: mpsc::UnboundedReceiver<Asked>,
    /// Who waits until all is written.
    waiting: Vec<oneshot::Sender<()>>,
    /// Who waits to read it.
    readers: Vec<oneshot::Sender<()>>,
}

impl Writer {
    async fn run(mut self) {
        let mut purges = interval_at(Instant::now() + PURGE_FIRST, PURGE_EVERY);
        loop {
            let is_end = tokio::select! {
                () = self.shared.news.notified() => false,
                asked = self.asked.recv() => {
                    let is_end = asked.is_none();
                    self.take(asked);
                    is_end
                }
                _ = purges.tick() => {
                    if let Err(error) = purge(&self.db, now()).await {
                        error!("cannot remove what is old: {error}");
                    }
                    false
                }
            };
            self.write_all().await;
            if is_end {
                return;
            }
        }
    }

    /// Writes it, however long that takes; unless somebody waits for it.
    async fn write_all(&mut self) {
        loop {
            let batch = self.shared.lanes().take(BATCH);
            if batch.is_empty() {
                self.shared.say_what_was_lost();
                break;
            }
            if !self.write(&batch).await {
                break;
            }
        }
        for done in self.waiting.drain(..).chain(self.readers.drain(..)) {
            let _ = done.send(()); // who waited may have given up
        }
    }

    fn take(&mut self, asked: Option<Asked>) {
        match asked {
            Some(Asked::Flush(done)) => self.waiting.push(done),
            Some(Asked::Read(done)) => self.readers.push(done),
            None => {}
        }
    }

    /// Whether it is written; if not, nothing is that waits.
    async fn write(&mut self, batch: &[(i64, Job)]) -> bool {
        let mut complained = false;
        while let Err(error) = try_batch(&self.db, batch).await {
            if !complained {
                error!("cannot write down what happens: {error}");
                complained = true;
            }
            self.readers.clear(); // there is no telling when
            if !self.may_try_again().await {
                self.shared.lanes().clear();
                return false;
            }
        }
        true
    }

    async fn may_try_again(&mut self) -> bool {
        if !self.waiting.is_empty() || self.db.quick.is_closed() {
            return false;
        }
        tokio::select! {
            () = sleep(PAUSE) => {}
            Some(asked) = self.asked.recv() => self.take(Some(asked)),
        }
        true
    }
}

async fn try_batch(db: &Db, batch: &[(i64, Job)]) -> Result<(), Broken> {
    let mut tx = db.begin_quick().await?;
    for (at, job) in batch {
        write(&mut tx, *at, job).await?;
    }
    Ok(tx.commit().await?)
}

pub(super) async fn write(
    db: &mut SqliteConnection,
    at: i64,
    job: &Job,
) -> Result<(), sqlx::Error> {
    match job {
        Job::CallEnded(call) => write_ended_call(db, at, call).await,
        Job::CallRings(call) => write_ring(db, at, call).await,
        Job::CallOpen(call) => write_open_call(db, at, call).await,
        Job::Return(id, news) if news.is_forgotten => forget(db, *id).await,
        Job::Return(id, news) => write_return(db, *id, news).await,
        Job::Used(id) => write_use(db, at, *id).await,
        Job::Event(event) => write_event(db, event, at).await,
    }
}

/// An acknowledgement is of the token of its time: it says nothing of one that was given since.
async fn write_return(
    db: &mut SqliteConnection,
    ResumeId(id): ResumeId,
    news: &Return,
) -> Result<(), sqlx::Error> {
    if let Some(at) = news.acknowledged {
        let sql = "UPDATE resumes SET previous = NULL WHERE id = ?1 AND seen <= ?2";
        sqlx::query(sql).bind(id).bind(at).execute(&mut *db).await?;
    }
    let Some(at) = news.seen else { return Ok(()) };
    let sql = "UPDATE resumes SET seen = ? WHERE id = ? RETURNING credential";
    let seen = sqlx::query_scalar(sql).bind(at).bind(id).fetch_optional(&mut *db).await?;
    match seen.flatten() {
        Some(credential) => write_use(db, at, CredentialId(credential)).await,
        None => Ok(()),
    }
}

async fn forget(db: &mut SqliteConnection, ResumeId(id): ResumeId) -> Result<(), sqlx::Error> {
    let sql = "DELETE FROM resumes WHERE id = ? RETURNING credential";
    let forgotten: Option<Option<i64>> =
        sqlx::query_scalar(sql).bind(id).fetch_optional(&mut *db).await?;
    let sql = "DELETE FROM credentials WHERE id = ? AND kind = 'connection'";
    sqlx::query(sql).bind(forgotten.flatten()).execute(db).await.map(drop)
}

/// A web session that is used lasts longer.
async fn write_use(
    db: &mut SqliteConnection,
    at: i64,
    CredentialId(id): CredentialId,
) -> Result<(), sqlx::Error> {
    let sql = "UPDATE credentials SET used = ?1,
               expires = CASE kind WHEN 'session' THEN ?2 ELSE expires END
               WHERE id = ?3 AND (expires IS NULL OR expires > ?1)";
    sqlx::query(sql).bind(at).bind(at + millis(SESSION_LIFE)).bind(id).execute(db).await.map(drop)
}

fn actor(name: Option<&AccountName>) -> Actor {
    match name {
        Some(name) => Actor::Account { name: name.clone(), remote: None },
        None => Actor::Guest { remote: None },
    }
}

/// Among the calls that are open, but the peer of its callee is not known yet.
async fn write_ring(
    db: &mut SqliteConnection,
    at: i64,
    RingingCall { call, caller, callee }: &RingingCall,
) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO open_calls VALUES (?, ?, ?, '', 0, '[]', ?, '', 0, '[]', '[]')";
    let ring = sqlx::query(sql).bind(call.to_string()).bind(at);
    ring.bind(caller.as_str()).bind(callee.as_str()).execute(db).await.map(drop)
}

async fn write_open_call(
    db: &mut SqliteConnection,
    at: i64,
    call: &OpenCall,
) -> Result<(), sqlx::Error> {
    let sessions: Vec<[String; 3]> = call
        .sessions
        .iter()
        .map(|s| [s.session.to_string(), s.producer.to_string(), s.consumer.to_string()])
        .collect();
    // It was accepted when it was first written as such.
    let sql = "INSERT OR REPLACE INTO open_calls VALUES (?1,
               coalesce((SELECT accepted FROM open_calls WHERE call = ?1 AND callee_peer <> ''), ?2),
               ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let mut query = sqlx::query(sql).bind(call.call.to_string()).bind(at);
    for OpenSide { account, peer, media, attached } in [&call.caller, &call.callee] {
        let attached: Vec<&str> = attached.iter().map(PeerId::as_str).collect();
        query = query
            .bind(account.as_str())
            .bind(peer.as_str())
            .bind(i64::from(media.audio) | i64::from(media.video) << 1)
            .bind(json(&attached));
    }
    query.bind(json(&sessions)).execute(db).await.map(drop)
}

async fn write_ended_call(
    db: &mut SqliteConnection,
    at: i64,
    call: &EndedCall,
) -> Result<(), sqlx::Error> {
    let EndedCall { call, caller, callee, rang, talked, reason } = call;
    let sql = "DELETE FROM open_calls WHERE call = ?
               RETURNING CASE callee_peer WHEN '' THEN NULL ELSE accepted END";
    let accepted: Option<Option<i64>> =
        sqlx::query_scalar(sql).bind(call.to_string()).fetch_optional(&mut *db).await?;
    // The hub knows a call since the start of the server, we since it was accepted.
    let known = accepted.flatten().map(|accepted| (at - accepted).max(0));
    let (rang, talked) = (millis(*rang), talked.map(|talked| known.unwrap_or(millis(talked))));
    sqlx::query(
        "INSERT INTO calls (call, caller, callee, began, rang, talked, reason)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(call.to_string())
    .bind(caller.as_str())
    .bind(callee.as_str())
    .bind(at - rang - talked.unwrap_or_default())
    .bind(rang)
    .bind(talked)
    .bind(reason_word(*reason))
    .execute(&mut *db)
    .await?;
    let event = Event::new(&actor(Some(caller)), Action::Call).of(callee);
    write_event(db, &Event { outcome: Outcome::Ended(*reason), ..event }, at).await
}

/// Adds a row.
pub(super) async fn write_event(
    db: &mut SqliteConnection,
    event: &Event,
    at: i64,
) -> Result<(), sqlx::Error> {
    let Event { who, action, object, outcome } = event;
    let (who, remote) = match who {
        Actor::Owner => ("(owner)", &None),
        Actor::Guest { remote } => ("(guest)", remote),
        Actor::Account { name, remote } => (name.as_str(), remote),
    };
    sqlx::query(
        "INSERT INTO audit (at, who, remote, action, object, outcome) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(at)
    .bind(who)
    .bind(remote.map(|remote| remote.to_canonical().to_string()))
    .bind(action.word())
    .bind(object.as_deref())
    .bind(outcome.word())
    .execute(db)
    .await
    .map(drop)
}

/// Removes what nobody needs any more.
pub(super) async fn purge(db: &Db, now: i64) -> Result<(), Broken> {
    let mut tx = db.begin_quick().await?;
    for (sql, before) in [
        ("DELETE FROM audit WHERE at < ?", now - millis(AUDIT_LIFE)),
        ("DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?", MAX_AUDIT),
        ("DELETE FROM calls WHERE began < ?", now - millis(CALLS_LIFE)),
        ("DELETE FROM credentials WHERE expires < ?", now),
        (
            "DELETE FROM credentials WHERE kind = 'connection' AND used < ?
             AND id NOT IN (SELECT credential FROM resumes WHERE credential IS NOT NULL)",
            now - millis(resume::LIFE),
        ),
        ("DELETE FROM invites WHERE expires < ?", now),
    ] {
        sqlx::query(sql).bind(before).execute(&mut *tx).await?;
    }
    Ok(tx.commit().await?)
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Logout => "logout",
            Self::Register => "register",
            Self::Call => "call",
            Self::Watch => "watch",
            Self::Right(right) => right_word(right),
            Self::AddAccount => "account add",
            Self::RemoveAccount => "account remove",
            Self::SetPassword => "account passwd",
            Self::SetKind => "account role",
            Self::SetLabel => "account label",
            Self::SetRight => "rights set",
            Self::CreateToken => "token create",
            Self::RevokeToken => "token revoke",
            Self::ShowToken => "token login",
            Self::CreateInvite => "invite create",
            Self::Cut => "cut",
        }
    }
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Ended(reason) => reason_word(reason),
        }
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default() // texts always have a spelling
}
