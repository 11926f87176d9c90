//! `--user`: the password of a person, from a file or asked for.

use intercom_client::Login;
use intercom_media::cli;
use intercom_settings::secret::{self, Prompt};

use crate::{ConsumerError, args::Args};

/// The settings with the login that `--user` asks for, if it does.
pub(crate) fn with(mut args: Args) -> Result<Args, ConsumerError> {
    let Some(name) = args.user.clone() else { return Ok(args) };
    let failed = |error: std::io::Error| ConsumerError::Login(format!("no password: {error}"));
    let password = match &args.password_file {
        Some(path) => {
            cli::advise("password", path);
            secret::from_file(path).map_err(failed)?
        }
        None => {
            let missing = "--user needs --password-file where there is no terminal to ask on";
            let terminal = Prompt::open().map_err(failed)?;
            let terminal = terminal.ok_or_else(|| ConsumerError::Login(missing.into()))?;
            terminal.ask(&format!("Password of {name}: ")).map_err(failed)?
        }
    };
    args.server.login = Some(Login::Password { name, password });
    Ok(args)
}
