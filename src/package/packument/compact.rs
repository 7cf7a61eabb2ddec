//! The compact form of a packument, as it is in memory and in the cache.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | magic, whose digit is the version of the format |
//! | text | the name |
//! | number, then a text and a number each | the dist-tags, and the index of the version plus one, 0 when it is not there |
//! | 4 | `n`, how many versions there are |
//! | 4 · n | where the entry of each version ends, counted from the first one's start |
//! | 4 | the length of the shared texts |
//! | | the entries, ascending by version |
//! | | the shared texts |
//!
//! An entry is a byte that is 1 when the version is deprecated, the version as text, and fields up to its end. A field
//! is a byte that says which ([`Field`]) and a value. Most values stand among the shared texts, since versions differ in
//! little; their field has the place and the length there. They are kept as the JSON that the registry sent: reading
//! them leniently is the business of [`json`], and is done for chosen versions only.
//!
//! The fixed numbers are little-endian; the others are LEB128, and a text is its length and its bytes. A cached file
//! has a checksum of its own, so nothing here has to notice damage; it only has to come to no harm by it.

use crate::package::integrity::Integrity;
use crate::package::json;
use crate::package::manifest::Manifest;
use crate::package::name::PackageName;
use std::ops::Range as Span;

const MAGIC: &[u8; 8] = b"dekapk2\n";

/// A field of an entry. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    Dependencies = 1,
    OptionalDependencies,
    PeerDependencies,
    PeerDependenciesMeta,
    BundleDependencies,
    BundledDependencies,
    Os,
    Cpu,
    Libc,
    Engines,
    Deprecated,
    /// Shared: the registry of a tarball that stands where registries put them.
    Registry,
    /// Text: the address of a tarball that stands elsewhere.
    Tarball,
    /// 64 bytes.
    Sha512,
    /// Text: an integrity that is anything else than one SHA-512.
    Integrity,
    /// Text.
    Shasum,
    /// Number.
    UnpackedSize,
}

impl Field {
    /// The fields whose values are shared JSON, with their names.
    pub const JSON: [(Field, &str); 11] = [
        (Field::Dependencies, "dependencies"),
        (Field::OptionalDependencies, "optionalDependencies"),
        (Field::PeerDependencies, "peerDependencies"),
        (Field::PeerDependenciesMeta, "peerDependenciesMeta"),
        (Field::BundleDependencies, "bundleDependencies"),
        (Field::BundledDependencies, "bundledDependencies"),
        (Field::Os, "os"),
        (Field::Cpu, "cpu"),
        (Field::Libc, "libc"),
        (Field::Engines, "engines"),
        (Field::Deprecated, "deprecated"),
    ];
    /// How many there are.
    pub const COUNT: usize = Field::JSON.len() + Field::OTHER.len();
    const OTHER: [Field; 6] = [Field::Registry, Field::Tarball, Field::Sha512, Field::Integrity, Field::Shasum, Field::UnpackedSize];

    fn of(byte: u8) -> Option<Field> {
        let all = Field::JSON.iter().map(|(field, _)| *field).chain(Field::OTHER);
        all.into_iter().find(|field| *field as u8 == byte)
    }
}

/// Where the parts of a compact form stand in its bytes.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// All of it.
    pub place: Span<usize>,
    pub count: usize,
    tags: Span<usize>,
    ends: usize,
    entries: usize,
    shared: usize,
}

/// The entry of a version.
pub(super) struct Entry<'a> {
    pub is_deprecated: bool,
    pub version: &'a str,
    fields: &'a [u8],
}

impl Layout {
    /// Finds the parts; nothing when the lengths do not add up or it is about another package.
    pub fn read(bytes: &[u8], place: Span<usize>, name: &str) -> Option<Layout> {
        let bytes = bytes.get(..place.end)?;
        let mut reader = Reader { bytes, at: place.start };
        if reader.take(MAGIC.len())? != MAGIC || reader.text()? != name {
            return None;
        }
        let tags_start = reader.at;
        for _ in 0..reader.number()? {
            reader.text()?;
            reader.number()?;
        }
        let tags = tags_start..reader.at;
        let count = reader.fixed()?;
        let ends = reader.at;
        reader.take(count.checked_mul(4)?)?;
        let shared_length = reader.fixed()?;
        let entries = reader.at;
        let entries_length = match count {
            0 => 0,
            count => Reader { bytes, at: ends + 4 * (count - 1) }.fixed()?,
        };
        reader.take(entries_length)?;
        let shared = reader.at;
        reader.take(shared_length)?;
        (reader.at == bytes.len()).then_some(Layout { place, count, tags, ends, entries, shared })
    }

    pub fn tags<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = (&'a str, Option<usize>)> {
        let mut reader = Reader { bytes: bytes.get(..self.tags.end).unwrap_or_default(), at: self.tags.start };
        let count = reader.number().unwrap_or(0);
        (0..count).map_while(move |_| Some((reader.text()?, reader.number()?.checked_sub(1))))
    }

    pub fn entry<'a>(&self, bytes: &'a [u8], index: usize) -> Option<Entry<'a>> {
        let end_of = |index: usize| Reader { bytes, at: self.ends + 4 * index }.fixed();
        if index >= self.count {
            return None;
        }
        let start = if index == 0 { 0 } else { end_of(index - 1)? };
        let entry = bytes.get(self.entries..self.shared)?.get(start..end_of(index)?)?;
        let mut reader = Reader { bytes: entry, at: 0 };
        let is_deprecated = reader.byte()? == 1;
        let version = reader.text()?;
        Some(Entry { is_deprecated, version, fields: &entry[reader.at..] })
    }

    pub fn shared<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.shared..self.place.end).unwrap_or_default()
    }
}

/// Decodes the fields of an entry. What cannot be read counts as absent.
pub(super) fn manifest(entry: &Entry<'_>, shared: &[u8], name: &PackageName) -> Manifest {
    let mut manifest = Manifest::default();
    let mut reader = Reader { bytes: entry.fields, at: 0 };
    while let Some(field) = reader.byte() {
        if Field::of(field).and_then(|field| take_field(field, &mut reader, (entry, shared, name), &mut manifest)).is_none() {
            break;
        }
    }
    manifest
}

fn take_field(
    field: Field,
    reader: &mut Reader<'_>,
    (entry, shared, name): (&Entry<'_>, &[u8], &PackageName),
    manifest: &mut Manifest,
) -> Option<()> {
    match field {
        Field::Tarball => manifest.dist.tarball = Some(reader.text()?.to_owned()),
        Field::Sha512 => manifest.dist.integrity = Some(Integrity::of_sha512(reader.take(64)?.first_chunk()?)),
        Field::Integrity => manifest.dist.integrity = Integrity::parse(reader.text()?),
        Field::Shasum => {
            let shasum = reader.text()?;
            manifest.dist.integrity = manifest.dist.integrity.take().or_else(|| Integrity::from_shasum(shasum));
        }
        Field::UnpackedSize => manifest.dist.unpacked_size = u64::try_from(reader.number()?).ok()?,
        shared_field => {
            let (start, length) = (reader.number()?, reader.number()?);
            let text = std::str::from_utf8(shared.get(start..start.checked_add(length)?)?).ok()?;
            match shared_field {
                Field::Registry => {
                    manifest.dist.tarball = Some([text, &tarball_prefix(name), entry.version, TARBALL_SUFFIX].concat());
                }
                json_field => read_json(json_field, text, manifest),
            }
        }
    }
    Some(())
}

fn read_json(field: Field, text: &str, manifest: &mut Manifest) {
    let mut input = serde_json::Deserializer::from_str(text);
    let input = &mut input;
    match field {
        Field::Dependencies => manifest.dependencies = json::text_map(input).unwrap_or_default(),
        Field::OptionalDependencies => manifest.optional_dependencies = json::text_map(input).unwrap_or_default(),
        Field::PeerDependencies => manifest.peer_dependencies = json::text_map(input).unwrap_or_default(),
        Field::PeerDependenciesMeta => manifest.optional_peers = json::optional_peers(input).unwrap_or_default(),
        Field::BundleDependencies => manifest.bundle_dependencies = json::bundle(input).unwrap_or_default(),
        Field::BundledDependencies => manifest.bundled_dependencies = json::bundle(input).unwrap_or_default(),
        Field::Os => manifest.os = json::text_list(input).unwrap_or_default(),
        Field::Cpu => manifest.cpu = json::text_list(input).unwrap_or_default(),
        Field::Libc => manifest.libc = json::text_list(input).unwrap_or_default(),
        Field::Engines => manifest.engines = json::text_map(input).unwrap_or_default(),
        Field::Deprecated => manifest.deprecated = json::filled_text(input).unwrap_or_default(),
        Field::Registry | Field::Tarball | Field::Sha512 | Field::Integrity | Field::Shasum | Field::UnpackedSize => {}
    }
}

/// Returns where registries keep the tarballs of a package, below their own address, up to the version.
pub(super) fn tarball_prefix(name: &PackageName) -> String {
    ["/", name.as_str(), "/-/", name.unscoped(), "-"].concat()
}

const TARBALL_SUFFIX: &str = ".tgz";

/// Returns the registry of a tarball that stands where registries keep it.
pub(super) fn strip_tarball_path<'a>(address: &'a str, prefix: &str, version: &str) -> Option<&'a str> {
    address.strip_suffix(TARBALL_SUFFIX)?.strip_suffix(version)?.strip_suffix(prefix)
}

/// The parts of a compact form that is being made.
pub(super) struct Parts<'a> {
    pub name: &'a str,
    pub tags: &'a [(String, Option<usize>)],
    /// All entries, in any order, and where each stands, in the order of versions.
    pub entries: &'a [u8],
    pub order: &'a [Span<usize>],
    pub shared: &'a [u8],
}

/// Puts a compact form together; nothing when it is too large for its numbers.
pub(super) fn assemble(parts: &Parts<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(parts.entries.len() + parts.shared.len() + 4 * parts.order.len() + 40 * parts.tags.len() + 300);
    out.extend_from_slice(MAGIC);
    put_text(&mut out, parts.name);
    put_number(&mut out, parts.tags.len() as u64);
    for (tag, index) in parts.tags {
        put_text(&mut out, tag);
        put_number(&mut out, index.map_or(0, |index| index as u64 + 1));
    }
    put_fixed(&mut out, parts.order.len())?;
    let mut end = 0;
    for span in parts.order {
        end += span.len();
        put_fixed(&mut out, end)?;
    }
    put_fixed(&mut out, parts.shared.len())?;
    for span in parts.order {
        out.extend_from_slice(&parts.entries[span.clone()]);
    }
    out.extend_from_slice(parts.shared);
    Some(out)
}

fn put_fixed(out: &mut Vec<u8>, number: usize) -> Option<()> {
    out.extend_from_slice(&u32::try_from(number).ok()?.to_le_bytes());
    Some(())
}

pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Reads from the front.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn fixed(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(*self.take(4)?.first_chunk()?)).ok()
    }

    fn number(&mut self) -> Option<usize> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return usize::try_from(number).ok();
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.number()?;
        std::str::from_utf8(self.take(length)?).ok()
    }
}
