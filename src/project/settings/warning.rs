//! Settings that somebody wrote and that do not count.
//!
//! They are values, not output: whoever runs the install decides when and how to show them.

use super::layers::Origin;
use crate::project::error::shown;
use std::fmt;

/// A setting that was passed over, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A project's own file sets what only the user may.
    NotForProjects {
        /// The setting.
        name: String,
        /// Where it stands.
        origin: Origin,
    },
    /// A project's own file refers to a variable.
    VariableInProject {
        /// The setting.
        name: String,
        /// Where it stands.
        origin: Origin,
    },
    /// A variable is referred to but not set.
    UnsetVariable {
        /// The setting.
        name: String,
        /// The variable.
        variable: String,
        /// Where it stands.
        origin: Origin,
    },
    /// A credential is not bound to a registry.
    LooseCredential {
        /// The setting.
        name: String,
        /// Where it stands.
        origin: Origin,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::NotForProjects { name, origin } => {
                write!(out, "`{}` in {origin} is ignored: only your own settings may have it, not a project's", shown(name))
            }
            Warning::VariableInProject { name, origin } => {
                write!(
                    out,
                    "`{}` in {origin} is ignored: a project's file may not read the environment; move it to your own .npmrc",
                    shown(name)
                )
            }
            Warning::UnsetVariable { name, variable, origin } => {
                write!(out, "`{}` in {origin} is ignored: the variable {} is not set", shown(name), shown(variable))
            }
            Warning::LooseCredential { name, origin } => {
                write!(out, "`{name}` in {origin} is ignored: it does not say for which registry; write `//host/:{name}`")
            }
        }
    }
}
