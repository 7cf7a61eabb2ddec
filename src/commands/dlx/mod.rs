//! `deka dlx`: a command of a package that no project has.

mod kept;
mod packages;

use super::run::Stage;
use super::{Context, exec, install as install_command};
use crate::cli;
use crate::error::{Code, Error};
use crate::install::Task;
use crate::package::manifest::Manifest;
use crate::package::name::PackageName;
use crate::project::selection::Selection;
use crate::project::settings::Flags;
use crate::project::workspace::MANIFEST;
use crate::timings::Timings;
use kept::Shelf;
use packages::Wanted;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The folder of commands.
const BIN: &str = ".bin";
/// How to have the scripts of packages run.
const ALLOW: &str = "To run the scripts of one that you trust, pass its name with `--allow-build`.";

/// Installs packages aside and runs a command of theirs. Returns the exit status.
pub fn run(context: &Context, arguments: &cli::dlx::Dlx) -> Result<u8, Error> {
    let stage = Stage::anywhere(context, Flags(arguments.overrides()))?;
    let (first, rest) = arguments.words.split_first().ok_or_else(|| Error::new(Code::Usage, "a package is missing"))?;
    let named = first.to_string_lossy();
    let asked: Vec<&str> =
        if arguments.package.is_empty() { vec![&*named] } else { arguments.package.iter().map(String::as_str).collect() };
    let wanted = asked.iter().enumerate().map(|(place, text)| packages::read(text, place, &context.dir));
    let wanted = wanted.collect::<Result<Vec<Wanted>, Error>>()?;
    let home = have(&stage, &wanted, &arguments.allow_build)?;
    let modules = home.join("node_modules");
    let command = match (arguments.package.is_empty(), wanted.first()) {
        (true, Some(package)) => command_of(&modules, package)?.into(),
        _ => first.clone(),
    };
    let words: Vec<OsString> = std::iter::once(command).chain(rest.iter().cloned()).collect();
    let variables = stage.of_program(&Manifest::default(), &home.join(MANIFEST), &[modules.join(BIN)]);
    Ok(exec::run_words(&stage, &words, arguments.shell_mode, &context.dir, variables)?.exit_status())
}

/// Returns the folder in which the packages are installed, and installs them if they are not.
fn have(stage: &Stage<'_>, wanted: &[Wanted], builds: &[String]) -> Result<PathBuf, Error> {
    let shelf = Shelf::of(&stage.settings, wanted, builds);
    if let Some(home) = shelf.current(stage.settings.dlx_max_age) {
        return Ok(home);
    }
    let home = shelf.begin(wanted, builds)?;
    let task = Task {
        dir: home.clone(),
        env: stage.context.env.clone(),
        flags: flags(stage),
        selection: Selection::default(),
        clean: false,
        edit: None,
    };
    let done = install_command::install_telling(stage.context, &task, ALLOW, &Timings::default()).and_then(|_| shelf.finish(&home));
    if let Err(error) = done {
        shelf.abandon(&home);
        return Err(error);
    }
    Ok(home)
}

/// Returns what the settings here say that the folder in the cache would not know.
fn flags(stage: &Stage<'_>) -> Flags {
    let settings = &stage.settings;
    let mut flags: std::collections::BTreeMap<String, String> = kept::registries(settings).into_iter().collect();
    flags.insert("modules-dir".to_owned(), "node_modules".to_owned());
    flags.extend(settings.store_dir.to_str().map(|store| ("store-dir".to_owned(), store.to_owned())));
    for name in ["offline", "prefer-offline"] {
        flags.extend(stage.flags.0.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    Flags(flags)
}

/// Returns the command that is meant by a package: its only one, or the one that is called like it.
fn command_of(modules: &Path, package: &Wanted) -> Result<String, Error> {
    let text = crate::fs::read(&modules.join(package.alias.as_str()).join(MANIFEST)).map_err(|error| Error::wrap(Code::Io, &error))?;
    let own = Manifest::parse(&text).unwrap_or_default().name.and_then(|name| PackageName::parse(&name).ok());
    let name = own.as_ref().unwrap_or(&package.alias);
    let commands = commands(modules, package);
    match commands.as_slice() {
        [] => Err(Error::new(Code::NoCommand, format!("{name} has no commands"))
            .hint("To have it for another command, name both: `deka dlx --package <PACKAGE> <COMMAND>`.")),
        [only] => Ok(only.clone()),
        several if several.iter().any(|command| command == name.unscoped()) => Ok(name.unscoped().to_owned()),
        several => {
            let message = format!("{name} has several commands and none is called `{}`: {}", name.unscoped(), several.join(", "));
            Err(Error::new(Code::NoCommand, message).hint(format!("Say which one: `deka dlx --package {name} {}`.", several[0])))
        }
    }
}

/// Lists the commands of a package that are linked, sorted.
fn commands(modules: &Path, package: &Wanted) -> Vec<String> {
    let inside = Path::new("..").join(package.alias.as_str());
    let links = std::fs::read_dir(modules.join(BIN)).into_iter().flatten().flatten();
    let own = links.filter(|link| std::fs::read_link(link.path()).is_ok_and(|target| target.starts_with(&inside)));
    let mut commands: Vec<String> = own.filter_map(|link| link.file_name().into_string().ok()).collect();
    commands.sort();
    commands
}
