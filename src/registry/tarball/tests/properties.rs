//! Archives made by chance: rubbish never panics, and what is right comes through as it was.

use super::build::{END, Head, file, gzip, long_name, pax, pax_record};
use super::{Limits, Memory, Tree, Trickle, unpack_with};
use crate::registry::tarball::{paths, unpack_bytes, unpack_stream};
use proptest::prelude::*;
use std::io::Read;
use std::sync::Arc;

/// Limits under which even a lucky bomb is quick.
fn narrow() -> Limits {
    Limits { entries: 1000, unpacked_bytes: 1 << 20, whole_bytes: 64 << 10, ..Limits::default() }
}

fn archive(files: &Tree) -> Vec<u8> {
    let mut tar = Vec::new();
    for (path, (bytes, executable)) in files {
        let path = format!("package/{path}");
        let mode = if *executable { 0o755 } else { 0o644 };
        if path.len() > 100 {
            tar.extend(pax(&pax_record("path", path.as_bytes())));
            tar.extend(Head { mode, ..Head::new("package/short") }.with(bytes));
        } else {
            tar.extend(Head { mode, ..Head::new(&path) }.with(bytes));
        }
    }
    tar.extend(END);
    tar
}

/// One entry, with what may stand before it: no, an extended or a GNU name, with or without an extended size.
fn entry(kind: u8, name: &str, content: &[u8], naming: u8, is_sized: bool) -> Vec<u8> {
    let mut records = Vec::new();
    let mut entry = Vec::new();
    match naming {
        0 => {}
        1 => records.extend(pax_record("path", name.as_bytes())),
        _ => entry.extend(long_name(name.as_bytes())),
    }
    if is_sized {
        records.extend(pax_record("size", content.len().to_string().as_bytes()));
    }
    if !records.is_empty() {
        entry.splice(..0, pax(&records));
    }
    let size = is_sized.then_some(0);
    entry.extend(Head { kind, size, ..Head::new(if naming == 0 { name } else { "package/short" }) }.with(content));
    entry
}

/// Makes the checksum of the block right that a place lies in, if it has one.
fn seal(tar: &mut [u8], at: usize) {
    let Some(header) = tar.chunks_exact_mut(512).nth(at / 512).filter(|header| header[257..262] == *b"ustar") else { return };
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// Reads an archive as the `tar` crate does.
fn of_the_crate(tar: &[u8]) -> Option<Tree> {
    let mut tree = Tree::new();
    for entry in tar::Archive::new(tar).entries().ok()? {
        let mut entry = entry.ok()?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content).ok()?;
        let kind = entry.header().entry_type();
        let is_file = (kind.is_file() || kind.is_contiguous()) && !entry.path_bytes().ends_with(b"/");
        if let Some(path) = paths::stripped(&entry.path_bytes()).ok()?.filter(|_| is_file) {
            let executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
            tree.insert(path.as_str().to_owned(), (content, executable));
        }
    }
    Some(tree)
}

fn survives(body: &[u8]) {
    let _ = unpack_bytes(body, None, None, &narrow(), &mut Memory::default());
    let _ = unpack_stream(&mut &*body, None, &Arc::default(), &narrow(), &mut Memory::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn random_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..3000)) {
        survives(&body);
        survives(&gzip(&body));
        survives(&[&[0x1f, 0x8b, 8, 0], body.as_slice()].concat());
    }

    #[test]
    fn a_bent_archive_never_panics(at in any::<prop::sample::Index>(), bits in 1u8.., long in 0usize..300, packed in any::<bool>()) {
        let records = [pax_record("path", b"package/x"), pax_record("size", b"3")].concat();
        let name = format!("package/{}", "n".repeat(long.min(90)));
        let tar = [pax(&records), file("package/y", b"abc"), file(&name, &vec![7; long]), END.to_vec()].concat();
        let mut body = if packed { gzip(&tar) } else { tar };
        let at = at.index(body.len());
        body[at] ^= bits;
        survives(&body);
        body.truncate(at);
        survives(&body);
    }

    #[test]
    fn bent_bytes_never_come_through(at in any::<prop::sample::Index>(), bits in 1u8.., piece in 1usize..2000, seed in any::<u32>()) {
        let noise: Vec<u8> = (0..9000u32).map(|place| (place.wrapping_mul(seed | 1) >> 19) as u8).collect();
        let mut body = gzip(&[file("package/a", &noise), file("package/b", &noise[..500]), END.to_vec()].concat());
        let at = at.index(body.len());
        body[at] ^= bits;
        let mut streamed = Memory::default();
        // What is bent may still say the same: some bytes of the header mean nothing, neither do the bits that fill up the
        // byte before the trailer, and where the bytes repeat, a match at another distance copies the same ones.
        if unpack_stream(&mut Trickle(&body, piece), None, &Arc::default(), &narrow(), &mut streamed).is_ok() {
            prop_assert!(streamed.0["a"].0 == noise && streamed.0["b"].0 == noise[..500]);
        }
    }

    #[test]
    fn well_formed_archives_come_through(
        files in proptest::collection::btree_map("[a-zA-Z0-9é._-]{1,60}(/x[a-zé .]{1,60}){0,3}", (proptest::collection::vec(any::<u8>(), 0..2000), any::<bool>()), 1..12),
    ) {
        // A name that is also a folder is another test's matter, and so are names of dots.
        let clashes = |path: &str| files.keys().any(|other| other.starts_with(&format!("{path}/")));
        let files: Tree = files.iter()
            .filter(|(path, _)| !clashes(path) && !matches!(path.split('/').next(), Some("." | "..")))
            .map(|(path, file)| (path.clone(), file.clone()))
            .collect();
        prop_assume!(!files.is_empty());
        let (tree, unpacked) = unpack_with(&gzip(&archive(&files)), None, &Limits::default()).expect("an archive");
        prop_assert_eq!(unpacked.files, files.len() as u64);
        prop_assert!(tree == files);
    }
    #[test]
    fn what_is_accepted_is_what_another_reader_sees(
        entries in proptest::collection::vec(
            ("0|0|0|[07123456gV]|[07123456gV]|[xLKS]", "package/[a-z]{1,9}(/[a-z]{1,9}){0,2}/?", proptest::collection::vec(any::<u8>(), 0..700), 0u8..3, any::<bool>()),
            1..6,
        ),
        bent in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut tar: Vec<u8> =
            entries.iter().flat_map(|(kind, name, content, naming, is_sized)| entry(kind.as_bytes()[0], name, content, *naming, *is_sized)).collect();
        tar.extend(END);
        if let Some((at, byte)) = bent {
            let at = at.index(tar.len());
            tar[at] = byte;
            seal(&mut tar, at);
        }
        let mut ours = Memory::default();
        if unpack_bytes(&tar, None, None, &narrow(), &mut ours).is_ok() {
            prop_assert_eq!(Some(ours.0), of_the_crate(&tar));
        }
    }
}
