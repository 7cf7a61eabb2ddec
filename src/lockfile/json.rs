//! The shape of the JSON, read without copying what can be borrowed.

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// The whole file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct File<'a> {
    pub lockfile_version: u64,
    pub settings: Settings,
    #[serde(borrow, default)]
    pub overrides: Entries<'a, Text<'a>>,
    #[serde(borrow, default)]
    pub catalogs: Entries<'a, Entries<'a, Text<'a>>>,
    #[serde(borrow)]
    pub importers: Entries<'a, Importer<'a>>,
    #[serde(borrow)]
    pub packages: Entries<'a, Package<'a>>,
    #[serde(borrow)]
    pub snapshots: Entries<'a, Snapshot<'a>>,
}

/// The one field that every version has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VersionOnly {
    pub lockfile_version: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Settings {
    pub auto_install_peers: bool,
    pub dedupe_peer_dependents: bool,
    pub resolve_peers_from_workspace_root: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Importer<'a> {
    #[serde(borrow, default)]
    pub dependencies: Entries<'a, Direct<'a>>,
    #[serde(borrow, default)]
    pub dev_dependencies: Entries<'a, Direct<'a>>,
    #[serde(borrow, default)]
    pub optional_dependencies: Entries<'a, Direct<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Direct<'a> {
    #[serde(borrow)]
    pub specifier: Text<'a>,
    #[serde(borrow)]
    pub version: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Package<'a> {
    #[serde(borrow)]
    pub integrity: Option<Text<'a>>,
    #[serde(borrow)]
    pub tarball: Option<Text<'a>>,
    #[serde(borrow)]
    pub version: Option<Text<'a>>,
    #[serde(default)]
    pub os: Vec<String>,
    #[serde(default)]
    pub cpu: Vec<String>,
    #[serde(default)]
    pub libc: Vec<String>,
    #[serde(borrow, default)]
    pub engines: Entries<'a, Text<'a>>,
    #[serde(borrow, default)]
    pub peer_dependencies: Entries<'a, Text<'a>>,
    #[serde(borrow, default)]
    pub optional_peers: Vec<Text<'a>>,
    pub deprecated: Option<String>,
    #[serde(default)]
    pub has_bundled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Snapshot<'a> {
    #[serde(borrow)]
    pub package: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub dependencies: Entries<'a, Text<'a>>,
    #[serde(borrow, default)]
    pub optional_dependencies: Entries<'a, Text<'a>>,
}

/// A string, borrowed unless it holds escapes.
pub(super) struct Text<'a>(pub Cow<'a, str>);

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

struct TextVisitor;

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Text<'a>, D::Error> {
        input.deserialize_str(TextVisitor)
    }
}

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

/// An object as its entries, sorted by key. A key that stands twice is an error.
pub(super) struct Entries<'a, T>(pub Vec<(Text<'a>, T)>);

impl<T> Default for Entries<'_, T> {
    fn default() -> Self {
        Entries(Vec::new())
    }
}

struct EntriesVisitor<T>(PhantomData<T>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Entries<'a, T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Entries<'a, T>, D::Error> {
        input.deserialize_map(EntriesVisitor(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
    type Value = Entries<'de, T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut input: A) -> Result<Entries<'de, T>, A::Error> {
        let mut entries: Vec<(Text<'de>, T)> = Vec::new();
        while let Some(entry) = input.next_entry::<Text<'de>, T>()? {
            entries.push(entry);
        }
        // A merge may leave entries out of order; what deka wrote is sorted already.
        if !entries.is_sorted_by(|left, right| left.0.as_ref() < right.0.as_ref()) {
            entries.sort_by(|left, right| left.0.as_ref().cmp(right.0.as_ref()));
        }
        match entries.windows(2).find(|pair| pair[0].0.as_ref() == pair[1].0.as_ref()) {
            Some(pair) => Err(A::Error::custom(format!("the key `{}` stands twice", pair[0].0.as_ref().escape_debug()))),
            None => Ok(Entries(entries)),
        }
    }
}
