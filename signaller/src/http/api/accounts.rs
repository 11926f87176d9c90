//! Accounts, for admins.

use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use signaller_core::{Account, AccountName, Kind};

use super::asker::Admin;
use super::body::{Json, Part, secret, secret_or_none};
use super::refused::account_name;
use super::rights::Rights;
use super::{Api, Refused};
use crate::store::{kind_word, label};

#[derive(Serialize)]
pub(super) struct Accounts {
    accounts: Vec<View>,
}

#[derive(Serialize)]
pub(super) struct View {
    name: String,
    kind: &'static str,
    label: Option<String>,
    rights: Rights,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    name: String,
    #[serde(default)]
    kind: KindWord,
    label: Option<String>,
    /// For everybody but devices.
    #[serde(default, deserialize_with = "secret_or_none")]
    password: Option<SecretString>,
}

/// One thing at a time, so that all of it is done or nothing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Change {
    Kind(KindWord),
    /// Without one the name is shown.
    Label(Option<String>),
    Password(#[serde(deserialize_with = "secret")] SecretString),
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum KindWord {
    #[default]
    User,
    Device,
    Admin,
}

pub(super) async fn list(
    State(api): State<Api>,
    _: Admin,
) -> Result<axum::Json<Accounts>, Refused> {
    let accounts = api.store.accounts().await?;
    Ok(axum::Json(Accounts { accounts: accounts.iter().map(View::from).collect() }))
}

pub(super) async fn show(
    State(api): State<Api>,
    _: Admin,
    Part(name): Part,
) -> Result<axum::Json<View>, Refused> {
    Ok(axum::Json(View::from(&account(&api, &account_name(&name)?).await?)))
}

pub(super) async fn add(
    State(api): State<Api>,
    Admin(admin): Admin,
    Json(new): Json<NewAccount>,
) -> Result<(StatusCode, axum::Json<View>), Refused> {
    let label = new.label.as_deref().map(label).transpose()?;
    let name = AccountName::parse(&new.name)?;
    let account = Account { label, ..Account::new(name, new.kind.into()) };
    api.store.add_account(&account, new.password, &admin.actor()).await?;
    Ok((StatusCode::CREATED, axum::Json(View::from(&account))))
}

pub(super) async fn change(
    State(api): State<Api>,
    Admin(admin): Admin,
    Part(name): Part,
    Json(change): Json<Change>,
) -> Result<axum::Json<View>, Refused> {
    let (name, by) = (account_name(&name)?, admin.actor());
    match change {
        Change::Kind(kind) => api.store.set_kind(&name, kind.into(), false, &by).await?,
        Change::Label(text) => {
            let label = text.as_deref().map(label).transpose()?;
            api.store.set_label(&name, label.as_ref(), &by).await?;
        }
        Change::Password(password) => {
            let keep = Some(admin.credential.id).filter(|_| *admin.name() == name);
            api.store.set_password(&name, password, keep, &by).await?;
        }
    }
    Ok(axum::Json(View::from(&account(&api, &name).await?)))
}

pub(super) async fn remove(
    State(api): State<Api>,
    Admin(admin): Admin,
    Part(name): Part,
) -> Result<StatusCode, Refused> {
    api.store.remove_account(&account_name(&name)?, false, &admin.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An account that there is.
pub(super) async fn account(api: &Api, name: &AccountName) -> Result<Account, Refused> {
    let account = api.store.account(name).await?;
    account.ok_or_else(|| Refused::no_such_account(name.as_str()))
}

impl From<&Account> for View {
    fn from(account: &Account) -> Self {
        Self {
            name: account.name.to_string(),
            kind: kind_word(account.kind),
            label: account.label.as_deref().map(str::to_owned),
            rights: Rights::from(&account.rights),
        }
    }
}

impl From<KindWord> for Kind {
    fn from(word: KindWord) -> Self {
        match word {
            KindWord::User => Self::User,
            KindWord::Device => Self::Device,
            KindWord::Admin => Self::Admin,
        }
    }
}
