//! Gathers the layers: command line, environment, `.npmrc` files, `pnpm-workspace.yaml`, `package.json`.
//!
//! Every file is read once, and its stamp is kept, also where there was no file: an absent `.npmrc` that appears is a
//! change too. Together with a hash of the flags and variables that count, the stamps let the next install tell in
//! microseconds that no setting can have changed.

use super::layers::{Layers, Origin, Owner, Raw, RawValue};
use super::table::{self, KEYS};
use super::value::Reader;
use super::{Flags, Inputs, Sources};
use crate::project::env::Env;
use crate::project::error::Result;
use crate::project::npmrc::refers_to_variable;
use crate::project::settings::warning::Warning;
use crate::project::stamp::{self, FileStamp};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const NPMRC: &str = ".npmrc";
/// What stands in front of a setting's name in the environment, strongest first; npm takes it in any case.
const PREFIXES: [&str; 3] = ["deka_", "pnpm_config_", "npm_config_"];
/// Variables besides those of settings that decide what an install does.
const OTHER_VARIABLES: [&str; 3] = ["HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"];

/// Gathers everything that is set, and says what that was gathered from.
pub fn gather(sources: &Sources<'_>) -> Result<(Layers, Inputs)> {
    let Sources { flags, env, .. } = *sources;
    let mut layers = Layers::default();
    for (name, value) in &flags.0 {
        layers.offer(name, Raw { value: RawValue::Text(value.clone()), origin: Origin::Flag, owner: Owner::User });
    }
    offer_env(&mut layers, env);
    let mut files = Vec::with_capacity(6);
    npmrc_files(sources, &mut layers, &mut files)?;
    if let Some(workspace) = sources.workspace {
        let file = &workspace.file;
        offer_fields(&mut layers, &file.stamp.path, &file.fields);
        files.push(file.stamp.clone());
        let project = workspace.root_project();
        if let Some(Value::Object(pnpm)) = project.fields.get("pnpm") {
            offer_fields(&mut layers, &project.stamp.path, pnpm);
        }
        files.extend(workspace.projects.iter().map(|project| project.stamp.clone()));
    }
    let variables: Vec<String> = layers.variables.iter().cloned().collect();
    let fingerprint = fingerprint(env, flags, &variables);
    Ok((layers, Inputs { files, variables, fingerprint }))
}

fn npmrc_files(sources: &Sources<'_>, layers: &mut Layers, files: &mut Vec<FileStamp>) -> Result<()> {
    let env = sources.env;
    let home = env.home();
    let lookup = |name: &str| env.variables().get(std::ffi::OsStr::new(name)).and_then(|value| value.to_str()).map(str::to_owned);
    let mut read = |layers: &mut Layers, path: &Path, owner: Owner| -> Result<()> {
        let (text, stamp) = stamp::read(path)?;
        if let Some(text) = text {
            layers.offer_npmrc(path, &text, owner, lookup);
        }
        files.push(stamp);
        Ok(())
    };
    let path = |layers: &Layers, name: &str| Reader { layers, cwd: sources.cwd, home }.path(name);
    let user = path(layers, "userconfig")?.or_else(|| home.map(|home| home.join(NPMRC)));
    if let Some(workspace) = sources.workspace {
        let project = workspace.root.join(NPMRC);
        // In the home folder the two are one file, and it is the user's.
        if user.as_ref() != Some(&project) {
            read(layers, &project, Owner::Project)?;
        }
    }
    if let Some(user) = user {
        read(layers, &user, Owner::User)?;
    }
    match path(layers, "globalconfig")? {
        Some(global) => read(layers, &global, Owner::User),
        None => match path(layers, "prefix")?.or_else(|| node_prefix(env)) {
            Some(prefix) => read(layers, &prefix.join("etc/npmrc"), Owner::User),
            None => Ok(()),
        },
    }
}

/// Returns the folder that node is installed under, which is where npm has its global settings.
fn node_prefix(env: &Env) -> Option<PathBuf> {
    let node = std::fs::canonicalize(env.find_program("node")?).ok()?;
    Some(node.parent()?.parent()?.to_owned())
}

fn offer_env(layers: &mut Layers, env: &Env) {
    let mut found: Vec<(usize, String, &str, &str)> = Vec::new();
    for (variable, value) in env.variables() {
        if let (Some(variable), Some(value)) = (variable.to_str(), value.to_str())
            && !value.is_empty()
            && let Some((strength, name)) = setting_of_variable(variable)
        {
            found.push((strength, name, variable, value));
        }
    }
    found.sort_by_key(|(strength, ..)| *strength);
    for (_, name, variable, value) in found {
        let origin = Origin::Variable(variable.to_owned());
        layers.offer(&name, Raw { value: RawValue::Text(value.to_owned()), origin, owner: Owner::User });
    }
}

/// Returns the setting that a variable sets, and how strong its prefix is (0 is strongest).
fn setting_of_variable(variable: &str) -> Option<(usize, String)> {
    let (strength, name) = PREFIXES.iter().enumerate().find_map(|(strength, prefix)| {
        let head = variable.get(..prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then(|| (strength, &variable[prefix.len()..]))
    })?;
    if name.starts_with("//") || name.starts_with('@') {
        return Some((strength, name.to_owned()));
    }
    let name = name.to_ascii_lowercase().replace('_', "-");
    // Every package manager sets this one for the scripts it runs; it says who called, not what to send.
    let is_callers = name == "user-agent" && strength > 0;
    (!is_callers).then_some((strength, name))
}

/// Takes the camel-case keys of `pnpm-workspace.yaml` or of the `pnpm` field.
fn offer_fields(layers: &mut Layers, path: &Path, fields: &Map<String, Value>) {
    let origin = Origin::File { path: path.into(), line: None };
    if let Some(Value::Object(registries)) = fields.get("registries") {
        for (scope, address) in registries {
            let name = if scope == "default" { "registry".to_owned() } else { format!("{scope}:registry") };
            offer_field(layers, &name, address, &origin);
        }
    }
    for (key, value) in fields {
        let name = table::kebab(key);
        if table::find(&name).is_some() {
            offer_field(layers, &name, value, &origin);
        }
    }
}

fn offer_field(layers: &mut Layers, name: &str, value: &Value, origin: &Origin) {
    let Some(value) = raw_value(value) else { return };
    let refers = match &value {
        RawValue::Text(text) => refers_to_variable(text),
        RawValue::List(list) => list.iter().any(|text| refers_to_variable(text)),
        RawValue::Object(_) => false,
    };
    if refers {
        layers.warnings.push(Warning::VariableInProject { name: name.to_owned(), origin: origin.clone() });
    } else {
        layers.offer(name, Raw { value, origin: origin.clone(), owner: Owner::Project });
    }
}

fn raw_value(value: &Value) -> Option<RawValue> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    let list = |values: &[Value]| values.iter().filter_map(text).collect::<Vec<_>>();
    match value {
        Value::Null => None,
        Value::Array(values) => Some(RawValue::List(list(values))),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| (key.clone(), value.as_array().map(|values| list(values)).unwrap_or_default()));
            Some(RawValue::Object(fields.collect::<BTreeMap<_, _>>()))
        }
        single => text(single).map(RawValue::Text),
    }
}

/// Returns a hash of the flags and variables that can change what an install leaves on disk. `more` names further
/// variables: those that files refer to.
pub fn fingerprint(env: &Env, flags: &Flags, more: &[String]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    let mut add = |name: &[u8], value: &[u8]| {
        for part in [name, value] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    };
    for (name, value) in &flags.0 {
        if changes_tree(name) {
            add(name.as_bytes(), value.as_bytes());
        }
    }
    for (variable, value) in env.variables() {
        let Some(name) = variable.to_str() else { continue };
        let counts = OTHER_VARIABLES.contains(&name)
            || more.iter().any(|other| other == name)
            || setting_of_variable(name).is_some_and(|(_, setting)| changes_tree(&setting));
        if counts {
            add(name.as_bytes(), value.as_encoded_bytes());
        }
    }
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    short
}

fn changes_tree(name: &str) -> bool {
    name.ends_with(":registry") || table::find(name).is_some_and(|index| KEYS[index].changes_tree)
}
