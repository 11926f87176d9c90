//! Flags over variables over file over defaults.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, Parser};

use crate::command::{self, Asked, FILE_FLAG, FILE_VARIABLE};
use crate::fault::refusal;
use crate::{Fault, Program, file};

/// All layers together.
pub(crate) struct Merged<C> {
    pub(crate) settings: C,
    pub(crate) asked: Asked,
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
    /// Every setting there is, in the order of their declaration.
    pub(crate) effective: Vec<Effective>,
}

/// A setting in effect.
pub(crate) struct Effective {
    pub(crate) arg: Arg,
    /// None when it is not set.
    pub(crate) values: Vec<OsString>,
    pub(crate) place: Place,
}

/// A setting that something else than a flag gives.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) id: String,
    pub(crate) values: Vec<OsString>,
    pub(crate) place: Place,
}

/// Where a setting is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Default,
    Flag(String),
    Variable(String),
    File { file: PathBuf, line: usize },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
            Self::File { file, line } => write!(f, "{}:{line}", file.display()),
        }
    }
}

/// Looks variables up.
pub(crate) type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Merges what a command line says with the variables and the file.
pub(crate) fn merge<C: Parser>(
    program: &Program,
    args: Vec<OsString>,
    variables: Variables<'_>,
) -> Result<Merged<C>, Fault> {
    let whole = command::whole(program, C::command());
    let root = command::without_variables(whole.clone());
    let matches = flags_alone(&whole, &root, &args)?;
    let (asked, words, flags) = command::asked(program, &matches);
    if words == 0 && program.verb.is_some() {
        // Another subcommand, whose flags are no settings.
        let settings = C::from_arg_matches(&whole.try_get_matches_from(&args)?)?;
        return Ok(Merged { settings, asked, file: None, effective: Vec::new() });
    }

    let known = Known::new(program, &whole, &root);
    let file = named_file(flags, variables).or_else(|| file::find(program, variables));
    let lines = file.as_deref().map(|file| file::read(program, file, &known.settings));
    let layers = [known.variables(variables), lines.transpose()?.unwrap_or_default()];
    for given in layers.iter().flatten() {
        known.check(given)?;
    }
    let given = known.merge(flags, layers)?;

    let lower = given.iter().flat_map(|given| known.words(given));
    let own = args.into_iter().skip(1 + words);
    let matches = root.clone().try_get_matches_from(known.line(lower.chain(own)))?;
    let (_, _, flags) = command::asked(program, &matches);
    let effective = known.effective(flags, &given);
    Ok(Merged { settings: C::from_arg_matches(&matches)?, asked, file, effective })
}

/// What the command line says by itself. Asked for help, it is the one that names the variables.
fn flags_alone(whole: &Command, root: &Command, args: &[OsString]) -> Result<ArgMatches, Fault> {
    root.clone().try_get_matches_from(args).map_err(|error| {
        let told = whole.clone().try_get_matches_from(args).err();
        match told.filter(|told| told.kind() == error.kind() && !error.use_stderr()) {
            Some(help) => help.into(),
            None => error.into(),
        }
    })
}

fn named_file(flags: &ArgMatches, variables: Variables<'_>) -> Option<PathBuf> {
    let flag = flags.get_one::<PathBuf>(FILE_FLAG).cloned();
    let variable = || variables(FILE_VARIABLE).filter(|file| !file.is_empty());
    flag.or_else(|| variable().map(PathBuf::from))
}

/// The settings that a program has.
struct Known<'a> {
    program: &'a Program,
    /// Whose flags they are.
    target: &'a Command,
    /// The program's command without variables.
    root: &'a Command,
    settings: BTreeMap<&'a str, &'a Arg>,
}

impl<'a> Known<'a> {
    fn new(program: &'a Program, whole: &'a Command, root: &'a Command) -> Self {
        let target = command::settings_of(program, whole);
        let settings = target.get_arguments().filter(|arg| command::is_setting(arg));
        let settings = settings.map(|arg| (arg.get_id().as_str(), arg)).collect();
        Self { program, target, root, settings }
    }

    /// The layer of variables. An empty one is as good as none.
    fn variables(&self, variables: Variables<'_>) -> Vec<Given> {
        let given = self.settings.iter().filter_map(|(id, arg)| {
            let name = arg.get_env()?.to_str()?;
            let value = variables(name).filter(|value| !value.is_empty())?;
            let place = Place::Variable(name.to_owned());
            Some(Given { id: (*id).to_owned(), values: vec![value], place })
        });
        given.collect()
    }

    /// Has the flag's own parser look at a value.
    fn check(&self, given: &Given) -> Result<(), Fault> {
        let fault = |why| Fault::Setting { place: given.place.to_string(), why };
        let fault = |why: String| match given.place {
            Place::Variable(_) => fault(why),
            _ => fault(format!("{}: {why}", given.id)),
        };
        let is_list = matches!(self.settings[given.id.as_str()].get_action(), ArgAction::Append);
        if given.values.len() != 1 && !is_list {
            return Err(fault("takes one value, not a list".into()));
        }
        for word in self.words(given) {
            let alone = self.root.clone().try_get_matches_from(self.line([word]));
            alone.map_err(|error| fault(refusal(&error)))?;
        }
        Ok(())
    }

    /// What counts of each layer, the higher layers first.
    fn merge(&self, flags: &ArgMatches, layers: [Vec<Given>; 2]) -> Result<Vec<Given>, Fault> {
        let is_flag = |id: &&str| flags.value_source(id) == Some(ValueSource::CommandLine);
        let ids = self.target.get_arguments().map(|arg| arg.get_id().as_str());
        let mut above: BTreeSet<String> = ids.filter(is_flag).map(str::to_owned).collect();
        let mut merged: Vec<Given> = Vec::new();
        for mut layer in layers {
            layer.retain(|given| self.counts(&given.id, &above));
            self.do_go_together(&layer)?;
            above.extend(layer.iter().map(|given| given.id.clone()));
            merged.extend(layer);
        }
        Ok(merged)
    }

    /// Whether nothing above says otherwise.
    fn counts(&self, id: &str, above: &BTreeSet<String>) -> bool {
        let belongs_above = self
            .program
            .parts
            .iter()
            .any(|(whole, parts)| parts.contains(&id) && above.contains(*whole));
        !above.contains(id)
            && !belongs_above
            && !above.iter().any(|other| self.are_rivals(id, other))
    }

    fn do_go_together(&self, layer: &[Given]) -> Result<(), Fault> {
        for (index, given) in layer.iter().enumerate() {
            let rival = layer[..index].iter().find(|other| self.are_rivals(&given.id, &other.id));
            if let Some(rival) = rival {
                let place = given.place.to_string();
                let why = match &rival.place {
                    Place::Variable(name) => format!("does not go with {name}"),
                    _ => format!("{} does not go with {}", given.id, rival.id),
                };
                return Err(Fault::Setting { place, why });
            }
        }
        Ok(())
    }

    fn are_rivals(&self, one: &str, other: &str) -> bool {
        let excludes = |one: &str, other: &str| {
            let arg = self.target.get_arguments().find(|arg| arg.get_id() == one);
            let rivals = arg.map(|arg| self.target.get_arg_conflicts_with(arg)).unwrap_or_default();
            rivals.iter().any(|rival| rival.get_id() == other)
        };
        excludes(one, other) || excludes(other, one)
    }

    /// A setting as the words of a command line.
    fn words(&self, given: &Given) -> Vec<OsString> {
        let arg = self.settings[given.id.as_str()];
        given.values.iter().map(|value| word(arg, value)).collect()
    }

    /// A command line with these flags.
    fn line(&self, flags: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
        let words = [Some(self.program.name), self.program.verb];
        words.into_iter().flatten().map(OsString::from).chain(flags).collect()
    }

    fn effective(&self, flags: &ArgMatches, given: &[Given]) -> Vec<Effective> {
        let settings = self.target.get_arguments().filter(|arg| command::is_setting(arg));
        let effective = settings.map(|arg| {
            let id = arg.get_id().as_str();
            let values = flags.get_raw(id).into_iter().flatten().map(OsStr::to_owned).collect();
            let lower = given.iter().find(|given| given.id == id);
            let place = match (lower, flags.value_source(id)) {
                (Some(given), _) => given.place.clone(),
                (None, Some(ValueSource::CommandLine)) => {
                    Place::Flag(format!("--{}", arg.get_long().unwrap_or(id)))
                }
                _ => Place::Default,
            };
            Effective { arg: arg.clone(), values, place }
        });
        effective.collect()
    }
}

/// A flag with its value, as one word of a command line.
fn word(arg: &Arg, value: &OsStr) -> OsString {
    let mut word = OsString::from(format!("--{}=", arg.get_long().unwrap_or_default()));
    word.push(value);
    word
}
