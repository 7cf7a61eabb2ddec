//! `deka dlx`: a command of a package that no project has.

mod kept;
mod packages;

use super::run::Stage;
use super::{Context, exec, install as install_command};
use crate::cli;
use crate::error::{Code, Error};
use crate::install::Task;
use crate::package::facts::Facts;
use crate::package::manifest::Manifest;
use crate::package::name::PackageName;
use crate::package::path::RelPath;
use crate::project::selection::Selection;
use crate::project::settings::Flags;
use kept::Shelf;
use packages::Wanted;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

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
    let variables = stage.of_program(&Manifest::default(), &home.join("package.json"), &[modules.join(".bin")]);
    Ok(exec::run_words(&stage, &words, arguments.shell_mode, &context.dir, variables)?.exit_status())
}

/// Returns the folder in which the packages are installed, and installs them if they are not.
fn have(stage: &Stage<'_>, wanted: &[Wanted], builds: &[String]) -> Result<PathBuf, Error> {
    let shelf = Shelf::of(&stage.settings, wanted, builds);
    if let Some(home) = shelf.current(stage.settings.dlx_max_age) {
        return Ok(home);
    }
    let home = shelf.begin(wanted, builds)?;
    let task =
        Task { dir: home.clone(), env: stage.context.env.clone(), flags: flags(stage), selection: Selection::default(), clean: false };
    let done = install_command::perform(stage.context, &task, ALLOW).and_then(|_| shelf.finish(&home));
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
    let folder = modules.join(package.alias.as_str());
    let text = crate::fs::read(&folder.join("package.json")).map_err(|error| Error::wrap(Code::Io, &error))?;
    let manifest = Manifest::parse(&text).unwrap_or_default();
    let own = manifest.name.as_deref().and_then(|name| PackageName::parse(name).ok());
    let name = own.as_ref().unwrap_or(&package.alias);
    let files = files_of_commands(&folder, &manifest);
    let facts = Facts::of(&manifest, name, files.iter());
    let commands: Vec<&str> = facts.bins.iter().map(|(command, _)| command.as_str()).collect();
    let unscoped = name.unscoped();
    match commands.as_slice() {
        [] => Err(Error::new(Code::NoCommand, format!("{name} has no commands"))
            .hint("To have it for another command, name both: `deka dlx --package <PACKAGE> <COMMAND>`.")),
        [only] => Ok((*only).to_owned()),
        several if several.contains(&unscoped) => Ok(unscoped.to_owned()),
        several => {
            Err(Error::new(Code::NoCommand, format!("{name} has several commands and none is called `{unscoped}`: {}", several.join(", ")))
                .hint(format!("Say which one: `deka dlx --package {name} {}`.", several[0])))
        }
    }
}

/// Returns the files in the folder of commands, where a manifest names a folder instead of files.
fn files_of_commands(folder: &Path, manifest: &Manifest) -> Vec<RelPath> {
    let Some(inner) = manifest.directories.get("bin").and_then(|inner| RelPath::normalise(inner).ok().flatten()) else { return Vec::new() };
    let entries = std::fs::read_dir(folder.join(inner.as_str())).into_iter().flatten().flatten();
    entries.filter_map(|entry| RelPath::parse(&format!("{inner}/{}", entry.file_name().to_str()?)).ok()).collect()
}
