//! What a package says of itself, for long lists.

use crate::package::json::without_bom;
use crate::project::workspace::MANIFEST;
use serde_json::Value;
use std::path::Path;

/// A package in its own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// What it does.
    pub description: Option<String>,
    /// Where its source is.
    pub repository: Option<String>,
    /// Where more is said.
    pub homepage: Option<String>,
}

/// Reads what the package in a folder says of itself; nothing of what cannot be read.
pub fn about(folder: &Path) -> About {
    let text = std::fs::read(folder.join(MANIFEST)).unwrap_or_default();
    let Ok(Value::Object(fields)) = serde_json::from_slice(without_bom(&text)) else {
        return About::default();
    };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let repository = fields.get("repository");
    About {
        description: text(fields.get("description")),
        repository: text(repository).or_else(|| text(repository?.get("url"))),
        homepage: text(fields.get("homepage")),
    }
}
