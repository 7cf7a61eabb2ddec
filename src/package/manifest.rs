//! `package.json`, in as far as an install looks at it.
//!
//! One type serves every place where a manifest stands: the project's own file, the file inside a tarball or a folder,
//! and the record of one version in a packument. Reading is lenient (see [`super::json`]); for the project's own file,
//! [`check_types`] says which field has the wrong type, because its author can mend it.

use super::integrity::Integrity;
use super::json;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// The fields of a manifest that deka uses. What is absent is empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Manifest {
    /// The name, unchecked: a project may have none.
    #[serde(deserialize_with = "json::text")]
    pub name: Option<String>,
    /// The version, unchecked.
    #[serde(deserialize_with = "json::text")]
    pub version: Option<String>,
    /// What is needed to run, by alias.
    #[serde(deserialize_with = "json::text_map")]
    pub dependencies: BTreeMap<String, String>,
    /// What is needed to work on the package; only a project's own count.
    #[serde(deserialize_with = "json::text_map")]
    pub dev_dependencies: BTreeMap<String, String>,
    /// What may fail to install. An entry here hides the same one of `dependencies`.
    #[serde(deserialize_with = "json::text_map")]
    pub optional_dependencies: BTreeMap<String, String>,
    /// What the dependent has to bring.
    #[serde(deserialize_with = "json::text_map")]
    pub peer_dependencies: BTreeMap<String, String>,
    /// The peers that may be missing (`peerDependenciesMeta.*.optional`).
    #[serde(rename = "peerDependenciesMeta", deserialize_with = "json::optional_peers")]
    pub optional_peers: Vec<String>,
    /// What lies inside the tarball already.
    #[serde(deserialize_with = "json::bundle")]
    pub bundle_dependencies: Bundled,
    /// The other spelling of the same.
    #[serde(deserialize_with = "json::bundle")]
    pub(super) bundled_dependencies: Bundled,
    /// Commands.
    #[serde(deserialize_with = "json::bin")]
    pub bin: Bin,
    /// `directories.bin` names a folder whose files are commands.
    #[serde(deserialize_with = "json::text_map")]
    pub directories: BTreeMap<String, String>,
    /// Lifecycle and other scripts.
    #[serde(deserialize_with = "json::text_map")]
    pub scripts: BTreeMap<String, String>,
    /// Versions of node and of package managers that are supported.
    #[serde(deserialize_with = "json::text_map")]
    pub engines: BTreeMap<String, String>,
    /// Operating systems.
    #[serde(deserialize_with = "json::text_list")]
    pub os: Vec<String>,
    /// Processors.
    #[serde(deserialize_with = "json::text_list")]
    pub cpu: Vec<String>,
    /// C libraries.
    #[serde(deserialize_with = "json::text_list")]
    pub libc: Vec<String>,
    /// The author's note on why not to use this version (packuments only).
    #[serde(deserialize_with = "json::filled_text")]
    pub deprecated: Option<String>,
    /// Where the tarball is and what its bytes are (packuments only).
    #[serde(skip)]
    pub dist: Dist,
}

/// What a registry says of a tarball.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dist {
    /// Its address.
    pub tarball: Option<String>,
    /// Its hash: `integrity`, else `shasum`.
    pub integrity: Option<Integrity>,
    /// The bytes that it unpacks to; 0 when the registry does not say.
    pub unpacked_size: u64,
}

/// `bin` of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Bin {
    /// No commands.
    #[default]
    None,
    /// One command, named as the package.
    Single(String),
    /// Commands by name.
    Named(BTreeMap<String, String>),
}

/// `bundleDependencies` of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bundled {
    /// These.
    Names(Vec<String>),
    /// All of `dependencies`.
    All,
}

impl Default for Bundled {
    fn default() -> Bundled {
        Bundled::Names(Vec::new())
    }
}

impl Bundled {
    fn contains(&self, name: &str) -> bool {
        match self {
            Bundled::All => true,
            Bundled::Names(names) => names.iter().any(|other| other == name),
        }
    }
}

impl Manifest {
    /// Reads a manifest leniently; only text that is no JSON object at all is an error.
    pub fn parse(text: &[u8]) -> Result<Manifest, serde_json::Error> {
        read(text)
    }

    /// Reads only what [`Facts`](super::facts::Facts) are made of, of a manifest whose dependencies are known from elsewhere.
    pub fn parse_for_facts(text: &[u8]) -> Result<Manifest, serde_json::Error> {
        let ForFacts { name, version, bin, directories, scripts, engines } = read(text)?;
        Ok(Manifest { name, version, bin, directories, scripts, engines, ..Manifest::default() })
    }

    /// Says whether the dependency of that name lies inside the tarball.
    pub fn bundles(&self, name: &str) -> bool {
        self.bundle_dependencies.contains(name) || self.bundled_dependencies.contains(name)
    }

    /// Says whether one of the scripts that run at install is there.
    pub fn has_install_script(&self) -> bool {
        ["preinstall", "install", "postinstall"].iter().any(|event| self.scripts.contains_key(*event))
    }
}

/// Some of the fields of [`Manifest`].
#[derive(Default, Deserialize)]
#[serde(default)]
struct ForFacts {
    #[serde(deserialize_with = "json::text")]
    name: Option<String>,
    #[serde(deserialize_with = "json::text")]
    version: Option<String>,
    #[serde(deserialize_with = "json::bin")]
    bin: Bin,
    #[serde(deserialize_with = "json::text_map")]
    directories: BTreeMap<String, String>,
    #[serde(deserialize_with = "json::text_map")]
    scripts: BTreeMap<String, String>,
    #[serde(deserialize_with = "json::text_map")]
    engines: BTreeMap<String, String>,
}

fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, serde_json::Error> {
    let text = json::without_bom(text);
    // A list would be taken for the fields in their order.
    if text.trim_ascii_start().first() == Some(&b'[') {
        return Err(serde::de::Error::custom("it is a list, not an object"));
    }
    // A key that stands twice is an error only to the quick way; of a JSON object the last one counts, as with npm.
    serde_json::from_slice(text).or_else(|_| serde_json::from_value(serde_json::from_slice(text)?))
}

/// A field of a project's `package.json` that has the wrong type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` must be {expected}, but it is {found}")]
pub struct FieldError {
    /// The field, with dots between its levels.
    pub field: String,
    /// What belongs there.
    pub expected: &'static str,
    /// What stands there.
    pub found: &'static str,
}

/// Checks the types of the fields that decide an install.
pub fn check_types(manifest: &Value) -> Result<(), FieldError> {
    let Value::Object(fields) = manifest else {
        return Err(FieldError { field: "package.json".to_owned(), expected: "an object", found: kind(manifest) });
    };
    for field in ["name", "version"] {
        match fields.get(field) {
            None | Some(Value::String(_)) => {}
            Some(other) => {
                return Err(FieldError { field: field.to_owned(), expected: "a string", found: kind(other) });
            }
        }
    }
    for field in ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "scripts"] {
        match fields.get(field) {
            None => {}
            Some(Value::Object(entries)) => {
                if let Some((key, value)) = entries.iter().find(|(_, value)| !value.is_string()) {
                    return Err(FieldError { field: format!("{field}.{key}"), expected: "a string", found: kind(value) });
                }
            }
            Some(other) => {
                return Err(FieldError { field: field.to_owned(), expected: "an object of strings", found: kind(other) });
            }
        }
    }
    Ok(())
}

/// Names the type of a value for a message.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::{Bin, Manifest, check_types};
    use crate::package::facts::Facts;
    use crate::package::name::PackageName;
    use crate::package::path::RelPath;

    #[test]
    fn wrong_types_count_as_absent() {
        let text =
            br#"{"name":7,"dependencies":["x"],"devDependencies":{"a":"1","b":2,"c":null,"d":{"e":"f"}},"os":"linux","cpu":[1,"x64"],
            "engines":"node","bin":3,"bundledDependencies":true,"peerDependenciesMeta":{"a":{"optional":true},"b":{"optional":"yes"},"c":1},
            "deprecated":false,"dist":{"tarball":"t","signatures":[{"sig":"x"}],"fileCount":3},"unknown":"\ud800"}"#;
        let manifest = Manifest::parse(text).expect("an object");
        assert_eq!(manifest.name, None);
        assert!(manifest.dependencies.is_empty() && manifest.engines.is_empty());
        assert_eq!(manifest.dev_dependencies.clone().into_iter().collect::<Vec<_>>(), [("a".to_owned(), "1".to_owned())]);
        assert_eq!((&manifest.os, &manifest.cpu), (&vec!["linux".to_owned()], &vec!["x64".to_owned()]));
        assert!(manifest.bin == Bin::None && manifest.bundles("anything"));
        assert_eq!(manifest.optional_peers, ["a"]);
        assert_eq!(manifest.deprecated, None);
    }

    #[test]
    fn of_a_key_that_stands_twice_the_last_one_counts() {
        let text = br#"{"name":"a","name":"b","bundleDependencies":["x"],"bundledDependencies":["y"]}"#;
        let manifest = Manifest::parse(text).expect("an object");
        assert_eq!(manifest.name.as_deref(), Some("b"));
        assert!(manifest.bundles("x") && manifest.bundles("y") && !manifest.bundles("z"));
    }

    #[test]
    fn facts_are_the_same_of_all_fields_and_of_those_they_need() {
        let name = PackageName::parse("a").expect("a name");
        for text in [
            r#"{"name":"a","version":"1","bin":{"x":"x.js"},"scripts":{"install":"y"},"engines":{"node":">=1"},"dependencies":{"b":"1"}}"#,
            r#"{"name":"a","name":"b","bin":"c.js","directories":{"bin":"d"},"devDependencies":{"b":1}}"#,
            "\u{feff}{\"name\":7,\"directories\":{\"bin\":\"d\"}}",
            "{}",
        ] {
            let paths = ["c.js", "d/e.js", "x.js"].map(|path| RelPath::parse(path).expect("a path"));
            let facts = |manifest: Result<Manifest, _>| Facts::of(&manifest.expect("an object"), &name, paths.iter());
            assert_eq!(facts(Manifest::parse_for_facts(text.as_bytes())), facts(Manifest::parse(text.as_bytes())), "{text}");
        }
        for text in ["", "[]", "7", "{", r#"{"dependencies":{"a":}}"#, r#"{"name":"a"}x"#] {
            let errors = [Manifest::parse(text.as_bytes()), Manifest::parse_for_facts(text.as_bytes())];
            assert!(errors.iter().all(Result::is_err), "{text}");
        }
    }

    #[test]
    fn the_project_is_told_which_field_is_wrong() {
        let fault = |text: &str| check_types(&serde_json::from_str(text).expect("valid JSON")).err().map(|error| error.to_string());
        assert_eq!(fault(r#"{"dependencies":{"a":"1"}}"#), None);
        assert_eq!(fault(r#"{"dependencies":{"a":1}}"#).as_deref(), Some("`dependencies.a` must be a string, but it is a number"));
        assert_eq!(
            fault(r#"{"devDependencies":[]}"#).as_deref(),
            Some("`devDependencies` must be an object of strings, but it is an array")
        );
        assert_eq!(fault("[]").as_deref(), Some("`package.json` must be an object, but it is an array"));
    }
}
