//! `pnpm-workspace.yaml`: settings and the globs of a workspace, as pnpm has them.

use super::WORKSPACE_FILE;
use crate::package::json::without_bom;
use crate::project::error::{ProjectError, Result};
use crate::project::stamp::{self, FileStamp};
use serde_json::{Map, Value};
use std::path::Path;

/// The most values that it may hold.
const YAML_NODES_MAX: usize = 20_000;

/// `pnpm-workspace.yaml`.
#[derive(Debug)]
pub struct WorkspaceFile {
    /// All its keys.
    pub fields: Map<String, Value>,
    /// The state of the file when it was read, or its absence.
    pub stamp: FileStamp,
}

impl WorkspaceFile {
    /// Reads the file of a root; one that is not there has no keys.
    pub(super) fn read(root: &Path) -> Result<WorkspaceFile> {
        let (text, stamp) = stamp::read(&root.join(WORKSPACE_FILE))?;
        let fields = match text.as_deref().map(without_bom) {
            None => Map::new(),
            Some(text) => parse_yaml(text, &stamp.path)?,
        };
        Ok(WorkspaceFile { fields, stamp })
    }

    /// Says whether there is such a file.
    pub fn is_there(&self) -> bool {
        self.stamp.stat.is_some()
    }

    /// Says whether it lists the projects of a workspace.
    pub(super) fn names_projects(&self) -> bool {
        self.fields.get("packages").is_some_and(|packages| !packages.is_null())
    }
}

/// Reads the text of a workspace file.
pub(in crate::project) fn parse_yaml(text: &[u8], path: &Path) -> Result<Map<String, Value>> {
    let wrong = |reason: String| ProjectError::Yaml { path: path.to_owned(), reason };
    let text = std::str::from_utf8(text).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Map::new());
    }
    // References inside the file could make a few lines stand for millions of values.
    let options = serde_saphyr::options! { budget: serde_saphyr::budget! { max_nodes: YAML_NODES_MAX }, with_snippet: false };
    match serde_saphyr::from_str_with_options::<Value>(text, options) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(wrong("it holds no keys at its top level".to_owned())),
        Err(error) => Err(wrong(error.to_string().trim_start_matches("error: ").to_owned())),
    }
}
