//! Tickets: with one, a page that has a cookie opens one WebSocket within half a minute. In memory.

use std::collections::HashMap;
use std::io;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use signaller_core::{AccountName, CredentialId};

use super::Store;
use super::credentials::Credential;
use super::db::Broken;
use super::secret::{Hash, Purpose};

const LIFE: Duration = Duration::from_secs(30);
/// Of one account at a time; its oldest goes.
const MAX: usize = 64;

/// Tickets that were not used yet. A value: time is an argument.
#[derive(Debug, Default)]
pub(super) struct Tickets(HashMap<Hash, Ticket>);

#[derive(Debug)]
struct Ticket {
    at: Instant,
    account: AccountName,
    credential: CredentialId,
}

impl Store {
    /// A ticket for whoever showed this.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn issue_ticket(&self, shown: &Credential) -> io::Result<SecretString> {
        let (secret, hash) = Purpose::Ticket.draw()?;
        self.tickets().insert(Instant::now(), hash, shown.account.clone(), shown.id);
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
    fn insert(&mut self, now: Instant, hash: Hash, account: AccountName, credential: CredentialId) {
        self.0.retain(|_, ticket| now.duration_since(ticket.at) < LIFE);
        let own = || self.0.iter().filter(|(_, ticket)| ticket.account == account);
        if own().count() >= MAX
            && let Some(oldest) = own().min_by_key(|(_, ticket)| ticket.at)
        {
            let hash = oldest.0.clone();
            self.0.remove(&hash);
        }
        self.0.insert(hash, Ticket { at: now, account, credential });
    }

    fn take(&mut self, now: Instant, hash: &Hash) -> Option<CredentialId> {
        let Ticket { at, credential, .. } = self.0.remove(hash)?;
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
        tickets.insert(start, vec![1], name("ann"), CredentialId(1));
        tickets.insert(start, vec![2], name("ann"), CredentialId(2));
        let soon = start + LIFE - Duration::from_millis(1);
        assert_eq!(tickets.take(soon, &vec![1]), Some(CredentialId(1)));
        assert_eq!(tickets.take(soon, &vec![1]), None);
        assert_eq!(tickets.take(start + LIFE, &vec![2]), None);
        assert_eq!(tickets.take(start, &vec![3]), None);
    }

    #[test]
    fn one_account_has_never_too_many_and_takes_nobody_elses() {
        let (mut tickets, mut now) = (Tickets::default(), Instant::now());
        tickets.insert(now, vec![], name("bob"), CredentialId(-1));
        for id in 0..MAX as i64 + 10 {
            now += Duration::from_millis(1);
            tickets.insert(now, id.to_be_bytes().to_vec(), name("ann"), CredentialId(id));
        }
        assert_eq!(tickets.0.len(), MAX + 1);
        assert_eq!(tickets.take(now, &9_i64.to_be_bytes().to_vec()), None);
        assert_eq!(tickets.take(now, &10_i64.to_be_bytes().to_vec()), Some(CredentialId(10)));
        assert_eq!(tickets.take(now, &vec![]), Some(CredentialId(-1)));
        tickets.insert(now + LIFE, vec![], name("ann"), CredentialId(0));
        assert_eq!(tickets.0.len(), 1);
    }

    fn name(text: &str) -> AccountName {
        AccountName::parse(text).unwrap()
    }
}
