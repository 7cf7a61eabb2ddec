//! Tar and gzip, built by hand so that every byte can be wrong.

/// The end of an archive.
pub(super) const END: [u8; 1024] = [0; 1024];

/// The fields of a header.
pub(super) struct Head<'a> {
    pub(super) name: &'a str,
    pub(super) prefix: &'a str,
    pub(super) link: &'a str,
    pub(super) kind: u8,
    pub(super) mode: u32,
    /// The size that is claimed, when it is not that of the content.
    pub(super) size: Option<u64>,
    pub(super) raw_size: Option<[u8; 12]>,
    pub(super) magic: &'static [u8; 8],
}

impl<'a> Head<'a> {
    pub(super) fn new(name: &'a str) -> Head<'a> {
        Head { name, prefix: "", link: "", kind: b'0', mode: 0o644, size: None, raw_size: None, magic: b"ustar\x0000" }
    }

    pub(super) fn gnu(self) -> Head<'a> {
        Head { magic: b"ustar  \0", ..self }
    }

    /// Returns the entry: the header, the content and its padding.
    pub(super) fn with(self, content: &[u8]) -> Vec<u8> {
        let mut header = [0u8; 512];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, self.name.as_bytes());
        put(100, format!("{:07o}\0", self.mode).as_bytes());
        put(108, b"0000000\x000000000\0");
        let size = self.size.unwrap_or(content.len() as u64);
        put(124, &self.raw_size.unwrap_or_else(|| format!("{size:011o}\0").into_bytes().try_into().expect("twelve digits")));
        put(136, b"00000000000\0        ");
        put(156, &[self.kind]);
        put(157, self.link.as_bytes());
        put(257, self.magic);
        put(345, self.prefix.as_bytes());
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        [header.as_slice(), &padded(content)].concat()
    }
}

pub(super) fn padded(content: &[u8]) -> Vec<u8> {
    let mut padded = content.to_vec();
    padded.resize(content.len().next_multiple_of(512), 0);
    padded
}

pub(super) fn file(name: &str, content: &[u8]) -> Vec<u8> {
    Head::new(name).with(content)
}

pub(super) fn dir(name: &str) -> Vec<u8> {
    Head { kind: b'5', mode: 0o755, ..Head::new(name) }.with(b"")
}

/// A GNU long name for the entry that follows.
pub(super) fn long_name(name: &[u8]) -> Vec<u8> {
    Head { kind: b'L', ..Head::new("././@LongLink") }.gnu().with(&[name, b"\0"].concat())
}

/// An extended header for the entry that follows.
pub(super) fn pax(records: &[u8]) -> Vec<u8> {
    Head { kind: b'x', ..Head::new("PaxHeader/x") }.with(records)
}

/// One record of an extended header; it begins with its own length.
pub(super) fn pax_record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
    let mut length = rest.len() + 1;
    while length.to_string().len() + rest.len() > length {
        length += 1;
    }
    [length.to_string().as_bytes(), &rest].concat()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
    let mut packed = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let length = compressor.gzip_compress(bytes, &mut packed).expect("room for the worst case");
    packed.truncate(length);
    packed
}
