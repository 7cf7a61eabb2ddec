//! What can be wrong with a project, its settings and its surroundings.

use super::settings::Origin;
use crate::fs::FsError;
use crate::package::manifest::FieldError;
use crate::package::name::NameError;
use std::path::PathBuf;

/// A fault that the user can mend.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// A file could not be read or written.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Neither the folder nor one above it is a project.
    #[error("there is no package.json in {} or above it", from.display())]
    NoManifest {
        /// Where the search began.
        from: PathBuf,
    },
    /// There is a workspace, but nothing that describes its root.
    #[error("{} lists no `packages`, and there is no package.json beside it", file.display())]
    RootWithoutManifest {
        /// The file of the workspace.
        file: PathBuf,
    },
    /// A glob of a workspace is no good.
    #[error("{}: the glob `{glob}` in `{field}` cannot be used: {reason}", path.display())]
    Glob {
        /// The file that has it.
        path: PathBuf,
        /// The field.
        field: &'static str,
        /// The glob, with control characters escaped.
        glob: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two projects of a workspace have one name.
    #[error("two projects are called `{name}`: {} and {}", first.display(), second.display())]
    DuplicateName {
        /// The name.
        name: String,
        /// The manifest of one of them.
        first: PathBuf,
        /// The manifest of the other.
        second: PathBuf,
    },
    /// A project gets a copy of one that depends on it in turn.
    #[error(
        "{} asks for a copy of `{alias}` (`dependenciesMeta`, `injected`), which depends on it in turn: {way}\nthe copied project is {}",
        owner.display(), copied.display()
    )]
    CopiedInCircle {
        /// The manifest that asks for the copy.
        owner: PathBuf,
        /// The manifest of the project that is copied.
        copied: PathBuf,
        /// The name of the project that is copied.
        alias: String,
        /// The circle.
        way: String,
    },
    /// The catalog without a name is there twice.
    #[error("{}: the default catalog stands both in `catalog` and in `catalogs.default`", path.display())]
    TwoDefaultCatalogs {
        /// The file that has them.
        path: PathBuf,
    },
    /// A filter does not say which projects are meant.
    #[error("the filter `{filter}` cannot be used: {reason}")]
    Filter {
        /// The filter, with control characters escaped.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A manifest is not JSON.
    #[error("{}: the file is not valid JSON: {reason} at line {line}, column {column}", path.display())]
    Json {
        /// The manifest.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the parser expected.
        reason: String,
    },
    /// `pnpm-workspace.yaml` is not YAML.
    #[error("{}: the file is not valid YAML: {reason}", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// What the parser says, with line and column.
        reason: String,
    },
    /// A file that is to be changed has a form that cannot be changed without harm.
    #[error("{}: the file cannot be edited: {reason}", path.display())]
    Edit {
        /// The file.
        path: PathBuf,
        /// What is in the way.
        reason: String,
    },
    /// A field has the wrong type.
    #[error("{}: {fault}", path.display())]
    Field {
        /// The file that has the field.
        path: PathBuf,
        /// The field and what is wrong with it.
        fault: FieldError,
    },
    /// A dependency has a name that no package can have.
    #[error("{}: `{field}`: {fault}", path.display())]
    Name {
        /// The manifest.
        path: PathBuf,
        /// The list of dependencies.
        field: &'static str,
        /// What is wrong with the name.
        fault: NameError,
    },
    /// An override refers to a dependency that the project does not have.
    #[error("{}: the override of `{selector}` is `{reference}`, but the project has no dependency of that name", path.display())]
    OverrideReference {
        /// The file with the override.
        path: PathBuf,
        /// What is overridden.
        selector: String,
        /// The reference, with its `$`.
        reference: String,
    },
    /// A setting has a value that makes no sense.
    #[error("the setting `{name}` must be {expected}, but {origin} says `{value}`")]
    Setting {
        /// The setting.
        name: String,
        /// What belongs there.
        expected: String,
        /// What was given, with control characters escaped.
        value: String,
        /// Who gave it.
        origin: Origin,
    },
    /// Nothing says where files of the user belong.
    #[error("cannot tell where to keep the {what}: HOME is not set")]
    NoHome {
        /// What needs a place.
        what: &'static str,
    },
    /// Nothing says where packages come from.
    #[error("no registry is configured, and npm does not name one: {reason}")]
    NoRegistry {
        /// Why npm gave no answer.
        reason: String,
    },
    /// A program that supplies a token did not.
    #[error("the token helper {} failed: {reason}", path.display())]
    TokenHelper {
        /// The program.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
}

/// The result of looking at a project.
pub type Result<T> = std::result::Result<T, ProjectError>;

/// Returns text for a message, with control characters escaped and no longer than a line.
pub fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(200).collect::<String>().escape_debug().to_string();
    if text.chars().nth(200).is_some() {
        shown.push('…');
    }
    shown
}
