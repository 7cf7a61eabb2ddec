//! Packuments: what a registry knows of one package.
//!
//! A popular package has thousands of versions, and an install wants one or two of them. So reading a packument only
//! finds where the record of each version stands; [`Packument::manifest`] decodes the one that was chosen. The compact
//! form ([`Packument::encode`]) keeps that index in front of the records, so a cached packument is never scanned again.

use super::json;
use super::manifest::Manifest;
use super::name::PackageName;
use super::version::Version;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range as Span;

/// First bytes of the compact form; the digit is its version.
const MAGIC: &[u8; 8] = b"dekapk1\n";

/// The versions of one package, oldest first, and its dist-tags.
#[derive(Clone, Debug)]
pub struct Packument {
    /// The package.
    pub name: PackageName,
    /// Tags and the versions they point at, sorted by tag. A tag may point at a version that is not there.
    pub dist_tags: Vec<(String, String)>,
    /// All versions that are valid, ascending.
    pub versions: Vec<Listed>,
    /// The JSON records, as one text that the spans of `versions` point into.
    records: Vec<u8>,
}

/// One version of a packument.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The version.
    pub version: Version,
    record: Span<usize>,
}

/// Why an answer is not a packument.
#[derive(Debug, thiserror::Error)]
pub enum PackumentError {
    /// Not JSON, or not an object.
    #[error("the answer is not a packument: {0}")]
    Json(#[source] serde_json::Error),
    /// A packument of something else.
    #[error("the answer is about `{found}`")]
    OtherPackage {
        /// The name in the answer, with control characters escaped.
        found: String,
    },
    /// A packument with nothing to install.
    #[error("the answer lists no versions")]
    NoVersions,
    /// The compact form is damaged or of another version of deka.
    #[error("the cached packument cannot be read")]
    Cache,
}

impl Packument {
    /// Reads the JSON that a registry sent, in its full or its abbreviated form. Versions that are not valid are left out.
    pub fn parse(text: &[u8], name: &PackageName) -> Result<Packument, PackumentError> {
        let text = json::without_bom(text);
        // Fields that nobody looks at may hold broken UTF-8; the rest is as good as ever.
        let text: Cow<'_, [u8]> = match std::str::from_utf8(text) {
            Ok(_) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(String::from_utf8_lossy(text).into_owned().into_bytes()),
        };
        let raw: Raw<'_> = serde_json::from_slice(&text).map_err(PackumentError::Json)?;
        if let Some(found) = raw.name.as_deref().filter(|found| *found != name.as_str()) {
            return Err(PackumentError::OtherPackage { found: found.escape_debug().to_string() });
        }
        let mut found: Vec<(Version, &str)> =
            raw.versions.0.iter().filter_map(|(key, record)| Some((Version::parse(key)?, record.get()))).collect();
        if found.is_empty() {
            return Err(PackumentError::NoVersions);
        }
        // A stable sort keeps the later of two equal keys last, and the last one wins, as in JavaScript.
        found.sort_by(|left, right| left.0.cmp(&right.0));
        found.reverse();
        found.dedup_by(|later, kept| later.0 == kept.0);
        found.reverse();
        let mut records = Vec::with_capacity(found.iter().map(|(_, record)| record.len()).sum());
        let mut versions = Vec::with_capacity(found.len());
        for (version, record) in found {
            let start = records.len();
            records.extend_from_slice(record.as_bytes());
            versions.push(Listed { version, record: start..records.len() });
        }
        Ok(Packument { name: name.clone(), dist_tags: raw.dist_tags.into_iter().collect(), versions, records })
    }

    /// Decodes the manifest of one version; a record that is no object is an empty manifest.
    pub fn manifest(&self, listed: &Listed) -> Manifest {
        Manifest::parse(&self.records[listed.record.clone()]).unwrap_or_default()
    }

    /// Finds a version.
    pub fn find(&self, version: &Version) -> Option<&Listed> {
        self.versions.binary_search_by(|listed| listed.version.cmp(version)).ok().map(|index| &self.versions[index])
    }

    /// Finds the version that a dist-tag points at.
    pub fn tagged(&self, tag: &str) -> Option<&Listed> {
        let (_, version) = self.dist_tags.iter().find(|(name, _)| name == tag)?;
        self.find(&Version::parse_loose(version)?)
    }

    /// Appends the compact form: the magic, then length-prefixed (u32, little-endian) the name, the tags and the
    /// versions with the length of their records, then the records.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.records.len() + 32 * self.versions.len() + 64);
        out.extend_from_slice(MAGIC);
        put_text(out, self.name.as_str());
        put_number(out, self.dist_tags.len());
        for (tag, version) in &self.dist_tags {
            put_text(out, tag);
            put_text(out, version);
        }
        put_number(out, self.versions.len());
        for listed in &self.versions {
            put_text(out, &listed.version.to_string());
            put_number(out, listed.record.len());
        }
        out.extend_from_slice(&self.records);
    }

    /// Reads the compact form back.
    pub fn decode(bytes: &[u8], name: &PackageName) -> Result<Packument, PackumentError> {
        decode(bytes, name).ok_or(PackumentError::Cache)
    }
}

fn decode(bytes: &[u8], name: &PackageName) -> Option<Packument> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    if take_text(&mut rest)? != name.as_str() {
        return None;
    }
    let tags = take_number(&mut rest)?;
    let mut dist_tags = Vec::new();
    for _ in 0..tags {
        dist_tags.push((take_text(&mut rest)?.to_owned(), take_text(&mut rest)?.to_owned()));
    }
    let count = take_number(&mut rest)?;
    let mut versions = Vec::with_capacity(count.min(rest.len()));
    let mut end = 0usize;
    for _ in 0..count {
        let version = Version::parse(take_text(&mut rest)?)?;
        let start = end;
        end = start.checked_add(take_number(&mut rest)?)?;
        versions.push(Listed { version, record: start..end });
    }
    (rest.len() == end).then(|| Packument { name: name.clone(), dist_tags, versions, records: rest.to_vec() })
}

fn put_number(out: &mut Vec<u8>, number: usize) {
    // Packuments are capped far below 4 GiB where they are received.
    out.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn take_number(rest: &mut &[u8]) -> Option<usize> {
    let (number, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    usize::try_from(u32::from_le_bytes(*number)).ok()
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = take_number(rest)?;
    let (text, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    std::str::from_utf8(text).ok()
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(rename = "dist-tags", default, deserialize_with = "json::text_map")]
    dist_tags: std::collections::BTreeMap<String, String>,
    #[serde(borrow, default)]
    versions: RawVersions<'a>,
}

/// The `versions` object with its values left unread; anything else than an object counts as empty.
#[derive(Default)]
struct RawVersions<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for RawVersions<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<RawVersions<'a>, D::Error> {
        input.deserialize_any(RawVersionsVisitor)
    }
}

struct RawVersionsVisitor;

impl<'de> Visitor<'de> for RawVersionsVisitor {
    type Value = RawVersions<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of versions")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawVersions<'de>, A::Error> {
        let mut versions = Vec::with_capacity(64);
        while let Some(key) = entries.next_key::<Cow<'de, str>>()? {
            versions.push((key, entries.next_value::<&'de RawValue>()?));
        }
        Ok(RawVersions(versions))
    }

    fn visit_unit<E>(self) -> Result<RawVersions<'de>, E> {
        Ok(RawVersions::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawVersions<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(RawVersions::default())
    }
}

#[cfg(test)]
mod tests {
    use super::{Packument, PackumentError};
    use crate::package::name::PackageName;
    use crate::package::version::Version;

    fn name() -> PackageName {
        PackageName::parse("a").expect("a valid name")
    }

    #[test]
    fn lists_versions_in_order_and_decodes_the_chosen_one() {
        let text = b"\xef\xbb\xbf{\"name\":\"a\",\"_bad\":\"\xff \\ud800\",\"dist-tags\":{\"latest\":\"1.10.0\",\"gone\":\"9.9.9\"},\"versions\":{
            \"1.10.0\":{\"version\":\"1.10.0\",\"dependencies\":{\"b\":\"^1\"}},\"1.9.0\":7,\"rubbish\":{},\"1.9.0\":{\"deprecated\":\"no\"}}}";
        let parsed = Packument::parse(text, &name()).expect("a packument");
        let mut bytes = Vec::new();
        parsed.encode(&mut bytes);
        for packument in [parsed, Packument::decode(&bytes, &name()).expect("the compact form")] {
            assert_eq!(packument.versions.iter().map(|listed| listed.version.to_string()).collect::<Vec<_>>(), ["1.9.0", "1.10.0"]);
            let latest = packument.tagged("latest").expect("the tag");
            assert_eq!(packument.manifest(latest).dependencies["b"], "^1");
            let old = packument.find(&Version::new(1, 9, 0)).expect("the version");
            assert_eq!(packument.manifest(old).deprecated.as_deref(), Some("no"));
            assert!(packument.tagged("gone").is_none());
        }
        for end in 0..bytes.len() {
            assert!(Packument::decode(&bytes[..end], &name()).is_err());
        }
    }

    #[test]
    fn refuses_what_is_no_packument_of_that_package() {
        let fault = |text: &str| Packument::parse(text.as_bytes(), &name()).expect_err("not a packument");
        assert!(matches!(fault("{}"), PackumentError::NoVersions));
        assert!(matches!(fault(r#"{"versions":null}"#), PackumentError::NoVersions));
        assert!(matches!(fault("[]"), PackumentError::NoVersions));
        assert!(matches!(fault("<html>"), PackumentError::Json(_)));
        assert!(matches!(fault(r#"{"name":"b","versions":{"1.0.0":{}}}"#), PackumentError::OtherPackage { .. }));
    }
}
