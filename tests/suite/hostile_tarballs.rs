//! Archives that no well-meant tool makes: every row of the tables of hostile input that one tarball can hold.
//!
//! Each row is installed by the real binary from a registry whose hash fits, so that nothing but the reader of archives
//! stands between the bytes and the disk.

use crate::support::package::{gzip, gzip_tight};
use crate::support::tarball::{Archive, Entry};
use crate::support::{Registry, TestEnv, tree};

/// What a row has to become.
enum Want {
    /// An error that says one of these, and nothing stored.
    Error(&'static [&'static str]),
    /// These files and no others (beside `package.json`), with these contents.
    Files(&'static [(&'static str, &'static str)]),
    /// The same, and a warning that says one of these.
    Warns(&'static [(&'static str, &'static str)], &'static [&'static str]),
}

use Want::{Error, Files, Warns};

/// Installs every row and reports all that went wrong at once.
#[track_caller]
fn check(rows: Vec<(&str, Vec<u8>, Want)>) {
    let mut faults = Vec::new();
    for (row, bytes, want) in rows {
        if let Some(fault) = fault_of(bytes, &want) {
            faults.push(format!("## {row}\n{fault}"));
        }
    }
    assert!(faults.is_empty(), "{} rows are wrong\n{}", faults.len(), faults.join("\n"));
}

fn fault_of(bytes: Vec<u8>, want: &Want) -> Option<String> {
    let registry = Registry::new().raw_tarball("x", "1.0.0", bytes);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("x", "1.0.0")]);
    let said = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| env.install().either()));
    let Ok(said) = said else { return Some("it did not end in good order".to_owned()) };
    let strays = env.strays();
    if !strays.is_empty() {
        return Some(format!("it left {strays:?}\n{}", said.report()));
    }
    let speaks = |words: &[&str]| words.iter().any(|word| said.stderr.to_lowercase().contains(&word.to_lowercase()));
    let (files, words) = match want {
        Error(words) => {
            let right = !said.status.success() && said.stderr.contains("x@1.0.0") && speaks(words) && !env.has("node_modules/x");
            return (!right).then(|| format!("an error with one of {words:?} was wanted\n{}", said.report()));
        }
        Files(files) => (*files, None),
        Warns(files, words) => (*files, Some(*words)),
    };
    if !said.status.success() {
        return Some(said.report());
    }
    let mut found = tree::contents(&env.project().join("node_modules/.deka/x@1.0.0/node_modules/x"));
    found.remove("package.json");
    let found: Vec<(String, String)> =
        found.into_iter().map(|(path, bytes)| (path, String::from_utf8_lossy(&bytes).into_owned())).collect();
    let wanted: Vec<(String, String)> = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    if found != wanted {
        return Some(format!("wanted {wanted:?}, found {found:?}\n{}", said.report()));
    }
    words.filter(|words| !speaks(words)).map(|words| format!("a warning with one of {words:?} was wanted\n{}", said.report()))
}

const OUT: Want = Error(&["path", "..", "outside", "leave"]);
const ONE: Want = Files(&[("a.js", "one")]);

fn with(name: &str) -> Vec<u8> {
    Archive::new().file(name, "one").tgz()
}

#[test]
fn paths_that_lead_out_are_errors() {
    let pax = |name: &[u8]| Archive::new().entry(Entry::pax(&[("path", name)])).file("package/fine", "one").tgz();
    let gnu = |name: &str| Archive::new().entry(Entry::long_name(name)).file("package/fine", "one").tgz();
    check(vec![
        ("ustar name", with("package/../../../x"), OUT),
        ("ustar name, one level", with("package/.."), OUT),
        ("inside after cleaning", with("package/a/../b"), OUT),
        ("ustar prefix", Archive::new().entry(Entry::file("x", "one").prefix("package/../..")).tgz(), OUT),
        ("GNU long name", gnu("package/../../../x"), OUT),
        ("PAX path", pax(b"package/../../../x"), OUT),
        ("absolute", with("/tmp/x"), OUT),
        ("absolute by PAX", pax(b"/tmp/x"), OUT),
        ("two slashes", with("//x"), OUT),
        ("drive", with("C:\\x"), OUT),
        ("drive-relative", with("C:../x"), OUT),
        ("drive below the top", with("package/C:/x"), OUT),
        ("no top folder", with("../x"), OUT),
        ("a folder entry", Archive::new().entry(Entry::other(b'5', "package/../../x/")).tgz(), OUT),
        // Packed on Windows: a separator there, and no part of a name that Windows could not keep.
        ("backslashes", with("package/dir\\f.js"), Files(&[("dir/f.js", "one")])),
        ("backslashes and dots", with("package\\..\\..\\x"), Error(&["backslash", "path"])),
        ("NUL in PAX", pax(b"package/a\0b"), Error(&["nul", "path"])),
        ("5,000 bytes", gnu(&format!("package/{}", "a".repeat(5000))), Error(&["long", "path"])),
        ("1,100 levels", gnu(&format!("package/{}f", "d/".repeat(1100))), Error(&["deep", "path"])),
    ]);
}

#[test]
fn paths_that_are_only_odd_are_made_plain() {
    check(vec![
        ("dots and empty segments", with("package/./a.js"), ONE),
        ("two slashes inside", with("package//a.js"), ONE),
        ("another top folder", with("some folder/a.js"), ONE),
        ("dot before the top", Archive::empty().file("./package/a.js", "one").tgz(), Files(&[("package/a.js", "one")])),
        (
            "two tops",
            Archive::new().file("other/a.js", "one").file("package/b.js", "two").tgz(),
            Files(&[("a.js", "one"), ("b.js", "two")]),
        ),
        ("twice the same: the last", Archive::new().file("package/a.js", "old").file("package/a.js", "one").tgz(), ONE),
        ("twice by way of a dot", Archive::new().file("package/a.js", "old").file("package/./a.js", "one").tgz(), ONE),
        (
            "letters that differ in case",
            Archive::new().file("package/README", "big").file("package/readme", "small").tgz(),
            Files(&[("README", "big"), ("readme", "small")]),
        ),
        (
            "names that a Mac takes for one",
            Archive::new().file("package/caf\u{e9}", "nfc").file("package/cafe\u{301}", "nfd").tgz(),
            Files(&[("cafe\u{301}", "nfd"), ("caf\u{e9}", "nfc")]),
        ),
        ("names that Windows cannot have", with("package/con.txt"), Files(&[("con.txt", "one")])),
        (
            "digits only by PAX",
            Archive::new().entry(Entry::pax(&[("path", b"package/123")])).file("package/f", "one").tgz(),
            Files(&[("123", "one")]),
        ),
        ("the top folder itself", Archive::new().entry(Entry::other(b'5', "package/")).file("package/a.js", "one").tgz(), ONE),
        ("a file that is only a dot", Archive::new().file("package/.", "x").file("package/a.js", "one").tgz(), ONE),
        ("a file without a name", Archive::new().file("package/", "x").file("package/a.js", "one").tgz(), ONE),
        ("ustar prefix", Archive::new().entry(Entry::file("a.js", "one").prefix("package/deep")).tgz(), Files(&[("deep/a.js", "one")])),
        (
            "GNU long name",
            Archive::new().entry(Entry::long_name("package/long/a.js")).file("x", "one").tgz(),
            Files(&[("long/a.js", "one")]),
        ),
    ]);
}

#[test]
fn names_that_are_no_text_are_kept_to_the_byte_or_refused() {
    let registry =
        Registry::new().raw_tarball("x", "1.0.0", Archive::new().file(b"package/\xff", "one").file(b"package/\xfe", "two").tgz());
    let env = TestEnv::with(&registry);
    env.depends_on(&[("x", "1.0.0")]);
    let said = env.install().either();
    if said.status.success() {
        let found = std::fs::read_dir(env.project().join("node_modules/x")).unwrap().count();
        assert_eq!(found, 3, "two names became one\n{}", said.report());
    } else {
        assert!(said.stderr.contains("x@1.0.0") && !env.has("node_modules/x"), "{}", said.report());
    }
}

#[test]
fn a_file_cannot_be_a_folder_too() {
    let clash = Error(&["a", "folder", "file"]);
    check(vec![
        ("file first", Archive::new().file("package/a", "1").file("package/a/b", "2").tgz(), clash),
        ("file last", Archive::new().file("package/a/b", "2").file("package/a", "1").tgz(), Error(&["a", "folder", "file"])),
        ("deep", Archive::new().file("package/a/b", "1").file("package/a-b", "1").file("package/a/b/c/d", "2").tgz(), Error(&["a/b"])),
    ]);
}

#[test]
fn links_and_devices_are_never_made() {
    let skipped: &[&str] = &["skip", "left out", "ignored", "link", "device"];
    let after = |entry: Entry| Archive::new().entry(entry).file("package/a.js", "one").tgz();
    let warns = || Warns(&[("a.js", "one")], skipped);
    check(vec![
        ("symlink out", after(Entry::symlink("package/l", "/etc/passwd")), warns()),
        ("symlink up", after(Entry::symlink("package/l", "../../../../victim")), warns()),
        ("symlink inside", after(Entry::symlink("package/l", "a.js")), warns()),
        ("symlink as the top folder", after(Entry::symlink("package", "/tmp")), warns()),
        (
            "a file through a symlink",
            Archive::new().entry(Entry::symlink("package/l", "/tmp")).file("package/l/a.js", "one").tgz(),
            Warns(&[("l/a.js", "one")], skipped),
        ),
        ("hard link out", after(Entry::hardlink("package/l", "/etc/passwd")), warns()),
        ("hard link up", after(Entry::hardlink("package/l", "../../../x")), warns()),
        ("hard link inside", Archive::new().file("package/a.js", "one").entry(Entry::hardlink("package/l", "package/a.js")).tgz(), warns()),
        ("character device", after(Entry::other(b'3', "package/null")), warns()),
        ("block device", after(Entry::other(b'4', "package/sda")), warns()),
        ("pipe", after(Entry::other(b'6', "package/pipe")), warns()),
        ("contiguous file", Archive::new().entry(Entry::file("package/a.js", "one").kind(b'7')).tgz(), ONE),
        ("regular file of old", Archive::new().entry(Entry::file("package/a.js", "one").kind(0)).tgz(), ONE),
        ("GNU sparse", after(Entry::file("package/s", "xx").kind(b'S')), Error(&["sparse", "entry", "type"])),
        (
            "manifest as a link",
            Archive::empty().entry(Entry::symlink("package/package.json", "/etc/passwd")).file("package/a.js", "one").tgz(),
            warns(),
        ),
    ]);
}

#[test]
fn modes_are_only_executable_or_not() {
    let entry = |name: &str, mode: u32| Entry::file(name, "#!/bin/sh\n").mode(mode);
    let bytes = Archive::new()
        .entry(entry("package/setuid", 0o4755))
        .entry(entry("package/setgid", 0o2755))
        .entry(entry("package/open", 0o777))
        .entry(entry("package/plain", 0o666))
        .entry(entry("package/none", 0))
        .entry(entry("package/group", 0o010))
        .entry(Entry::other(b'5', "package/dir/").mode(0))
        .entry(entry("package/dir/inside", 0o600))
        .tgz();
    let env = TestEnv::with(&Registry::new().raw_tarball("x", "1.0.0", bytes));
    env.depends_on(&[("x", "1.0.0")]);
    env.install().success();
    for (name, executable) in
        [("setuid", true), ("setgid", true), ("open", true), ("plain", false), ("none", false), ("group", true), ("dir/inside", false)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(env.project().join("node_modules/x").join(name)).unwrap().permissions().mode() & 0o7777;
        // The bytes are all the same, so one mode must not bleed into the other through the store.
        assert_eq!((mode & 0o111 != 0, mode & 0o7022), (executable, 0), "{name}: {mode:o}");
        assert!(mode & 0o400 != 0, "{name}: {mode:o}");
    }
}

#[test]
fn sizes_are_read_as_npm_reads_them() {
    let size = |text: &str| Entry::pax(&[("size", text.as_bytes())]);
    let mut negative = [0xff; 12];
    negative[11] = 0x00;
    let mut huge = [0xff; 12];
    huge[0] = 0x80;
    let block = vec![b'n'; 512];
    check(vec![
        ("PAX says more than ustar", Archive::new().entry(size("3")).entry(Entry::file("package/a.js", "one").claims_size(0)).tgz(), ONE),
        (
            "PAX says nothing is there",
            Archive::new().entry(size("0")).entry(Entry::file("package/a.js", "").claims_size(512)).file("package/b.js", "two").tgz(),
            Files(&[("a.js", ""), ("b.js", "two")]),
        ),
        (
            "PAX size before a long name is for the file",
            Archive::new().entry(size("3")).entry(Entry::long_name("package/a.js")).entry(Entry::file("x", "one").claims_size(0)).tgz(),
            ONE,
        ),
        (
            "a comment for all",
            Archive::empty().entry(Entry::pax_global(&[("comment", b"0123456789abcdef")])).file("package/a.js", "one").tgz(),
            ONE,
        ),
        (
            "a path for all",
            Archive::new().entry(Entry::pax_global(&[("path", b"package/x")])).file("package/a.js", "one").tgz(),
            Error(&["global"]),
        ),
        (
            "a size for all",
            Archive::new().entry(Entry::pax_global(&[("size", b"9")])).file("package/a.js", "one").tgz(),
            Error(&["global"]),
        ),
        (
            "negative",
            Archive::new().entry(Entry::file("package/a.js", "").size_field(negative)).tgz(),
            Error(&["size", "header", "archive"]),
        ),
        ("too large", Archive::new().entry(Entry::file("package/a.js", "").size_field(huge)).tgz(), Error(&["size", "header", "archive"])),
        (
            "more than there is",
            Archive::new().entry(Entry::file("package/a.js", "one").claims_size(9999)).tgz(),
            Error(&["ends", "short", "truncated", "archive"]),
        ),
        (
            "no number",
            Archive::new().entry(Entry::file("package/a.js", "one").size_field(*b"zzzzzzzzzzz\0")).tgz(),
            Error(&["size", "header", "archive"]),
        ),
        (
            "PAX without a number",
            Archive::new().entry(size("x")).file("package/a.js", "one").tgz(),
            Error(&["size", "header", "archive", "pax"]),
        ),
        (
            "wrong checksum",
            Archive::new().entry(Entry::file("package/a.js", "one").wrong_checksum()).tgz(),
            Error(&["checksum", "header", "archive"]),
        ),
        ("a block of letters", Archive::new().bytes(&block).tgz(), Error(&["checksum", "header", "archive"])),
        ("no end", Archive::new().file("package/a.js", "one").without_end().tgz(), ONE),
        (
            "more after the end",
            gzip(&[Archive::new().file("package/a.js", "one").tar(), Archive::empty().file("package/b.js", "two").tar()].concat()),
            ONE,
        ),
        (
            "a header cut in half",
            gzip(&Archive::new().file("package/a.js", "one").tar()[..1300]),
            Error(&["ends", "short", "truncated", "archive", "header"]),
        ),
    ]);
}

#[test]
fn headers_inside_of_a_file_are_its_content() {
    let hidden = Archive::empty().file("package/hidden.js", "smuggled").without_end().tar();
    let bytes = Archive::new()
        .entry(Entry::pax(&[("size", hidden.len().to_string().as_bytes())]))
        .entry(Entry::file("package/a.bin", &hidden).claims_size(0))
        .entry(Entry::file("package/b.js", "two"))
        .tgz();
    let registry = Registry::new().raw_tarball("x", "1.0.0", bytes);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("x", "1.0.0")]);
    env.install().success();
    let found = tree::contents(&env.project().join("node_modules/.deka/x@1.0.0/node_modules/x"));
    assert_eq!(found.keys().collect::<Vec<_>>(), ["a.bin", "b.js", "package.json"]);
    assert_eq!(found["a.bin"], hidden);
}

#[test]
fn compression_is_checked_to_its_last_byte() {
    let archive = Archive::new().file("package/a.js", "one");
    let good = archive.tgz();
    let changed = |from_end: usize| {
        let mut bytes = good.clone();
        let at = bytes.len() - from_end;
        bytes[at] ^= 0x01;
        bytes
    };
    let spoilt: &[&str] = &["gzip", "compress", "archive", "crc", "corrupt", "damaged"];
    check(vec![
        ("wrong CRC", changed(6), Error(spoilt)),
        ("wrong length", changed(2), Error(spoilt)),
        ("letters behind it", [&good[..], b"trailing"].concat(), Error(spoilt)),
        ("zeros behind it", [&good[..], &[0; 512][..]].concat(), ONE),
        ("cut", good[..good.len() / 2].to_vec(), Error(spoilt)),
        ("only the magic number", good[..3].to_vec(), Error(spoilt)),
        ("two members, cut between entries", archive.tgz_in_two(1024), ONE),
        ("two members, cut inside of a header", archive.tgz_in_two(1100), ONE),
        ("a member of nothing", [gzip(b""), good.clone()].concat(), ONE),
        ("the second member is wrong", [&gzip(&archive.tar()[..1024])[..], &changed(6)[..]].concat(), Error(spoilt)),
        ("not compressed", archive.tar(), ONE),
        ("nothing", Vec::new(), Error(&["empty", "archive", "gzip"])),
        ("letters", b"this is no archive at all, and it is longer than a block would be".repeat(20), Error(&["archive", "gzip", "header"])),
        ("gzip of nothing", gzip(b""), Error(&["empty", "archive", "nothing", "no files", "manifest"])),
    ]);
}

#[test]
fn bombs_are_stopped() {
    // 300 MB of zeros in 300 KB, and a million entries of nothing.
    let mut ratio = gzip_tight(&Archive::new().entry(Entry::file("package/zeros", vec![0; 300 << 20])).tar());
    let mut entries = Archive::new();
    let entry = Archive::empty().file("package/f", "").without_end().tar();
    entries = entries.bytes(&entry.repeat(1_000_000));
    let many = entries.tgz();
    drop(entries);
    let bomb: &[&str] = &["bomb", "ratio", "large", "limit", "too many", "more than"];
    check(vec![("ratio", std::mem::take(&mut ratio), Error(bomb)), ("entries", many, Error(bomb))]);
}

#[test]
fn manifests_inside_of_tarballs_may_be_anything() {
    let manifest = |text: &[u8]| Archive::empty().file("package/package.json", text).file("package/a.js", "one").tgz();
    check(vec![
        ("none", Archive::empty().file("package/a.js", "one").tgz(), Warns(&[("a.js", "one")], &["package.json"])),
        ("no JSON", manifest(b"{ not json"), Warns(&[("a.js", "one")], &["package.json"])),
        ("BOM", manifest(b"\xef\xbb\xbf{\"name\":\"x\",\"version\":\"1.0.0\"}"), ONE),
        ("another identity", manifest(b"{\"name\":\"y\",\"version\":\"9.9.9\"}"), Warns(&[("a.js", "one")], &["y", "9.9.9"])),
        ("an array", manifest(b"[]"), Warns(&[("a.js", "one")], &["package.json"])),
        (
            "wrong types everywhere",
            manifest(br#"{"name":1,"version":[],"bin":7,"scripts":"x","engines":["node"],"os":3,"cpu":{},"directories":1,"bundleDependencies":"x"}"#),
            ONE,
        ),
        ("deep", manifest(&[b"{\"x\":".repeat(50_000), b"1".to_vec(), b"}".repeat(50_000)].concat()), ONE),
        ("as a folder", Archive::empty().file("package/package.json/a.js", "one").tgz(), Warns(&[("package.json/a.js", "one")], &["package.json"])),
        ("undeclared packages inside", with("package/node_modules/y/index.js"), Files(&[("node_modules/y/index.js", "one")])),
    ]);
}
