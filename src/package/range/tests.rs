use super::Range;
use super::Version;

fn contains(range: &str, version: &str) -> bool {
    Range::parse(range).unwrap_or_else(|| panic!("{range:?} is a range")).contains(&Version::parse(version).expect("a version"))
}

#[test]
fn caret_and_tilde() {
    for (range, inside, outside) in [
        ("^1.2.3", "1.9.0", "2.0.0"),
        ("^0.2.3", "0.2.9", "0.3.0"),
        ("^0.0.3", "0.0.3", "0.0.4"),
        ("~1.2", "1.2.9", "1.3.0"),
        ("~1", "1.9.9", "2.0.0"),
        ("^1.2.3-beta.2", "1.2.3-beta.4", "1.2.4-beta.2"),
        ("1.2 - 2.3", "2.3.9", "2.4.0"),
        (">1.2", "1.3.0", "1.2.9"),
        ("<=1.2", "1.2.9", "1.3.0"),
        ("1.x || >=2.5.0 <3", "2.5.1", "2.4.9"),
        ("*", "1.0.0", "1.0.0-beta"),
    ] {
        assert!(contains(range, inside), "{range} holds {inside}");
        assert!(!contains(range, outside), "{range} does not hold {outside}");
    }
}

#[test]
fn ranges_intersect() {
    for (left, right, want) in [
        ("^1", "^1.5.0", true),
        ("^1", "^2", false),
        ("1.2.3", "^1", true),
        ("<2", ">=2", false),
        ("<=2.0.0", ">=2.0.0", true),
        ("<2.0.0", "2.0.0", false),
        ("*", "1", true),
        ("1 || 3", "2 || 3.1", true),
        ("<*", "*", false),
    ] {
        let read = |text: &str| Range::parse(text).expect("a range");
        assert_eq!(read(left).intersects(&read(right)), want, "{left} and {right}");
        assert_eq!(read(right).intersects(&read(left)), want, "{right} and {left}");
    }
}
