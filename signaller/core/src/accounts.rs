//! Which accounts there are, connected or not, and what they allow each other.
//!
//! Names of accounts and rights are told by whoever keeps them; passwords and tokens never get here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::words::Text;

/// What an account is called: 1 to 32 lower-case letters, digits, dots, dashes and underscores,
/// the first a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(Arc<str>);

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an account's name has 1 to 32 letters, digits, dots, dashes or underscores, the first of them a letter or digit"
)]
pub struct NameError;

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A person.
    User,
    /// A door, a camera, a robot.
    Device,
    /// A person who also looks after the others.
    Admin,
}

/// What others may do with an account and its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Know that it exists and whether it is there.
    See,
    /// Receive what it sends, without a call.
    Watch,
    /// Send to it, without a call.
    Talk,
    /// Ring it.
    Call,
    /// Steer it: pan, tilt, open.
    Control,
}

/// Who has a right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Circle {
    /// Guests as well.
    Everyone,
    /// Whoever has an account.
    Users,
    /// These accounts.
    Listed(BTreeSet<AccountName>),
    /// Nobody but itself.
    Nobody,
}

/// The rights of others towards an account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Right says what each is")]
pub struct Rights {
    pub see: Circle,
    pub watch: Circle,
    pub talk: Circle,
    pub call: Circle,
    pub control: Circle,
}

/// An account, as far as the hub has to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its key.
    pub name: AccountName,
    /// What it is for.
    pub kind: Kind,
    /// What people are shown instead of the name.
    pub label: Option<Text>,
    /// What others may do.
    pub rights: Rights,
}

impl AccountName {
    /// Reads a name. Capitals become small: phones write them without being asked.
    ///
    /// # Errors
    /// [`NameError`] for anything else that is no name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = text.to_ascii_lowercase();
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = (1..=32).contains(&name.len())
            && name.bytes().next().is_some_and(is_letter)
            && name.bytes().all(|byte| is_letter(byte) || b"._-".contains(&byte));
        if fits { Ok(Self(name.into())) } else { Err(NameError) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Rights {
    /// What an account allows until its owner says otherwise: people and devices of one house see
    /// and ring each other, devices can be watched and spoken through, people cannot.
    pub fn of(kind: Kind) -> Self {
        let media = match kind {
            Kind::Device => Circle::Users,
            Kind::User | Kind::Admin => Circle::Nobody,
        };
        Self {
            see: Circle::Users,
            watch: media.clone(),
            talk: media,
            call: Circle::Users,
            control: Circle::Nobody,
        }
    }

    /// Who has this right.
    pub fn circle(&self, right: Right) -> &Circle {
        match right {
            Right::See => &self.see,
            Right::Watch => &self.watch,
            Right::Talk => &self.talk,
            Right::Call => &self.call,
            Right::Control => &self.control,
        }
    }

    fn forget(&mut self, name: &AccountName) {
        let Self { see, watch, talk, call, control } = self;
        for circle in [see, watch, talk, call, control] {
            if let Circle::Listed(names) = circle {
                names.remove(name);
            }
        }
    }
}

impl Account {
    /// An account with the rights of its kind.
    pub fn new(name: AccountName, kind: Kind) -> Self {
        Self { name, kind, label: None, rights: Rights::of(kind) }
    }
}

/// All accounts.
#[derive(Debug, Default)]
pub(crate) struct Accounts(BTreeMap<AccountName, Account>);

impl Accounts {
    pub(crate) fn insert(&mut self, account: Account) {
        self.0.insert(account.name.clone(), account);
    }

    /// Whoever gets the name after it does not inherit its place in the lists of others.
    pub(crate) fn remove(&mut self, name: &AccountName) {
        self.0.remove(name);
        for account in self.0.values_mut() {
            account.rights.forget(name);
        }
    }

    pub(crate) fn account(&self, name: &AccountName) -> Option<&Account> {
        self.0.get(name)
    }

    /// In the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Account> {
        self.0.values()
    }

    /// Whether `asker` (`None` for a guest) has a right towards an account. Nobody has any towards
    /// an account that does not exist.
    pub(crate) fn allow(
        &self,
        right: Right,
        towards: &AccountName,
        asker: Option<&AccountName>,
    ) -> bool {
        let Some(account) = self.account(towards) else { return false };
        let asker = asker.and_then(|name| self.account(name));
        if asker.is_some_and(|asker| is_above(asker, account, right)) {
            return true;
        }
        match (account.rights.circle(right), asker) {
            (Circle::Everyone, _) | (Circle::Users, Some(_)) => true,
            (Circle::Listed(names), Some(asker)) => names.contains(&asker.name),
            (Circle::Users | Circle::Listed(_), None) | (Circle::Nobody, _) => false,
        }
    }
}

/// An account may do anything with itself. An admin sees everybody, but does not see through
/// everybody's camera.
fn is_above(asker: &Account, account: &Account, right: Right) -> bool {
    asker.name == account.name || asker.kind == Kind::Admin && right == Right::See
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(text: &str) -> AccountName {
        AccountName::parse(text).unwrap()
    }

    #[test]
    fn names() {
        for (text, is) in [("door", "door"), ("Ann.B", "ann.b"), ("7-up_", "7-up_")] {
            assert_eq!(name(text).as_str(), is);
        }
        let long = "a".repeat(33);
        for text in ["", ".door", "-x", "a b", "tür", "a|b", "a:b", "a/b", "a\n", &long] {
            assert_eq!(AccountName::parse(text), Err(NameError), "{text:?}");
        }
    }

    #[test]
    fn rights_are_the_circles() {
        let mut accounts = Accounts::default();
        for (text, kind) in [("ann", Kind::User), ("bob", Kind::User), ("eve", Kind::Admin)] {
            accounts.insert(Account::new(name(text), kind));
        }
        let mut door = Account::new(name("door"), Kind::Device);
        door.rights.see = Circle::Listed([name("ann")].into());
        door.rights.watch = Circle::Everyone;
        door.rights.talk = Circle::Users;
        accounts.insert(door);
        let may = |right, asker: Option<&str>| {
            accounts.allow(right, &name("door"), asker.map(name).as_ref())
        };
        assert!(may(Right::See, Some("ann")) && !may(Right::See, Some("bob")));
        assert!(may(Right::See, Some("eve")) && !may(Right::See, None));
        assert!(
            may(Right::Watch, None) && may(Right::Talk, Some("bob")) && !may(Right::Talk, None)
        );
        assert!(may(Right::Control, Some("door")));
        assert!(!may(Right::Control, Some("ann")) && !may(Right::Control, Some("eve")));
        assert!(!may(Right::Talk, Some("nobody")));
        assert!(!accounts.allow(Right::See, &name("nobody"), Some(&name("eve"))));
    }
}
