//! Archives built byte by byte, among them those that are meant to do harm.

mod build;
mod headers;
mod properties;

use super::{Content, Limits, Sink, TarballError, Unpacked, unpack_bytes, unpack_stream};
use crate::package::integrity::Integrity;
use crate::package::path::RelPath;
use build::{END, Head, dir, file, gzip, long_name, pax, pax_record};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

/// The files of an archive: content, and whether it may be run.
type Tree = BTreeMap<String, (Vec<u8>, bool)>;

#[derive(Default)]
struct Memory(Tree);

impl Sink for Memory {
    type Error = io::Error;

    fn file(&mut self, path: &RelPath, executable: bool, content: Content<'_>) -> io::Result<()> {
        let bytes = match content {
            Content::Whole(bytes) => bytes.to_vec(),
            Content::Stream { size, reader } => {
                let mut bytes = Vec::new();
                reader.read_to_end(&mut bytes)?;
                assert_eq!(bytes.len() as u64, size);
                bytes
            }
        };
        self.0.insert(path.as_str().to_owned(), (bytes, executable));
        Ok(())
    }
}

/// Yields a few bytes at a time, as a network does.
struct Trickle<'a>(&'a [u8], usize);

impl BufRead for Trickle<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(&self.0[..self.0.len().min(self.1)])
    }

    fn consume(&mut self, count: usize) {
        self.0 = &self.0[count..];
    }
}

impl Read for Trickle<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut ready = self.fill_buf()?;
        let count = ready.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

/// Unpacks in all ways, which must agree.
fn unpack_with(body: &[u8], expected: Option<&Integrity>, limits: &Limits) -> Result<(Tree, Unpacked), TarballError> {
    let mut whole = Memory::default();
    let outcome = unpack_bytes(body, None, expected, limits, &mut whole);
    let small_steps = Limits { whole_bytes: 0, ..limits.clone() };
    let mut stepwise = Memory::default();
    let by_steps = unpack_bytes(body, None, expected, &small_steps, &mut stepwise);
    let mut streamed = Memory::default();
    let by_stream = unpack_stream(&mut Trickle(body, 1000), expected, &Arc::default(), limits, &mut streamed);
    match (&outcome, &by_steps, &by_stream) {
        (Ok(unpacked), Ok(by_steps), Ok(by_stream)) => {
            assert!(whole.0 == stepwise.0 && whole.0 == streamed.0);
            for other in [by_steps, by_stream] {
                assert_eq!(format!("{unpacked:?}"), format!("{other:?}"));
            }
        }
        (Err(error), Err(by_steps), Err(by_stream)) => {
            assert_eq!(error.is_damage(), by_steps.is_damage(), "{error} / {by_steps}");
            assert_eq!(error.is_damage(), by_stream.is_damage(), "{error} / {by_stream}");
        }
        _ => panic!("they differ: {outcome:?} / {by_steps:?} / {by_stream:?}"),
    }
    outcome.map(|unpacked| (whole.0, unpacked))
}

fn unpack(tar: &[Vec<u8>]) -> Result<(Tree, Unpacked), TarballError> {
    unpack_with(&gzip(&tar.concat()), None, &Limits::default())
}

/// The paths of what was unpacked, or the error.
fn paths(tar: &[Vec<u8>]) -> Result<Vec<String>, String> {
    unpack(tar).map(|(tree, _)| tree.into_keys().collect()).map_err(|error| error.to_string())
}

fn fault(tar: &[Vec<u8>]) -> TarballError {
    match unpack(tar) {
        Ok((tree, _)) => panic!("it was accepted: {:?}", tree.keys()),
        Err(error) => error,
    }
}

#[test]
fn unpacks_files_with_their_execute_bit() {
    let (tree, unpacked) = unpack(&[
        dir("package/"),
        file("package/package.json", b"{}"),
        Head { mode: 0o755, ..Head::new("package/bin/run") }.with(b"#!"),
        Head { mode: 0o4711, ..Head::new("package/setuid") }.with(b"s"),
        Head { mode: 0o1666, ..Head::new("package/all") }.with(b"a"),
        END.to_vec(),
    ])
    .expect("an archive");
    let flat: Vec<(&str, &[u8], bool)> = tree.iter().map(|(path, (bytes, run))| (path.as_str(), bytes.as_slice(), *run)).collect();
    assert_eq!(flat, [("all", b"a".as_slice(), false), ("bin/run", b"#!", true), ("package.json", b"{}", false), ("setuid", b"s", true)]);
    assert_eq!((unpacked.files, unpacked.unpacked_bytes, unpacked.skipped.any()), (4, 6, false));
}

#[test]
fn strips_one_component_whatever_it_is() {
    for (name, wanted) in [
        ("package/a", Some("a")),
        ("other top/a", Some("a")),
        ("./package/a", Some("package/a")),
        ("package/./a", Some("a")),
        ("package//a", Some("a")),
        ("package/a//./b", Some("a/b")),
        ("package\\dir\\f.js", Some("dir/f.js")),
        ("package/dir\\f.js", Some("dir/f.js")),
        ("package/con.txt", Some("con.txt")),
        ("package/node_modules/x/i.js", Some("node_modules/x/i.js")),
        ("package/é", Some("é")),
        ("package", None),
        ("", None),
        ("package/.", None),
    ] {
        let wanted: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
        assert_eq!(paths(&[file(name, b"x"), END.to_vec()]).as_ref(), Ok(&wanted), "{name:?}");
    }
}

#[test]
fn refuses_paths_that_lead_elsewhere_in_every_place_where_a_path_can_stand() {
    for name in [
        "package/../../../x",
        "package/..",
        "package/a/..",
        "../x",
        "..",
        "/tmp/x",
        "//x",
        "C:\\x",
        "C:/x",
        "C:../x",
        "package/C:x",
        "package\\..\\..\\x",
        "\\\\host\\x",
    ] {
        for archive in [
            vec![file(name, b"x")],
            vec![long_name(name.as_bytes()), file("package/short", b"x")],
            vec![pax(&pax_record("path", name.as_bytes())), file("package/short", b"x")],
            vec![dir(name)],
            vec![Head { kind: b'2', link: "a", ..Head::new(name) }.with(b"")],
        ] {
            assert!(matches!(fault(&archive), TarballError::Path(_)), "{name:?}: {}", fault(&archive));
        }
    }
}

#[test]
fn refuses_paths_that_cannot_be_kept_as_they_are() {
    let in_pax = |path: &[u8]| vec![pax(&pax_record("path", path)), file("package/short", b"x")];
    assert!(matches!(fault(&in_pax(b"package/a\0b")), TarballError::Path(_)));
    assert!(matches!(fault(&in_pax(b"package/\xff\xfe")), TarballError::NotUtf8 { .. }));
    assert!(matches!(fault(&in_pax("package/".repeat(1100).as_bytes())), TarballError::Path(_)));
    assert!(matches!(fault(&in_pax(format!("package/{}", "a".repeat(5000)).as_bytes())), TarballError::Path(_)));
    assert_eq!(paths(&in_pax(b"package/123")), Ok(vec!["123".to_owned()]));
    assert_eq!(paths(&in_pax(b"123/456")), Ok(vec!["456".to_owned()]));
}

#[test]
fn reads_long_names_of_all_kinds() {
    let long = format!("package/{}/f", "d".repeat(120));
    let wanted = vec![long["package/".len()..].to_owned()];
    assert_eq!(paths(&[long_name(long.as_bytes()), file("package/short", b"x")]).as_ref(), Ok(&wanted));
    assert_eq!(paths(&[pax(&pax_record("path", long.as_bytes())), file("package/short", b"x")]).as_ref(), Ok(&wanted));
    let prefix = format!("package/{}", "p".repeat(100));
    let in_prefix = Head { prefix: &prefix, ..Head::new("f") }.with(b"x");
    assert_eq!(paths(&[in_prefix]), Ok(vec![format!("{}/f", "p".repeat(100))]));
}

#[test]
fn the_later_of_two_files_wins_also_from_another_top_folder() {
    let (tree, unpacked) = unpack(&[file("package/a", b"old"), file("other/a", b"new"), file("package/b", b"b")]).expect("an archive");
    assert_eq!(tree["a"].0, b"new");
    assert_eq!((tree.len(), unpacked.files), (2, 3));
}

#[test]
fn a_path_is_not_a_file_and_a_folder() {
    for order in [["package/a", "package/a/b"], ["package/a/b", "package/a"], ["package/x/a", "package/x/a/b/c"]] {
        assert!(matches!(fault(&order.map(|name| file(name, b"x"))), TarballError::FileAndFolder { .. }), "{order:?}");
    }
    assert_eq!(paths(&["package/a", "package/ab", "package/a.b/c"].map(|name| file(name, b"x"))).map(|paths| paths.len()), Ok(3));
}

#[test]
fn names_files_that_some_file_systems_take_for_one() {
    let names = ["package/README.md", "package/readme.md", "package/e\u{301}", "package/\u{e9}", "package/ss", "package/ß", "package/z"];
    let (tree, unpacked) = unpack(&names.map(|name| file(name, b"x"))).expect("an archive");
    let clashes: Vec<&str> = unpacked.clashes.iter().map(RelPath::as_str).collect();
    assert_eq!((tree.len(), clashes), (7, vec!["readme.md", "\u{e9}", "ß"]));
}

#[test]
fn nothing_but_regular_files_comes_through() {
    let kind = |kind, name, link| Head { kind, link, ..Head::new(name) }.with(b"");
    let (tree, unpacked) = unpack(&[
        kind(b'2', "package/link", "/etc"),
        file("package/link/passwd", b"inside"),
        kind(b'1', "package/hard", "../../etc/passwd"),
        kind(b'3', "package/char", ""),
        kind(b'4', "package/block", ""),
        kind(b'6', "package/fifo", ""),
        kind(b'V', "package/volume", ""),
        Head { kind: b'7', ..Head::new("package/contiguous") }.with(b"7"),
        Head { kind: 0, ..Head::new("package/old") }.with(b"0"),
        Head { kind: 0, ..Head::new("package/old-folder/") }.with(b""),
        Head { kind: b'5', mode: 0, ..Head::new("package/shut") }.with(b""),
        END.to_vec(),
    ])
    .expect("an archive");
    assert_eq!(tree.keys().collect::<Vec<_>>(), ["contiguous", "link/passwd", "old"]);
    assert_eq!((unpacked.skipped.links, unpacked.skipped.devices, unpacked.skipped.others), (2, 3, 1));
}

#[test]
fn refuses_sparse_files() {
    fault(&[Head { kind: b'S', ..Head::new("package/a") }.gnu().with(b"")]);
    let in_pax = [pax(&pax_record("GNU.sparse.realsize", b"9")), file("package/a", b"x")];
    assert!(fault(&in_pax).to_string().contains("sparse"));
}

#[test]
fn the_extended_size_decides_for_content_and_for_what_follows() {
    let extended = |size: &str, claimed, content: &[u8]| {
        let mut entry = Head { size: Some(claimed), ..Head::new("package/a") }.with(b"");
        entry.extend(build::padded(content));
        vec![pax(&pax_record("size", size.as_bytes())), entry, file("package/b", b"b"), END.to_vec()]
    };
    // The content holds a header of its own, which must not be read as one.
    let inner = file("package/evil", b"");
    let (tree, _) = unpack(&extended(&inner.len().to_string(), 0, &inner)).expect("an archive");
    assert_eq!(tree.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(tree["a"].0, inner);
    let (tree, _) = unpack(&extended("0", 512, b"")).expect("an archive");
    assert_eq!((tree["a"].0.len(), tree.len()), (0, 2));
    assert!(matches!(fault(&extended("-1", 0, b"")), TarballError::Unsupported { .. }));
    assert!(matches!(fault(&extended("99999999999999999999", 0, b"")), TarballError::Unsupported { .. }));
    let twice = [pax_record("size", b"0"), pax_record("size", b"512")].concat();
    assert!(matches!(fault(&[pax(&twice), file("package/a", b"")]), TarballError::Unsupported { .. }));
}

#[test]
fn an_extended_size_is_for_the_file_and_not_for_its_long_name() {
    let name = format!("package/{}", "n".repeat(150));
    let (tree, _) = unpack(&[
        pax(&pax_record("size", b"5")),
        long_name(name.as_bytes()),
        file("package/short", b"12345"),
        file("package/next", b"x"),
        END.to_vec(),
    ])
    .expect("an archive");
    assert_eq!((tree["next"].0.len(), tree[&"n".repeat(150)].0.len()), (1, 5));
}

#[test]
fn a_header_for_all_may_comment_and_nothing_else() {
    let global = |records: &[u8]| Head { kind: b'g', ..Head::new("pax_global_header") }.with(records);
    assert_eq!(paths(&[global(&pax_record("comment", b"abc")), file("x/a", b"a")]), Ok(vec!["a".to_owned()]));
    for key in ["path", "size", "linkpath"] {
        assert!(matches!(fault(&[global(&pax_record(key, b"1")), file("x/a", b"a")]), TarballError::Unsupported { .. }));
    }
}

#[test]
fn refuses_numbers_and_checksums_that_are_wrong() {
    for number in [[0xff; 12], [0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 5]] {
        let entry = Head { raw_size: Some(number), ..Head::new("package/a") }.with(b"");
        fault(&[entry, END.to_vec()]);
    }
    let mut bent = file("package/a", b"x");
    bent[0] ^= 1;
    assert!(matches!(fault(&[bent]), TarballError::Archive { .. }));
    assert!(matches!(fault(&[b"<!doctype html><title>no</title>".repeat(40)]), TarballError::Archive { .. }));
}

#[test]
fn an_archive_may_end_early_but_not_inside_a_file() {
    assert!(paths(&[file("package/a", b"x")]).is_ok());
    assert_eq!(paths(&[file("package/a", b"x"), END.to_vec(), b"rubbish".to_vec()]), Ok(vec!["a".to_owned()]));
    let mut cut = file("package/a", &[7; 2000]);
    cut.truncate(512 + 1999);
    assert!(matches!(fault(&[cut]), TarballError::Truncated { .. }));
    let mut large = file("package/a", &vec![7; 2 << 20]);
    large.truncate(1 << 20);
    assert!(matches!(fault(&[large]), TarballError::Truncated { .. }));
}

fn with_body(body: &[u8]) -> Result<Vec<String>, TarballError> {
    unpack_with(body, None, &Limits::default()).map(|(tree, _)| tree.into_keys().collect())
}

#[test]
fn the_compression_must_be_whole_and_right() {
    let tar = [file("package/a", b"a"), file("package/b", b"b"), END.to_vec()].concat();
    let good = gzip(&tar);
    let wrong = |from_end: usize| {
        let mut bytes = good.clone();
        let at = bytes.len() - from_end;
        bytes[at] ^= 1;
        bytes
    };
    for bad in [wrong(8), wrong(4), wrong(1), good[..good.len() - 1].to_vec(), good[..20].to_vec(), good[..2].to_vec()] {
        assert!(matches!(with_body(&bad), Err(TarballError::Gzip { .. })));
    }
    for length in 1..good.len() {
        let cut = unpack_stream(&mut Trickle(&good[..length], 5), None, &Arc::default(), &Limits::default(), &mut Memory::default());
        assert!(cut.as_ref().is_err_and(TarballError::is_damage), "{length}: {cut:?}");
    }
    for behind in [b"x".as_slice(), b"\0\0\0x", &[0x1f], &[0x1f, 0x8b], &good[..good.len() - 3]] {
        assert!(matches!(with_body(&[&good, behind].concat()), Err(TarballError::Gzip { .. })), "{behind:?}");
    }
    assert_eq!(with_body(&[&good, [0; 700].as_slice()].concat()).ok(), Some(vec!["a".to_owned(), "b".to_owned()]));
    assert!(matches!(with_body(b""), Err(TarballError::Empty)));
}

#[test]
fn all_members_are_one_archive_and_plain_tar_is_one_too() {
    let (first, second) = (file("package/a", b"a"), [file("package/b", b"b"), END.to_vec()].concat());
    let wanted = Some(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(with_body(&[gzip(&first), gzip(&second)].concat()).ok(), wanted);
    // Cut inside of a header, and a member with nothing in it.
    let tar = [first, second].concat();
    assert_eq!(with_body(&[gzip(&tar[..100]), gzip(b""), gzip(&tar[100..])].concat()).ok(), wanted);
    assert_eq!(with_body(&tar).ok(), wanted);
}

#[test]
fn the_header_of_a_member_may_say_more() {
    let plain = gzip(&[file("package/a", b"a"), END.to_vec()].concat());
    let with = |flags: u8, fields: &[u8]| {
        let mut body = plain.clone();
        body[3] = flags;
        body.splice(10..10, fields.iter().copied());
        with_body(&body).map(|paths| paths.len())
    };
    for (flags, fields) in [
        (0x01, b"".as_slice()),
        (0x02, b"hc"),
        (0x04, b"\x03\x00abc"),
        (0x08, b"name.tar\0"),
        (0x10, b"comment\0"),
        (0x1e, b"\x01\x00xn\0c\0hc"),
    ] {
        assert_eq!(with(flags, fields).ok(), Some(1), "{flags:#x}");
    }
    for (flags, fields) in [(0x20, b"".as_slice()), (0x08, &[b'n'; 700]), (0x04, b"\xff\xff")] {
        assert!(matches!(with(flags, fields), Err(TarballError::Gzip { .. })), "{flags:#x}");
    }
}

#[test]
fn files_of_all_sizes_come_through_the_window() {
    let sizes = [0, 1, 511, 512, 40_000, 300_000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20, 7];
    let noise: Vec<u8> = (0..3u32 << 20).map(|place| (place.wrapping_mul(place) >> 11) as u8).collect();
    let mut tar = Vec::new();
    for (index, size) in sizes.iter().enumerate() {
        tar.extend(file(&format!("package/{index}"), &noise[index..][..*size - index.min(*size)]));
    }
    let (tree, _) = unpack(&[tar, END.to_vec()]).expect("an archive");
    for (index, size) in sizes.iter().enumerate() {
        assert!(tree[&index.to_string()].0 == noise[index..][..*size - index.min(*size)], "{size}");
    }
}

#[test]
fn two_equal_members_are_not_taken_for_one() {
    let half = file("package/a", b"a");
    let (tree, unpacked) = unpack_with(&[gzip(&half), gzip(&half)].concat(), None, &Limits::default()).expect("an archive");
    assert_eq!((tree.len(), unpacked.files), (1, 2));
}

#[test]
fn the_integrity_is_that_of_the_packed_bytes() {
    let body = gzip(&file("package/a", b"a"));
    let right = Integrity::of(&body);
    let (_, unpacked) = unpack_with(&body, Some(&right), &Limits::default()).expect("an archive");
    assert_eq!((unpacked.integrity, unpacked.packed_bytes), (right.clone(), body.len() as u64));
    let (_, unpacked) = unpack_with(&body, None, &Limits::default()).expect("an archive");
    assert_eq!(unpacked.integrity, right);
    let wrong = Integrity::of(b"something else");
    // What is wrong inside does not hide that it is the wrong thing altogether.
    for body in [body, gzip(b"rubbish"), gzip(&file("../x", b"x"))] {
        assert!(matches!(unpack_with(&body, Some(&wrong), &Limits::default()), Err(TarballError::Integrity { .. })));
    }
}

#[test]
fn bombs_and_crowds_are_stopped() {
    let zeros = gzip(&file("package/a", &vec![0; 3 << 20]));
    let limits = Limits { ratio_from_bytes: 1 << 20, ratio: 500, whole_bytes: 64 << 10, ..Limits::default() };
    let streamed = unpack_stream(&mut zeros.as_slice(), None, &Arc::default(), &limits, &mut Memory::default());
    assert!(matches!(streamed, Err(TarballError::Bomb { .. })), "{streamed:?}");
    let whole = unpack_bytes(&zeros, None, None, &limits, &mut Memory::default());
    assert!(matches!(whole, Err(TarballError::Bomb { .. })), "{whole:?}");
    let small = Limits { unpacked_bytes: 1 << 20, ..Limits::default() };
    assert!(matches!(unpack_with(&zeros, None, &small), Err(TarballError::TooLarge { .. })));
    let crowd: Vec<u8> = (0..50).flat_map(|_| file("package/a", b"")).collect();
    let few = Limits { entries: 49, ..Limits::default() };
    assert!(matches!(unpack_with(&gzip(&crowd), None, &few), Err(TarballError::TooManyEntries { .. })));
    let deep = [pax(&pax_record("path", format!("package/{}x", "d/".repeat(60)).as_bytes())), file("package/s", b"")].concat();
    assert!(matches!(unpack_with(&gzip(&deep), None, &few), Ok(_) | Err(TarballError::TooManyEntries { .. })));
}

#[test]
fn small_files_come_together_whatever_stands_between_them() {
    let mut state = 7_u32;
    let mut noise = |bytes: usize| -> Vec<u8> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..bytes).map(|_| next()).collect()
    };
    let mut tar = Vec::new();
    for number in 0..900 {
        match number % 100 {
            // More than the window runs on, all of it in a header, in something that is left out, and in a large file.
            20 => tar.push(pax(&pax_record("comment", &vec![b'x'; 900 << 10]))),
            40 => tar.push(Head { kind: b'?', ..Head::new("package/odd") }.with(&noise(3 << 20))),
            60 => tar.push(file(&format!("package/large{number}"), &noise(2 << 20))),
            80 => tar.push(file(&format!("package/middle{number}"), &noise(1 << 20))),
            _ => {}
        }
        tar.push(file(&format!("package/small{number}"), &noise(number * 7 % 5_000)));
        // Every now and then one takes the place of another.
        if number % 150 == 0 {
            tar.push(file("package/small0", &noise(number)));
        }
    }
    tar.push(END.to_vec());
    let limits = Limits { whole_bytes: 64 << 20, ..Limits::default() };
    let (tree, unpacked) = unpack_with(&gzip(&tar.concat()), None, &limits).expect("an archive");
    assert_eq!((tree.len(), unpacked.skipped.others), (918, 9));
    assert_eq!((tree["small0"].0.len(), tree["small899"].0.len()), (750, 899 * 7 % 5_000));
}

#[test]
fn a_long_name_without_end_is_not_collected() {
    let huge = [Head { kind: b'L', ..Head::new("././@LongLink") }.gnu().with(&vec![b'a'; 3 << 20]), file("package/a", b"")].concat();
    let limits = Limits { whole_bytes: 1 << 20, ..Limits::default() };
    for body in [gzip(&huge), huge] {
        let outcome = unpack_stream(&mut body.as_slice(), None, &Arc::default(), &limits, &mut Memory::default());
        assert!(matches!(outcome, Err(TarballError::Archive { .. })), "{outcome:?}");
    }
}

#[test]
fn a_sink_that_fails_ends_it() {
    struct Full;
    impl Sink for Full {
        type Error = io::Error;
        fn file(&mut self, _: &RelPath, _: bool, _: Content<'_>) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
    let body = gzip(&file("package/a", b"a"));
    let error = unpack_bytes(&body, None, None, &Limits::default(), &mut Full).expect_err("the disk is full");
    assert!(matches!(&error, TarballError::Sink(source) if source.downcast_ref::<io::Error>().is_some()));
    assert!(!error.is_damage());
    let error = unpack_stream(&mut body.as_slice(), None, &Arc::default(), &Limits::default(), &mut Full).expect_err("the disk is full");
    assert!(matches!(error, TarballError::Sink(_)));
}

#[test]
fn a_sink_need_not_read_what_it_does_not_want() {
    struct Idle(u64);
    impl Sink for Idle {
        type Error = io::Error;
        fn file(&mut self, _: &RelPath, _: bool, _: Content<'_>) -> io::Result<()> {
            self.0 += 1;
            Ok(())
        }
    }
    let tar = [file("package/a", &vec![1; 3 << 20]), file("package/b", b"b"), END.to_vec()].concat();
    let mut idle = Idle(0);
    unpack_stream(&mut gzip(&tar).as_slice(), None, &Arc::default(), &Limits::default(), &mut idle).expect("an archive");
    assert_eq!(idle.0, 2);
}
