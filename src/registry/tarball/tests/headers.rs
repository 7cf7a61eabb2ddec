//! Headers that tell of the next entry, in orders and forms that readers differ about.

use super::build::{END, Head, file, long_name, pax, pax_record};
use super::{TarballError, fault, paths};

fn named(name: &str) -> Vec<u8> {
    pax(&pax_record("path", name.as_bytes()))
}

#[test]
fn an_entry_has_one_name_from_before_it() {
    let (gnu, other) = (long_name(b"package/gnu"), long_name(b"package/other"));
    for announced in [vec![gnu.clone(), named("package/pax")], vec![named("package/pax"), gnu.clone()]] {
        assert!(matches!(fault(&[announced.concat(), file("package/a", b"a")]), TarballError::Unsupported { .. }));
    }
    for twice in [[gnu, other], [named("package/x"), named("package/y")]] {
        assert!(matches!(fault(&[twice.concat(), file("package/a", b"a")]), TarballError::Archive { .. }));
    }
}

#[test]
fn a_name_is_for_the_next_entry_only_and_passes_by_a_header_for_all() {
    let comment = Head { kind: b'g', ..Head::new("pax_global_header") }.with(&pax_record("comment", b"abc"));
    for announced in [named("package/long"), long_name(b"package/long")] {
        let archive = [announced, comment.clone(), file("package/a", b"a"), file("package/b", b"b"), END.to_vec()];
        assert_eq!(paths(&archive), Ok(vec!["b".to_owned(), "long".to_owned()]));
    }
}

#[test]
fn what_is_announced_has_to_come() {
    for announced in [named("package/long"), long_name(b"package/long"), Head { kind: b'K', ..Head::new("x") }.gnu().with(b"y\0")] {
        for end in [Vec::new(), END.to_vec()] {
            assert!(matches!(fault(&[file("package/a", b"a"), announced.clone(), end]), TarballError::Archive { .. }));
        }
    }
}

#[test]
fn the_form_of_old_knows_no_announcements() {
    for kind in [b'L', b'K', b'x'] {
        let old = Head { kind, magic: &[0; 8], ..Head::new("package/old") }.with(b"9 path=a\n");
        assert!(matches!(fault(&[old, file("package/a", b"a")]), TarballError::Unsupported { .. }), "{kind}");
    }
    let prefixed = Head { magic: &[0; 8], prefix: "package/deep", ..Head::new("package/a") }.with(b"a");
    assert_eq!(paths(&[prefixed]), Ok(vec!["a".to_owned()]));
}

#[test]
fn a_header_is_whole() {
    let mut cut = [file("package/a", b"a"), file("package/b", b"b")].concat();
    cut.truncate(1024 + 511);
    assert!(matches!(fault(&[cut]), TarballError::Archive { .. }));
    let mut announced = [file("package/a", b"a"), named(&format!("package/{}", "n".repeat(600)))].concat();
    announced.truncate(1024 + 512 + 600);
    assert!(matches!(fault(&[announced]), TarballError::Archive { .. }));
}

#[test]
fn numbers_are_octal_with_spaces_around_them() {
    let sized = |field: &[u8; 12]| Head { raw_size: Some(*field), ..Head::new("package/a") }.with(b"12345678");
    for field in [b"00000000010\0", b"         10\0", b"10 \0zzzzzzzz", b"         10 "] {
        assert_eq!(paths(&[sized(field), END.to_vec()]), Ok(vec!["a".to_owned()]), "{}", field.escape_ascii());
    }
    assert_eq!(paths(&[sized(b"\x80\0\0\0\0\0\0\0\0\0\0\x08"), END.to_vec()]), Ok(vec!["a".to_owned()]));
    for field in [&[0; 12], b"           \0", b"00000000008\0", b"-0000000010\0", b"+0000000010\0", b"0x000000010\0"] {
        assert!(matches!(fault(&[sized(field), END.to_vec()]), TarballError::Unsupported { .. }), "{}", field.escape_ascii());
    }
}
