//! Who somebody is: from what it shows to an identity that the hub believes.
//!
//! Waits for the store, so that the hub never has to. What is shown is never logged, and a refusal
//! tells no more than whoever asks knows already.

mod roomrtc;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use intercom_protocol::intercom::{Password, Proof, Registration as Register, Resume as Token};
use secrecy::{ExposeSecret, SecretString};
use signaller_core::{Access, AccountName, CredentialId, Identity, Kind, PeerId};
use tracing::{error, info};
use uuid::Uuid;

use crate::credentials::{Carrier, Credentials};
use crate::dialect::{Hello, Me, hello, refused, resumed};
use crate::hub_task::{HubHandle, Membership};
use crate::ice::{Ice, IceServers};
use crate::link::Way;
use crate::place::{Crowd, Place, Share};
use crate::store::{
    AccountError, Actor, Broken, Credential, CredentialError, Instance, LoginError, RegisterError,
    Registration, Resume, ResumeId, Store,
};

/// Strangers of one address that have not said who they are yet.
const STRANGERS: usize = 8;

pub(crate) use roomrtc::{Caller, Heard};

const NOT_GOOD: &str = "What you show is not good: it is wrong, used up, expired or revoked.";

/// Proves identities.
#[derive(Debug)]
pub(crate) struct Gate {
    store: Store,
    ice: Arc<Ice>,
    registration: Registration,
    strangers: Crowd,
    failed_logins: AtomicU64,
}

/// What is known of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proven {
    /// Nothing, and guests may not do anything.
    Nobody,
    /// Nothing, but guests may do this.
    Guest(Access),
    /// Its account.
    Account(Login),
}

/// An account that somebody has proven to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    account: AccountName,
    kind: Kind,
    credential: Option<CredentialId>,
    /// It is a token that was shown now: the audit table has not heard of it yet.
    by_token: bool,
}

/// Why somebody is not let in, for programs and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotAdmitted {
    pub(crate) code: &'static str,
    pub(crate) words: String,
    /// When it is worth another attempt.
    pub(crate) retry_after: Option<Duration>,
}

/// Somebody who has not said hello yet.
#[derive(Debug)]
pub(crate) struct Visitor {
    gate: Arc<Gate>,
    proven: Proven,
    instance: Option<String>,
    way: Way,
    _share: Option<Share>,
}

/// Somebody who has.
#[derive(Debug)]
pub(crate) enum Admitted {
    /// For the first time.
    New { identity: Identity, me: Me, resume: Option<ResumeId> },
    /// Again; `words` tell it so.
    Back { membership: Box<Membership>, me: Me, heard: u64, words: String },
}

impl Login {
    fn with(Credential { id, account, kind }: Credential, by_token: bool) -> Self {
        Self { account, kind, credential: Some(id), by_token }
    }
}

impl Gate {
    pub(crate) fn new(store: Store, ice: Ice, registration: Registration) -> Arc<Self> {
        let (ice, strangers) = (Arc::new(ice), Crowd::default());
        Arc::new(Self { store, ice, registration, strangers, failed_logins: AtomicU64::new(0) })
    }

    /// What a request's head proves; `guests` says what is allowed without.
    pub(crate) async fn prove(
        &self,
        carrier: Option<&Carrier>,
        guests: Option<Access>,
        from: IpAddr,
    ) -> Result<Proven, NotAdmitted> {
        let Some(carrier) = carrier else {
            return Ok(guests.map_or(Proven::Nobody, Proven::Guest));
        };
        let credential = self.credential(carrier, from).await?;
        let by_token = matches!(carrier, Carrier::Token(_));
        Ok(Proven::Account(Login::with(credential, by_token)))
    }

    /// What somebody shows, if it is good.
    pub(crate) async fn credential(
        &self,
        carrier: &Carrier,
        from: IpAddr,
    ) -> Result<Credential, NotAdmitted> {
        let credential = match carrier {
            Carrier::Token(token) => return self.token(token.expose(), from).await,
            Carrier::Session(session) => self.store.session(session.expose()).await?,
            Carrier::Ticket(ticket) => self.store.redeem_ticket(ticket.expose()).await?,
        };
        credential.ok_or_else(|| NotAdmitted::new("badLogin", NOT_GOOD))
    }

    /// Checks a name and a password.
    pub(crate) async fn log_in(
        &self,
        name: &str,
        password: SecretString,
        from: IpAddr,
    ) -> Result<(AccountName, Kind), NotAdmitted> {
        let login = self.store.login(name, password, from).await;
        if let Err(LoginError::Wrong | LoginError::TooSoon(_)) = login {
            self.failed_logins.fetch_add(1, Ordering::Relaxed);
        }
        Ok(login?)
    }

    /// Whether somebody who is logged in knows its password.
    pub(crate) async fn is_password(
        &self,
        of: &AccountName,
        password: SecretString,
        from: IpAddr,
    ) -> Result<bool, NotAdmitted> {
        let is_password = self.store.is_password(of, password, from).await;
        if let Ok(false) | Err(LoginError::TooSoon(_)) = is_password {
            self.failed_logins.fetch_add(1, Ordering::Relaxed);
        }
        Ok(is_password?)
    }

    /// Makes an account for a stranger, if strangers may have one.
    pub(crate) async fn register(
        &self,
        name: &str,
        password: SecretString,
        invite: Option<&str>,
        from: IpAddr,
    ) -> Result<AccountName, NotAdmitted> {
        Ok(self.store.register(self.registration, name, password, invite, from).await?)
    }

    /// Who may make an account without being asked.
    pub(crate) fn registration(&self) -> Registration {
        self.registration
    }

    /// How many logins failed since the start.
    pub(crate) fn failed_logins(&self) -> u64 {
        self.failed_logins.load(Ordering::Relaxed)
    }

    /// STUN and TURN servers for somebody.
    pub(crate) fn ice_servers(&self, account: &AccountName) -> IceServers {
        self.ice.servers(Some(account), SystemTime::now())
    }

    /// As whom a client of the stock protocol comes in; `None` for nobody.
    pub(crate) async fn identity(
        &self,
        proven: Proven,
        instance: Option<&str>,
        way: Way,
    ) -> Result<Option<Identity>, NotAdmitted> {
        match proven {
            Proven::Nobody => Ok(None),
            Proven::Guest(access) => Ok(Some(Identity::guest(access))),
            Proven::Account(login) => {
                self.write_down(&login, way.remote);
                let peer = self.peer_id(&login.account, parse(instance)?.as_ref()).await?;
                let credential = login.credential;
                Ok(Some(Identity { peer, credential, ..Identity::account(login.account) }))
            }
        }
    }

    /// As whom a client comes in whose protocol has no login, and that shows something.
    pub(crate) async fn identity_of(
        &self,
        carrier: &Carrier,
        way: Way,
    ) -> Result<Identity, NotAdmitted> {
        let login = Login::with(self.credential(carrier, way.remote).await?, true);
        self.write_down(&login, way.remote);
        Ok(Identity { credential: login.credential, ..Identity::account(login.account) })
    }

    /// Lets somebody in as far as its first message; strangers are few at a time.
    pub(crate) fn visitor(
        self: &Arc<Self>,
        proven: Proven,
        credentials: Credentials,
        way: Way,
    ) -> Option<Visitor> {
        let share = match proven {
            Proven::Nobody => Some(self.strangers.join(Place::of(way.remote), STRANGERS)?),
            Proven::Guest(_) | Proven::Account(_) => None,
        };
        let Credentials { instance, .. } = credentials;
        Some(Visitor { gate: Arc::clone(self), proven, instance, way, _share: share })
    }

    async fn token(&self, token: &str, from: IpAddr) -> Result<Credential, NotAdmitted> {
        let credential = self.store.token(token).await?;
        credential.ok_or_else(|| {
            self.store.token_refused(from);
            NotAdmitted::new("badLogin", NOT_GOOD)
        })
    }

    /// Of passwords the store writes it down itself.
    fn write_down(&self, login: &Login, from: IpAddr) {
        if let Login { account, credential: Some(token), by_token: true, .. } = login {
            self.store.token_login(account, *token, from);
        }
    }

    async fn peer_id(
        &self,
        account: &AccountName,
        instance: Option<&Instance>,
    ) -> Result<Option<PeerId>, NotAdmitted> {
        match instance {
            Some(instance) => Ok(Some(self.store.peer_id(account, instance).await?)),
            None => Ok(None),
        }
    }

    /// A credential of its own for a connection, so that it can be revoked like a token.
    async fn open(
        &self,
        account: AccountName,
        kind: Kind,
        from: IpAddr,
    ) -> Result<Login, NotAdmitted> {
        let by = Actor::Account { name: account.clone(), remote: Some(from) };
        let credential = self.store.open_connection(&account, &by).await?;
        Ok(Login { account, kind, credential: Some(credential), by_token: false })
    }

    fn me(&self, login: Option<Login>, resume_token: Option<SecretString>) -> Me {
        let account = login.map(|login| (login.account, login.kind));
        Me { account, resume_token, ice: Arc::clone(&self.ice) }
    }
}

impl Visitor {
    pub(crate) fn way(&self) -> Way {
        self.way
    }

    /// Works on the first message; the error is what is answered to it.
    pub(crate) async fn hello(self, text: &str, hub: &HubHandle) -> Result<Admitted, String> {
        let Hello { instance, calls, proof, tag } =
            hello(text).map_err(|fault| refused("noHello", &fault, None))?;
        let answer = match proof {
            Proof::Resume(token) => self.back(&token, hub).await,
            proof => self.enter(proof, instance.as_deref(), calls).await,
        };
        answer.map_err(|NotAdmitted { code, words, .. }| {
            info!(remote = %self.way.remote, code, "not admitted: {words}");
            refused(code, &words, tag.as_deref())
        })
    }

    async fn enter(
        &self,
        proof: Proof<'_>,
        own: Option<&str>,
        calls: bool,
    ) -> Result<Admitted, NotAdmitted> {
        let instance = parse(own.or(self.instance.as_deref()))?;
        let login = match proof {
            Proof::Login(Password { name, password }) => {
                let password = (&*password).into();
                let (account, kind) = self.gate.log_in(&name, password, self.way.remote).await?;
                self.gate.open(account, kind, self.way.remote).await?
            }
            Proof::Register(Register { name, password, invite }) => {
                let (password, invite) = ((&*password).into(), invite.as_deref());
                let account = self.gate.register(&name, password, invite, self.way.remote).await?;
                self.gate.open(account, Kind::User, self.way.remote).await?
            }
            Proof::Token(token) => {
                Login::with(self.gate.token(&token, self.way.remote).await?, true)
            }
            Proof::None | Proof::Resume(_) => match &self.proven {
                Proven::Account(login) => login.clone(),
                Proven::Guest(access) => {
                    let identity = Identity { calls, ..Identity::guest(*access) };
                    let me = self.gate.me(None, None);
                    return Ok(Admitted::New { identity, me, resume: None });
                }
                Proven::Nobody => {
                    return Err(NotAdmitted::new("notLoggedIn", "this needs a login"));
                }
            },
        };
        self.admit(login, instance, calls).await
    }

    async fn admit(
        &self,
        login: Login,
        instance: Option<Instance>,
        calls: bool,
    ) -> Result<Admitted, NotAdmitted> {
        let peer = self.gate.peer_id(&login.account, instance.as_ref()).await?;
        // Without an instance it is known for as long as it comes back.
        let peer = peer.unwrap_or_else(|| PeerId::from(&*Uuid::new_v4().to_string()));
        let Login { account, credential, .. } = login.clone();
        let account = Some(account);
        let resume = Resume { account, credential, peer, instance, calls };
        let (id, token) = self.gate.store.create_resume(&resume).await?;
        self.gate.write_down(&login, self.way.remote);
        let identity = returning(resume);
        let me = self.gate.me(Some(login), Some(token));
        Ok(Admitted::New { identity, me, resume: Some(id) })
    }

    /// The connection whose token this is goes on with this socket.
    async fn back(&self, token: &Token<'_>, hub: &HubHandle) -> Result<Admitted, NotAdmitted> {
        let store = &self.gate.store;
        let too_late =
            || NotAdmitted::new("cannotResume", "there is nothing to come back to; log in");
        let (id, resume) = store.find_resume(&token.resume_token).await?.ok_or_else(too_late)?;
        let account = resume.account.ok_or_else(too_late)?;
        if matches!(&self.proven, Proven::Account(login) if login.account != account) {
            return Err(too_late());
        }
        let kind = store.account(&account).await?.ok_or_else(too_late)?.kind;
        let next = store.rotate_resume(id, &token.resume_token).await?.ok_or_else(too_late)?;
        let (membership, back) =
            hub.resume(id, token.received, self.way).await.ok_or_else(too_late)?;
        let words = resumed(back.heard, next.expose_secret(), back.reset, back.restarted);
        let login = Login { account, kind, credential: resume.credential, by_token: false };
        let me = self.gate.me(Some(login), None);
        Ok(Admitted::Back { membership: Box::new(membership), me, heard: back.heard, words })
    }
}

/// As whom a client comes in that can come back.
pub(crate) fn returning(known: Resume) -> Identity {
    let Resume { account, credential, peer, calls, .. } = known;
    let guest = Identity::guest(Access::Full);
    Identity { account, peer: Some(peer), credential, calls, resumes: true, ..guest }
}

impl NotAdmitted {
    fn new(code: &'static str, words: impl Into<String>) -> Self {
        Self { code, words: words.into(), retry_after: None }
    }

    fn too_soon(words: String, wait: Duration) -> Self {
        Self { code: "tooManyFailures", words, retry_after: Some(wait) }
    }
}

impl From<LoginError> for NotAdmitted {
    fn from(error: LoginError) -> Self {
        let words = error.to_string();
        let code = match error {
            LoginError::Wrong => "badLogin",
            LoginError::TooSoon(wait) => return Self::too_soon(words, wait),
            LoginError::Crowded(_) => "unavailable",
            LoginError::Broken(broken) => return broken.into(),
        };
        Self::new(code, words)
    }
}

impl From<RegisterError> for NotAdmitted {
    fn from(error: RegisterError) -> Self {
        let words = error.to_string();
        let code = match error {
            RegisterError::Closed => "registrationClosed",
            RegisterError::BadInvite => "badInvite",
            RegisterError::Name(_) => "badName",
            RegisterError::Password(_) => "badPassword",
            RegisterError::Exists(_) => "nameTaken",
            RegisterError::TooSoon(wait) => return Self::too_soon(words, wait),
            RegisterError::Full | RegisterError::Crowded(_) => "unavailable",
            RegisterError::Broken(broken) => return broken.into(),
        };
        Self::new(code, words)
    }
}

fn parse(text: Option<&str>) -> Result<Option<Instance>, NotAdmitted> {
    text.map(Instance::parse)
        .transpose()
        .map_err(|fault| NotAdmitted::new("badInstance", fault.to_string()))
}

impl From<AccountError> for NotAdmitted {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Broken(broken) => broken.into(),
            AccountError::Crowded(crowded) => Self::new("unavailable", crowded.to_string()),
            other => Self::new("badLogin", other.to_string()),
        }
    }
}

impl From<CredentialError> for NotAdmitted {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::Broken(broken) => broken.into(),
            // Some of them will end: clients try again.
            CredentialError::TooMany { .. } => Self::new("unavailable", error.to_string()),
            CredentialError::NoSuchAccount(_) => Self::new("badLogin", error.to_string()),
        }
    }
}

impl From<Broken> for NotAdmitted {
    fn from(broken: Broken) -> Self {
        error!(%broken, "the store does not work");
        Self::new("unavailable", "the server cannot look up accounts now; try again later")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tempfile::TempDir;

    use super::*;
    use crate::link::{Link, Side};

    #[tokio::test]
    async fn strangers_of_one_ipv6_network_are_strangers_of_one_machine() {
        let data = TempDir::new().unwrap();
        let store = Store::open(data.path()).await.unwrap();
        let gate = Gate::new(store, Ice::default(), Registration::default());
        let visit = |network, host| {
            let address = ([0xfd00, 0, 0, network, 0, 0, 0, host], 1).into();
            let way = Link::new(Side::Tls, address, address).way("intercom.v1");
            gate.visitor(Proven::Nobody, Credentials::default(), way)
        };
        let visitors: Vec<_> = (0..8).map(|host| visit(1, host)).collect();
        assert!(visitors.iter().all(Option::is_some) && visit(1, 8).is_none());
        assert!(visit(2, 8).is_some());
        drop(visitors);
        assert!(visit(1, 8).is_some());
    }

    #[test]
    fn only_what_will_not_change_is_a_bad_login() {
        let name = AccountName::parse("ann").unwrap();
        let full = CredentialError::TooMany { name: name.clone(), max: 1000, what: "connections" };
        assert_eq!(NotAdmitted::from(full).code, "unavailable");
        let gone = CredentialError::NoSuchAccount(name.clone());
        assert_eq!(NotAdmitted::from(gone).code, "badLogin");
        assert_eq!(NotAdmitted::from(AccountError::NoSuch(name)).code, "badLogin");
    }
}
