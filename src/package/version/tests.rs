use super::Version;

#[test]
fn order_is_node_semvers() {
    let ascending = [
        "0.0.0-0",
        "0.0.0",
        "1.0.0-0",
        "1.0.0-1",
        "1.0.0-10",
        "1.0.0-a",
        "1.0.0-a.1",
        "1.0.0-a.b",
        "1.0.0-b",
        "1.0.0",
        "1.0.1",
        "1.2.0",
        "1.10.0",
        "2.0.0",
    ];
    for pair in ascending.windows(2) {
        let read = |text: &str| Version::parse(text).expect("a version");
        assert!(read(pair[0]) < read(pair[1]), "{} < {}", pair[0], pair[1]);
    }
}

#[test]
fn strict_and_loose_differ_as_in_node_semver() {
    for (text, strict, loose) in [
        ("1.2.3", Some("1.2.3"), Some("1.2.3")),
        (" v1.2.3-beta.1+build.5 ", Some("1.2.3-beta.1"), Some("1.2.3-beta.1")),
        ("=1.2.3", None, Some("1.2.3")),
        ("1.2.3beta", None, Some("1.2.3-beta")),
        ("01.2.3", None, Some("1.2.3")),
        ("1.2", None, None),
        ("1.2.3-", None, Some("1.2.3--")),
        ("1.2.3--", Some("1.2.3--"), Some("1.2.3--")),
        ("1.2.3-01", None, Some("1.2.3-1")),
        ("1.2.3-0a", Some("1.2.3-0a"), Some("1.2.3-0a")),
        ("V1.2.3", None, None),
        ("v=1.2.3", None, Some("1.2.3")),
        (" = v 1.2.3", None, Some("1.2.3")),
        ("1.2.3+a.b-c", Some("1.2.3"), Some("1.2.3")),
        ("1.2.3-9007199254740990", Some("1.2.3-9007199254740990"), Some("1.2.3-9007199254740990")),
        ("1.2.3-a..b", None, None),
        ("1.2.3+", None, None),
        ("9007199254740992.0.0", None, None),
        ("hello", None, None),
    ] {
        assert_eq!(Version::parse(text).map(|version| version.to_string()).as_deref(), strict, "strict {text:?}");
        assert_eq!(Version::parse_loose(text).map(|version| version.to_string()).as_deref(), loose, "loose {text:?}");
    }
}

#[test]
fn the_shown_part_is_what_is_shown() {
    for text in ["1.2.3", "v1.2.3", " 1.2.3 ", "1.2.3-a.0.-+b.c", "1.2.3+01", "0.0.0-9007199254740993.x", "9007199254740991.0.0"] {
        let version = Version::parse(text).expect("a version");
        assert_eq!(Version::shown_part(text), version.to_string());
        assert_eq!(Version::is_shown_as(text), version.to_string() == text, "{text}");
    }
    assert!(!Version::is_shown_as("1.2") && !Version::is_shown_as("01.2.3"));
}
