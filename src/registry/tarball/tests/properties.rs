//! Archives made by chance: rubbish never panics, and what is right comes through as it was.

use super::build::{END, Head, file, gzip, pax, pax_record};
use super::{Limits, Memory, Tree, Trickle, unpack_with};
use crate::registry::tarball::{unpack_bytes, unpack_stream};
use proptest::prelude::*;
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
}
