//! What is run in a project: the command lines of a script and of what runs around it, or a command that was typed.

use super::stage::Stage;
use crate::error::{Code, Error};
use crate::project::workspace::Project;
use crate::scripts::environment::Variables;
use crate::scripts::run::Ended;
use crate::scripts::select::Part;
use std::fmt;

/// Something to run in a project.
#[derive(Debug)]
pub struct Job<'a> {
    /// The project.
    pub project: &'a Project,
    /// What is run, for names before lines: `build`.
    pub name: String,
    /// The command lines, one after the other.
    pub parts: Vec<Part>,
    /// Whether these are scripts of `package.json`, and not a command that a user has typed.
    pub is_script: bool,
}

/// Why a job did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened to what.
    pub message: String,
    /// The exit status that it asks for.
    pub status: u8,
}

impl Job<'_> {
    /// Returns the environment of one of the command lines.
    pub fn variables(&self, stage: &Stage<'_>, part: &Part) -> Variables {
        if self.is_script { stage.of_script(self.project, &part.event, &part.command) } else { stage.of_command(self.project) }
    }

    /// Returns what stands before a command line and its output: the project, and the script if it is one.
    pub fn label(&self, part: &Part) -> String {
        let path = &self.project.path;
        if self.is_script { format!("{path} {}", part.event) } else { path.clone() }
    }

    /// Says that a command line ended badly.
    pub fn failed(&self, part: &Part, ended: Ended) -> Failure {
        Failure { message: format!("{} {ended}", self.title(part)), status: ended.exit_status() }
    }

    /// Says that a command line could not be run.
    pub fn not_started(&self, part: &Part, reason: impl fmt::Display) -> Failure {
        let message = format!("{} in {} cannot be run: {reason}", self.title(part), self.project.folder.display());
        Failure { message, status: Code::Script.kind().exit_status() }
    }

    fn title(&self, part: &Part) -> String {
        let name = name_of(self.project);
        if self.is_script { format!("the `{}` script of {name}", part.event) } else { format!("`{}` in {name}", part.event) }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        Error::new(Code::Script, failure.message)
    }
}

/// Returns what a project is called in messages: `name@version`, or its folder.
pub fn name_of(project: &Project) -> String {
    match (&project.manifest.name, &project.manifest.version) {
        (Some(name), Some(version)) => format!("{name}@{version}"),
        (Some(name), None) => name.clone(),
        (None, _) => project.folder.display().to_string(),
    }
}
