//! What others may do with an account: for its owner, and for admins.

use std::collections::BTreeSet;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use signaller_core::{AccountName, Circle, Right};

use super::accounts::account;
use super::asker::{Asker, Owner};
use super::body::Json;
use super::{Api, Refused};

/// Who has which right.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rights {
    see: Who,
    watch: Who,
    talk: Who,
    call: Who,
    control: Who,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged, expecting = "everyone, users, nobody, or a list of accounts")]
enum Who {
    All(Word),
    Listed(Vec<String>),
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
enum Word {
    Everyone,
    Users,
    Nobody,
}

pub(super) async fn show(
    State(api): State<Api>,
    Owner { name, .. }: Owner,
) -> Result<axum::Json<Rights>, Refused> {
    Ok(axum::Json(Rights::from(&account(&api, &name).await?.rights)))
}

/// Sets what is other than it was. Whoever loses a right is cut.
pub(super) async fn set(
    State(api): State<Api>,
    Owner { asker, name }: Owner,
    Json(rights): Json<Rights>,
) -> Result<axum::Json<Rights>, Refused> {
    let before = account(&api, &name).await?.rights;
    let mut changes = rights.circles()?.to_vec();
    changes.retain(|(right, circle)| before.circle(*right) != circle);
    let known = known(&api, &asker).await?;
    for (right, circle) in &changes {
        let kept = names(before.circle(*right));
        let stranger = names(circle)
            .find(|name| !known.contains(name) && !kept.clone().any(|kept| kept == *name));
        if let Some(stranger) = stranger {
            return Err(Refused::new("badName", format!("there is no account {stranger}")));
        }
    }
    api.store.set_rights(&name, &changes, &asker.actor()).await?;
    Ok(axum::Json(Rights::from(&account(&api, &name).await?.rights)))
}

/// Which accounts somebody may name; who names another learns nothing of it.
async fn known(api: &Api, asker: &Asker) -> Result<BTreeSet<AccountName>, Refused> {
    if asker.is_admin() {
        let accounts = api.store.accounts().await?;
        return Ok(accounts.into_iter().map(|account| account.name).collect());
    }
    let seen = api.hub.presence(asker.name().clone()).await?;
    Ok(seen.into_iter().map(|seen| seen.name).chain([asker.name().clone()]).collect())
}

fn names(circle: &Circle) -> impl Iterator<Item = &AccountName> + Clone {
    let names = match circle {
        Circle::Listed(names) => Some(names),
        Circle::Everyone | Circle::Users | Circle::Nobody => None,
    };
    names.into_iter().flatten()
}

impl Rights {
    fn circles(&self) -> Result<[(Right, Circle); 5], Refused> {
        Ok([
            (Right::See, self.see.circle()?),
            (Right::Watch, self.watch.circle()?),
            (Right::Talk, self.talk.circle()?),
            (Right::Call, self.call.circle()?),
            (Right::Control, self.control.circle()?),
        ])
    }
}

impl Who {
    fn circle(&self) -> Result<Circle, Refused> {
        Ok(match self {
            Self::All(Word::Everyone) => Circle::Everyone,
            Self::All(Word::Users) => Circle::Users,
            Self::All(Word::Nobody) => Circle::Nobody,
            Self::Listed(names) => {
                let names = names.iter().map(|name| AccountName::parse(name));
                Circle::Listed(names.collect::<Result<_, _>>()?)
            }
        })
    }
}

impl From<&signaller_core::Rights> for Rights {
    fn from(rights: &signaller_core::Rights) -> Self {
        Self {
            see: Who::from(&rights.see),
            watch: Who::from(&rights.watch),
            talk: Who::from(&rights.talk),
            call: Who::from(&rights.call),
            control: Who::from(&rights.control),
        }
    }
}

impl From<&Circle> for Who {
    fn from(circle: &Circle) -> Self {
        match circle {
            Circle::Everyone => Self::All(Word::Everyone),
            Circle::Users => Self::All(Word::Users),
            Circle::Nobody => Self::All(Word::Nobody),
            Circle::Listed(names) => Self::Listed(names.iter().map(ToString::to_string).collect()),
        }
    }
}
