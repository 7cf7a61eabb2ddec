//! Archives made byte by byte, so that a test can write what no tool would.

use super::package::gzip;

/// The size of a block.
const BLOCK: usize = 512;

/// An archive under construction.
#[derive(Clone, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    ends: bool,
}

/// One header and its payload; the fields that matter can be anything.
#[derive(Clone)]
pub struct Entry {
    name: Vec<u8>,
    prefix: Vec<u8>,
    kind: u8,
    mode: u32,
    link: Vec<u8>,
    data: Vec<u8>,
    size: Option<[u8; 12]>,
    checksum: Option<u32>,
}

impl Entry {
    /// Starts a regular file.
    pub fn file(name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Entry {
        Entry {
            name: name.as_ref().to_vec(),
            prefix: Vec::new(),
            kind: b'0',
            mode: 0o644,
            link: Vec::new(),
            data: data.as_ref().to_vec(),
            size: None,
            checksum: None,
        }
    }

    /// Starts an entry of another type without a payload.
    pub fn other(kind: u8, name: impl AsRef<[u8]>) -> Entry {
        Entry { kind, ..Entry::file(name, "") }
    }

    /// A symbolic link.
    pub fn symlink(name: &str, target: &str) -> Entry {
        Entry { link: target.as_bytes().to_vec(), ..Entry::other(b'2', name) }
    }

    /// A hard link.
    pub fn hardlink(name: &str, target: &str) -> Entry {
        Entry { link: target.as_bytes().to_vec(), ..Entry::other(b'1', name) }
    }

    /// PAX records for the next entry.
    pub fn pax(records: &[(&str, &[u8])]) -> Entry {
        Entry { kind: b'x', ..Entry::file("PaxHeader/x", pax_records(records)) }
    }

    /// PAX records for all entries that follow.
    pub fn pax_global(records: &[(&str, &[u8])]) -> Entry {
        Entry { kind: b'g', ..Entry::file("pax_global_header", pax_records(records)) }
    }

    /// A GNU long name for the next entry.
    pub fn long_name(name: &str) -> Entry {
        let mut data = name.as_bytes().to_vec();
        data.push(0);
        Entry { kind: b'L', ..Entry::file("././@LongLink", data) }
    }

    /// Sets the type.
    pub fn kind(self, kind: u8) -> Entry {
        Entry { kind, ..self }
    }

    /// Sets the mode.
    pub fn mode(self, mode: u32) -> Entry {
        Entry { mode, ..self }
    }

    /// Sets ustar's prefix.
    pub fn prefix(self, prefix: &str) -> Entry {
        Entry { prefix: prefix.as_bytes().to_vec(), ..self }
    }

    /// Claims another size than the payload has; the payload is written whole.
    pub fn claims_size(self, size: u64) -> Entry {
        let mut field = [0; 12];
        field[..11].copy_from_slice(format!("{size:011o}").as_bytes());
        Entry { size: Some(field), ..self }
    }

    /// Writes these bytes as the size field.
    pub fn size_field(self, field: [u8; 12]) -> Entry {
        Entry { size: Some(field), ..self }
    }

    /// Writes a wrong checksum.
    pub fn wrong_checksum(self) -> Entry {
        Entry { checksum: Some(1), ..self }
    }

    fn encode(&self) -> Vec<u8> {
        let mut header = [0u8; BLOCK];
        let mut put = |at: usize, room: usize, bytes: &[u8]| {
            let length = bytes.len().min(room);
            header[at..at + length].copy_from_slice(&bytes[..length]);
        };
        put(0, 100, &self.name);
        put(100, 8, format!("{:07o}", self.mode).as_bytes());
        put(108, 8, b"0000000");
        put(116, 8, b"0000000");
        put(124, 12, &self.size.unwrap_or_else(|| octal(self.data.len() as u64)));
        put(136, 12, b"03560116604");
        put(148, 8, b"        ");
        put(156, 1, &[self.kind]);
        put(157, 100, &self.link);
        put(257, 8, b"ustar\x0000");
        put(345, 155, &self.prefix);
        let sum = self.checksum.unwrap_or_else(|| header.iter().map(|byte| u32::from(*byte)).sum());
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let mut out = header.to_vec();
        out.extend_from_slice(&self.data);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
        out
    }
}

fn octal(size: u64) -> [u8; 12] {
    let mut field = [0; 12];
    field[..11].copy_from_slice(format!("{size:011o}").as_bytes());
    field
}

fn pax_records(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        // The length counts its own digits.
        let length = (1..).map(|digits| rest + digits).find(|length| length.to_string().len() + rest == *length).unwrap();
        out.extend_from_slice(format!("{length} {key}=").as_bytes());
        out.extend_from_slice(value);
        out.push(b'\n');
    }
    out
}

impl Archive {
    /// Starts with a manifest, as a real package has one.
    pub fn new() -> Archive {
        Archive::empty().entry(Entry::file("package/package.json", r#"{"name":"x","version":"1.0.0"}"#))
    }

    /// Starts with nothing.
    pub fn empty() -> Archive {
        Archive { bytes: Vec::new(), ends: true }
    }

    /// Adds an entry.
    pub fn entry(mut self, entry: Entry) -> Archive {
        self.bytes.extend(entry.encode());
        self
    }

    /// Adds a regular file.
    pub fn file(self, name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Archive {
        self.entry(Entry::file(name, data))
    }

    /// Adds bytes as they are.
    pub fn bytes(mut self, bytes: &[u8]) -> Archive {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Leaves out the two empty blocks at the end.
    pub fn without_end(mut self) -> Archive {
        self.ends = false;
        self
    }

    /// Returns the archive.
    pub fn tar(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        if self.ends {
            bytes.resize(bytes.len() + 2 * BLOCK, 0);
        }
        bytes
    }

    /// Returns the archive in one gzip member.
    pub fn tgz(&self) -> Vec<u8> {
        gzip(&self.tar())
    }

    /// Returns the archive in two gzip members, cut at `at`.
    pub fn tgz_in_two(&self, at: usize) -> Vec<u8> {
        let tar = self.tar();
        let (first, second) = tar.split_at(at);
        [gzip(first), gzip(second)].concat()
    }
}
