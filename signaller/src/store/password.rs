//! Passwords: what they must be like, and their argon2id hashes.
//!
//! 19 MiB and two passes (OWASP's second choice): a tenth of a second on a Raspberry Pi. Two at a
//! time, off the thread that serves, and never more than a few waiting.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use signaller_core::AccountName;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

const MIN_LEN: usize = 8;
const MAX_LEN: usize = 128;

/// Hashed at the same time; each takes 19 MiB.
pub(super) const AT_A_TIME: usize = 2;
/// Hashed or waiting.
const AT_ALL: usize = 32;

/// Nobody's. Who names no account waits for it as long as for a real one.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCEhIQ\
    $0T8nA2gGHDVYPZ0JmXrPF8bHRk2vm0s9G3sCmYkQxLE";

/// What is wrong with a new password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasswordError {
    /// Too easy to try out.
    #[error("the password has {0} characters; it must have at least {MIN_LEN}")]
    TooShort(usize),
    /// Longer than anybody types.
    #[error("the password has {0} characters; it may have at most {MAX_LEN}")]
    TooLong(usize),
    /// The first thing that is tried.
    #[error("the password must not be the account's name")]
    IsName,
}

/// More passwords wait to be hashed than can be in reasonable time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many logins at once; try again in a moment")]
pub(crate) struct Crowded;

/// Checks a new password. Nothing is asked of its letters: length is what counts.
pub(crate) fn check(password: &SecretString, of: &AccountName) -> Result<(), PasswordError> {
    let text = password.expose_secret();
    match text.chars().count() {
        count @ ..MIN_LEN => Err(PasswordError::TooShort(count)),
        count if count > MAX_LEN => Err(PasswordError::TooLong(count)),
        _ if text.eq_ignore_ascii_case(of.as_str()) => Err(PasswordError::IsName),
        _ => Ok(()),
    }
}

/// Hashes and compares.
#[derive(Debug)]
pub(super) struct Hasher {
    queue: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Hasher {
    pub(super) fn new() -> Self {
        Self { queue: Arc::new(Semaphore::new(AT_ALL)), turns: Arc::new(Semaphore::new(AT_A_TIME)) }
    }

    /// A new password as it is kept.
    pub(super) async fn hash(&self, password: SecretString) -> Result<String, Crowded> {
        let hash = move || Argon2::default().hash_password(password.expose_secret().as_bytes());
        let hash: Result<PasswordHash, _> = self.run(hash).await?;
        hash.map(|hash| hash.to_string()).map_err(|_| Crowded) // the system has no random numbers
    }

    /// Whether it is the one that is kept; for an account without one, and for none, it never is,
    /// and that takes as long.
    pub(super) async fn verify(
        &self,
        password: SecretString,
        kept: Option<String>,
    ) -> Result<bool, Crowded> {
        self.run(move || {
            let password = password.expose_secret().as_bytes();
            let is_it = verify(password, kept.as_deref().unwrap_or(DUMMY));
            kept.is_some() && is_it
        })
        .await
    }

    /// Does it in turn. It also ends when nobody waits for it any more, and holds its turn till then.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Crowded> {
        let place = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| Crowded)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Crowded)?;
        let work = spawn_blocking(move || {
            let done = work();
            drop((turn, place));
            done
        });
        work.await.map_err(|_| Crowded)
    }
}

fn verify(password: &[u8], kept: &str) -> bool {
    let kept = PasswordHash::new(kept);
    kept.is_ok_and(|kept| Argon2::default().verify_password(password, &kept).is_ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn length_is_all_that_counts() {
        let name = AccountName::parse("ann.of.green").unwrap();
        let check = |text: &str| check(&text.into(), &name);
        assert_eq!(check("1234567"), Err(PasswordError::TooShort(7)));
        assert_eq!(check("ünsicher"), Ok(()));
        assert_eq!(check(&"x".repeat(128)), Ok(()));
        assert_eq!(check(&"x".repeat(129)), Err(PasswordError::TooLong(129)));
        assert_eq!(check("Ann.of.Green"), Err(PasswordError::IsName));
        assert_eq!(check("        "), Ok(()));
    }

    #[tokio::test]
    async fn a_hash_is_for_one_password() {
        let hasher = Hasher::new();
        let kept = hasher.hash("correct horse".into()).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(!kept.contains("horse"));
        assert_ne!(hasher.hash("correct horse".into()).await.unwrap(), kept);
        let is = async |text: &str| hasher.verify(text.into(), Some(kept.clone())).await.unwrap();
        assert!(is("correct horse").await && !is("correct horse ").await && !is("").await);
        assert!(!hasher.verify("anything".into(), None).await.unwrap());
    }

    #[test]
    fn the_dummy_costs_what_a_real_one_costs() {
        let dummy = PasswordHash::new(DUMMY).unwrap();
        let real: PasswordHash = Argon2::default().hash_password(b"some password").unwrap();
        let cost = |hash: &PasswordHash| {
            let bytes = hash.hash.as_ref().map(|hash| hash.as_bytes().len());
            (hash.algorithm.to_string(), hash.version, hash.params.to_string(), bytes)
        };
        assert_eq!(cost(&dummy), cost(&real));
    }

    #[tokio::test]
    async fn a_crowd_is_turned_away() {
        let hasher = Arc::new(Hasher::new());
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..AT_ALL {
            let (hasher, gate) = (Arc::clone(&hasher), Arc::clone(&gate));
            waiting.spawn(async move {
                hasher.run(move || gate.lock().unwrap().recv().is_ok()).await.unwrap();
            });
        }
        while hasher.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(hasher.verify("x".into(), None).await, Err(Crowded));
        drop(open);
        waiting.join_all().await;
        assert_eq!(hasher.verify("x".into(), None).await, Ok(false));
    }
}
