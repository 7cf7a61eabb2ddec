//! The layers that settings come from, laid over one another.
//!
//! Sources are offered from the strongest to the weakest, and the first that names a setting wins. Here is also where a
//! source is told what it may not set. Values stay raw; [`super::value`] reads the winner when it is asked for, so that a
//! wrong value that nobody uses disturbs nobody.

use super::table::{self, KEYS, Trust};
use super::warning::Warning;
use crate::project::npmrc;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On the command line.
    Flag,
    /// In a variable of the environment.
    Variable(String),
    /// In a file.
    File {
        /// The file.
        path: Arc<Path>,
        /// The line, from 1; nothing when the format does not tell.
        line: Option<u32>,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag => out.write_str("the command line"),
            Origin::Variable(name) => write!(out, "the variable {name}"),
            Origin::File { path, line: Some(line) } => write!(out, "{}:{line}", path.display()),
            Origin::File { path, line: None } => write!(out, "{}", path.display()),
        }
    }
}

/// How far a source is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The person who runs deka: flags, environment, own files.
    User,
    /// Whoever wrote the project.
    Project,
}

/// A value as its source has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RawValue {
    /// One text.
    Text(String),
    /// Several texts.
    List(Vec<String>),
    /// Named lists.
    Object(BTreeMap<String, Vec<String>>),
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// The value.
    pub value: RawValue,
    /// Where it was given.
    pub origin: Origin,
    /// Who gave it.
    pub owner: Owner,
}

/// The fields that an address (`//host/path/:field`) can have.
const ADDRESS_FIELDS: [&str; 7] = ["_authToken", "_auth", "_password", "username", "tokenHelper", "certfile", "keyfile"];
/// Those of them that only the user may give: they run or open something on this machine.
const ADDRESS_FIELDS_OF_USER: [&str; 3] = ["tokenHelper", "certfile", "keyfile"];
/// Credentials that say not which registry they are for.
const LOOSE_CREDENTIALS: [&str; 5] = ["_auth", "_authToken", "_password", "tokenHelper", "username"];

/// The strongest value of each setting.
#[derive(Debug, Default)]
pub struct Layers {
    /// By place in [`KEYS`].
    values: BTreeMap<usize, Raw>,
    /// `@scope:registry`, by scope.
    pub scopes: BTreeMap<String, Raw>,
    /// `//host/path/:field`, by address (with a slash at its end) and field.
    pub addresses: BTreeMap<(String, &'static str), Raw>,
    /// What was passed over though somebody meant it.
    pub warnings: Vec<Warning>,
    /// The variables that files refer to.
    pub variables: BTreeSet<String>,
    /// Those of them that hold credentials.
    pub secrets: BTreeSet<String>,
}

/// What a name in a source stands for.
enum Slot {
    Setting(usize),
    Scope(String),
    Address(String, &'static str),
}

impl Slot {
    fn of(name: &str) -> Option<Slot> {
        if let Some(scope) = name.strip_suffix(":registry").filter(|scope| scope.starts_with('@') && scope.len() > 1) {
            return Some(Slot::Scope(scope.to_owned()));
        }
        if name.starts_with("//") {
            let (address, field) = name.rsplit_once(':')?;
            let field = ADDRESS_FIELDS.into_iter().find(|known| *known == field)?;
            let address = if address.ends_with('/') { address.to_owned() } else { format!("{address}/") };
            return Some(Slot::Address(address, field));
        }
        table::find(name).map(Slot::Setting)
    }

    fn is_for_user(&self) -> bool {
        match self {
            Slot::Setting(index) => KEYS[*index].trust == Trust::User,
            Slot::Scope(_) => false,
            Slot::Address(_, field) => ADDRESS_FIELDS_OF_USER.contains(field),
        }
    }
}

impl Layers {
    /// Returns the strongest value of a setting.
    pub fn get(&self, name: &str) -> Option<&Raw> {
        self.values.get(&table::find(name)?)
    }

    /// Takes a value from the next weaker source, unless a stronger one has given it or this one may not.
    pub fn offer(&mut self, name: &str, raw: Raw) {
        let Some(slot) = Slot::of(name) else {
            if LOOSE_CREDENTIALS.contains(&name) {
                self.warnings.push(Warning::LooseCredential { name: name.to_owned(), origin: raw.origin });
            }
            return;
        };
        if raw.owner == Owner::Project {
            if slot.is_for_user() {
                self.warnings.push(Warning::NotForProjects { name: name.to_owned(), origin: raw.origin });
                return;
            }
            // A project may be more careful than its user, never less.
            let loosens = table::find(name).is_some_and(|index| KEYS[index].name == "ignore-scripts") && raw.value.is("false");
            if loosens {
                return;
            }
        }
        match slot {
            Slot::Setting(index) => {
                self.values.entry(index).or_insert(raw);
            }
            Slot::Scope(scope) => {
                self.scopes.entry(scope).or_insert(raw);
            }
            Slot::Address(address, field) => {
                self.addresses.entry((address, field)).or_insert(raw);
            }
        }
    }

    /// Takes the settings of a `.npmrc`. References to variables are replaced in the user's files; in a project's file
    /// they would send what the environment holds wherever the project likes, so a setting that has one is dropped.
    pub fn offer_npmrc(&mut self, path: &Path, text: &[u8], owner: Owner, lookup: impl Fn(&str) -> Option<String>) {
        let path: Arc<Path> = path.into();
        for entry in npmrc::parse(text) {
            let origin = Origin::File { path: Arc::clone(&path), line: Some(entry.line) };
            match self.expand(entry, owner, &origin, &lookup) {
                Some((key, value)) => self.offer(&key, Raw { value, origin, owner }),
                None => continue,
            }
        }
    }

    fn expand(
        &mut self,
        entry: npmrc::Entry,
        owner: Owner,
        origin: &Origin,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Option<(String, RawValue)> {
        let npmrc::Entry { key, value, .. } = entry;
        let texts: Vec<&String> = match &value {
            npmrc::Value::One(text) => vec![&key, text],
            npmrc::Value::Many(texts) => std::iter::once(&key).chain(texts).collect(),
        };
        if texts.iter().any(|text| npmrc::refers_to_variable(text)) {
            Slot::of(&key)?;
            if owner == Owner::Project {
                self.warnings.push(Warning::VariableInProject { name: key, origin: origin.clone() });
                return None;
            }
        }
        let mut seen = BTreeSet::new();
        let mut replace = |text: &str| {
            npmrc::expand(text, |name| {
                seen.insert(name.to_owned());
                lookup(name)
            })
        };
        let expanded = replace(&key).and_then(|key| {
            let value = match &value {
                npmrc::Value::One(text) => RawValue::Text(replace(text)?),
                npmrc::Value::Many(texts) => RawValue::List(texts.iter().map(|text| replace(text)).collect::<Result<_, _>>()?),
            };
            Ok((key, value))
        });
        if key.starts_with("//") {
            self.secrets.extend(seen.iter().cloned());
        }
        self.variables.append(&mut seen);
        match expanded {
            Ok(expanded) => Some(expanded),
            Err(npmrc::Unset(variable)) => {
                self.warnings.push(Warning::UnsetVariable { name: key, variable, origin: origin.clone() });
                None
            }
        }
    }
}

impl Raw {
    /// Returns the path that a text stands for: below the file it comes from, else below `cwd`; `~` is the home folder.
    pub fn resolve(&self, text: &str, cwd: &Path, home: Option<&Path>) -> PathBuf {
        if let (Some(rest), Some(home)) = (text.strip_prefix("~/"), home) {
            return home.join(rest);
        }
        match &self.origin {
            Origin::File { path, .. } => path.parent().unwrap_or(cwd).join(text),
            Origin::Flag | Origin::Variable(_) => cwd.join(text),
        }
    }
}

impl RawValue {
    fn is(&self, text: &str) -> bool {
        matches!(self, RawValue::Text(own) if own == text)
    }
}
