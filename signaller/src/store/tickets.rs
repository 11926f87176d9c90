//! Tickets: with one, a page that has a cookie opens one WebSocket within half a minute. In memory.

use std::collections::HashMap;
use std::io;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use signaller_core::CredentialId;

use super::Store;
use super::credentials::Credential;
use super::db::Broken;
use super::secret::{Hash, Purpose};

const LIFE: Duration = Duration::from_secs(30);
/// At a time; the oldest goes.
const MAX: usize = 4096;

/// Tickets that were not used yet. A value: time is an argument.
#[derive(Debug, Default)]
pub(super) struct Tickets(HashMap<Hash, (Instant, CredentialId)>);

impl Store {
    /// A ticket for whoever showed this.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn issue_ticket(&self, shown: CredentialId) -> io::Result<SecretString> {
        let (secret, hash) = Purpose::Ticket.draw()?;
        self.tickets().insert(Instant::now(), hash, shown);
        Ok(secret)
    }

    /// Who got this ticket; once, and only while what it was given for is good.
    pub(crate) async fn redeem_ticket(&self, secret: &str) -> Result<Option<Credential>, Broken> {
        let hash = Purpose::Ticket.hash(secret);
        let taken = hash.and_then(|hash| self.tickets().take(Instant::now(), &hash));
        match taken {
            Some(id) => self.credential(id).await,
            None => Ok(None),
        }
    }

    fn tickets(&self) -> MutexGuard<'_, Tickets> {
        self.0.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tickets {
    fn insert(&mut self, now: Instant, hash: Hash, credential: CredentialId) {
        self.0.retain(|_, (at, _)| now.duration_since(*at) < LIFE);
        if self.0.len() >= MAX {
            let oldest = self.0.iter().min_by_key(|(_, (at, _))| *at);
            if let Some(hash) = oldest.map(|(hash, _)| hash.clone()) {
                self.0.remove(&hash);
            }
        }
        self.0.insert(hash, (now, credential));
    }

    fn take(&mut self, now: Instant, hash: &Hash) -> Option<CredentialId> {
        let (at, credential) = self.0.remove(hash)?;
        (now.duration_since(at) < LIFE).then_some(credential)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_ticket_is_good_once_and_not_for_long() {
        let (mut tickets, start) = (Tickets::default(), Instant::now());
        tickets.insert(start, vec![1], CredentialId(1));
        tickets.insert(start, vec![2], CredentialId(2));
        let soon = start + LIFE - Duration::from_millis(1);
        assert_eq!(tickets.take(soon, &vec![1]), Some(CredentialId(1)));
        assert_eq!(tickets.take(soon, &vec![1]), None);
        assert_eq!(tickets.take(start + LIFE, &vec![2]), None);
        assert_eq!(tickets.take(start, &vec![3]), None);
    }

    #[test]
    fn there_are_never_too_many() {
        let (mut tickets, mut now) = (Tickets::default(), Instant::now());
        for id in 0..i64::try_from(MAX).unwrap() + 10 {
            now += Duration::from_millis(1);
            tickets.insert(now, id.to_be_bytes().to_vec(), CredentialId(id));
        }
        assert_eq!(tickets.0.len(), MAX);
        assert_eq!(tickets.take(now, &9_i64.to_be_bytes().to_vec()), None);
        assert_eq!(tickets.take(now, &10_i64.to_be_bytes().to_vec()), Some(CredentialId(10)));
        tickets.insert(now + LIFE, vec![], CredentialId(0));
        assert_eq!(tickets.0.len(), 1);
    }
}
