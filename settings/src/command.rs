//! The clap command of a program: what it declares, `--config`, and `config check|print`.

use std::path::PathBuf;

use clap::builder::{BoolishValueParser, Resettable};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::Program;

/// The flag that names the settings file.
pub(crate) const FILE_FLAG: &str = "config";
/// The variable that does.
pub(crate) const FILE_VARIABLE: &str = "INTERCOM_CONFIG";

/// What is to be done with the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Run,
    Check,
    Print,
}

/// The whole command, for its help.
pub(crate) fn whole(program: &Program, declared: Command) -> Command {
    let declared = quiet(declared);
    let with_file = |command: Command| command.arg(file_flag(program)).mut_args(can_be_unset);
    let root = match program.verb {
        Some(verb) => declared.mut_subcommand(verb, with_file),
        None => with_file(declared).args_conflicts_with_subcommands(true),
    };
    let settings: Vec<Arg> = settings_of(program, &root).get_arguments().cloned().collect();
    let part = |name: &'static str, about: &'static str| {
        Command::new(name).about(about).args(settings.clone())
    };
    root.subcommand(quiet(
        Command::new("config")
            .about("Check or print the settings, and start nothing")
            .subcommand_required(true)
            .subcommand(part("check", "Say whether the settings are good: exit code 0 or 2"))
            .subcommand(part("print", "Print the settings in effect, each with where it is from")),
    ))
}

/// The same without variables: they are a layer of their own.
pub(crate) fn without_variables(command: Command) -> Command {
    let names: Vec<String> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let command = command.mut_args(|arg| arg.env(Resettable::Reset));
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, without_variables))
}

/// No pages of help for a word that is missing, at any depth.
pub(crate) fn quiet(command: Command) -> Command {
    let names: Vec<String> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let command = command.disable_help_subcommand(true).arg_required_else_help(false);
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, quiet))
}

/// The command whose flags are the settings.
pub(crate) fn settings_of<'a>(program: &Program, root: &'a Command) -> &'a Command {
    program.verb.and_then(|verb| root.find_subcommand(verb)).unwrap_or(root)
}

/// A setting is a flag with a variable: others say what to do now, and are nobody's default.
pub(crate) fn is_setting(arg: &Arg) -> bool {
    arg.get_env().is_some() && arg.get_id() != FILE_FLAG
}

/// What is asked for, how many words said so, and the flags.
pub(crate) fn asked<'a>(
    program: &Program,
    matches: &'a ArgMatches,
) -> (Asked, usize, &'a ArgMatches) {
    match matches.subcommand() {
        Some(("config", config)) => match config.subcommand() {
            Some(("print", flags)) => (Asked::Print, 2, flags),
            Some((_, flags)) => (Asked::Check, 2, flags),
            None => (Asked::Check, 1, config),
        },
        Some((name, flags)) if Some(name) == program.verb => (Asked::Run, 1, flags),
        _ => (Asked::Run, 0, matches),
    }
}

fn file_flag(program: &Program) -> Arg {
    Arg::new(FILE_FLAG)
        .long(FILE_FLAG)
        .value_name("FILE")
        .env(FILE_VARIABLE)
        .value_parser(value_parser!(PathBuf))
        .help(format!("Settings file [default: {}, if it is there]", crate::file::usual(program)))
}

/// `--stats` is `--stats=true`, so that a flag can also undo what a file says.
fn can_be_unset(arg: Arg) -> Arg {
    if !matches!(arg.get_action(), ArgAction::SetTrue) || !is_setting(&arg) {
        return arg;
    }
    arg.action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .value_name("BOOL")
        .value_parser(BoolishValueParser::new())
        .hide_possible_values(true)
        .default_value("false")
        .default_missing_value("true")
}
