//! Who speaks roomrtc: over one connection it registers, logs in, and logs out again.

use std::sync::Arc;

use secrecy::SecretString;
use signaller_core::{Identity, Medium, PeerId};
use tracing::info;
use uuid::Uuid;

use super::{Gate, NotAdmitted, STRANGERS};
use crate::dialect::roomrtc::{First, error, first, not_logged_in, not_registered, registered};
use crate::link::Way;
use crate::place::{Place, Share};
use crate::store::{Resume, ResumeId};

/// Somebody on a line, as long as nobody is logged in there.
#[derive(Debug)]
pub(crate) struct Caller {
    gate: Arc<Gate>,
    way: Way,
}

/// What comes of a line.
#[derive(Debug)]
pub(crate) enum Heard {
    /// It is answered with this line.
    Answer(String),
    /// Its name and password were right: the hub says whether there is room for it.
    Known {
        identity: Identity,
        /// Keeps what it logged in with; it cannot come back.
        resume: ResumeId,
    },
}

impl Caller {
    pub(crate) fn new(gate: Arc<Gate>, way: Way) -> Self {
        Self { gate, way }
    }

    pub(crate) fn way(&self) -> Way {
        self.way
    }

    /// Strangers are few at a time.
    pub(crate) fn share(&self) -> Option<Share> {
        self.gate.strangers.join(Place::of(self.way.remote), STRANGERS)
    }

    /// Works on a line of a stranger.
    pub(crate) async fn hear(&self, line: &str) -> Heard {
        let (answer, words): (fn(&str) -> String, _) = match first(line) {
            Ok(First::Login { username, password }) => {
                match self.log_in(&username, password).await {
                    Ok((identity, resume)) => return Heard::Known { identity, resume },
                    Err(why) => (not_logged_in, self.refused(why)),
                }
            }
            Ok(First::Register { username, password }) => {
                match self.gate.register(&username, password, None, self.way.remote).await {
                    Ok(account) => return Heard::Answer(registered(&account)),
                    Err(why) => (not_registered, self.refused(why)),
                }
            }
            Err(fault) => (error, fault),
        };
        Heard::Answer(answer(&words))
    }

    async fn log_in(
        &self,
        name: &str,
        password: SecretString,
    ) -> Result<(Identity, ResumeId), NotAdmitted> {
        let (account, kind) = self.gate.log_in(name, password, self.way.remote).await?;
        let login = self.gate.open(account.clone(), kind, self.way.remote).await?;
        let peer = PeerId::from(&*Uuid::new_v4().to_string());
        let identity = Identity {
            peer: Some(peer.clone()),
            credential: login.credential,
            calls: true,
            medium: Medium::Descriptions,
            is_exclusive: true,
            ..Identity::account(account)
        };
        // Without an account nobody comes back by it.
        let resume = Resume {
            account: None,
            credential: login.credential,
            peer,
            instance: None,
            calls: true,
        };
        let (id, _) = self.gate.store.create_resume(&resume).await?;
        Ok((identity, id))
    }

    fn refused(&self, NotAdmitted { code, words, .. }: NotAdmitted) -> String {
        info!(remote = %self.way.remote, code, "not admitted: {words}");
        words
    }
}
