use super::{Entry, Unset, Value, expand, parse, refers_to_variable};
use proptest::prelude::*;

fn shown(text: &str) -> Vec<String> {
    parse(text.as_bytes())
        .into_iter()
        .map(|Entry { key, value, line }| match value {
            Value::One(value) => format!("{line}: {key} = {value}"),
            Value::Many(values) => format!("{line}: {key} = [{}]", values.join(", ")),
        })
        .collect()
}

#[test]
fn reads_what_npm_reads() {
    for (text, want) in [
        ("a=1", &["1: a = 1"][..]),
        ("\u{feff}a = 1 ", &["1: a = 1"]),
        ("; a=1\n# b=2\n\n c = 3", &["4: c = 3"]),
        ("a=1\r\nb=2\r\n", &["1: a = 1", "2: b = 2"]),
        ("a=1 ; note\nb=2 # note", &["1: a = 1", "2: b = 2"]),
        ("a=1\\;2\\#3\\\\4\\n", &["1: a = 1;2#3\\4\\n"]),
        ("a=\"x;y # z\"\nb='x;y'", &["1: a = x;y # z", "2: b = x;y"]),
        ("a=\"line\\nbreak\"", &["1: a = line\nbreak"]),
        ("a=\"not closed", &["1: a = \"not closed"]),
        (
            "a=\"bad \\q\"\nb='\"x\"'\nc=\"\nd=''\n\"e f\"=it''s",
            &["1: a = \"bad \\q\"", "2: b = x", "3: c = \"", "4: d = ", "5: e f = it''s"],
        ),
        ("a\\;b=1\nc=1\\\n[s\n[]=x", &["1: a;b = 1", "2: c = 1\\", "3: [s = true", "4: [] = x"]),
        ("flag", &["1: flag = true"]),
        ("a=", &["1: a = "]),
        ("a=b=c==", &["1: a = b=c=="]),
        ("a=1\na=2", &["2: a = 2"]),
        ("p[]=*a*\np[] = *b*", &["2: p = [*a*, *b*]"]),
        ("p=*a*\np[]=*b*", &["2: p = [*a*, *b*]"]),
        ("p[]=a\np=b", &["2: p = [a, b]"]),
        ("[section]\na=1", &[]),
        ("=x", &[]),
        ("//h.test/:_authToken=t==\n@s:registry=http://h.test/", &["1: //h.test/:_authToken = t==", "2: @s:registry = http://h.test/"]),
    ] {
        assert_eq!(shown(text), want, "{text:?}");
    }
}

#[test]
fn replaces_variables() {
    let lookup = |name: &str| match name {
        "A" => Some("one".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    for (text, want) in [
        ("${A}", Ok("one")),
        ("x${A}y${A}", Ok("xoneyone")),
        ("\\${A}", Ok("\\${A}")),
        ("$A $ { } ${}", Ok("$A $ { } ${}")),
        ("${B?}", Ok("")),
        ("${B-two}", Ok("two")),
        ("${B:-two-three}", Ok("two-three")),
        ("${EMPTY-two}", Ok("")),
        ("${EMPTY:-two}", Ok("two")),
        ("${A:-two}", Ok("one")),
        ("${B}", Err("B")),
        ("${A", Ok("${A")),
        ("${${A}}", Ok("${one}")),
    ] {
        assert_eq!(expand(text, lookup), want.map(str::to_owned).map_err(|name| Unset(name.to_owned())), "{text:?}");
    }
    assert!(refers_to_variable("a/${B}/c"));
    assert!(!refers_to_variable("\\${B} $B ${}"));
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for entry in parse(&bytes) {
            prop_assert!(!entry.key.is_empty());
        }
    }

    #[test]
    fn signs_in_any_order_are_read_without_a_panic(text in "[\\[\\]=;#\"'\\\\${}a:?\r\n -]{0,60}") {
        parse(text.as_bytes());
        let _ = expand(&text, |name| (name.len() == 1).then(|| "v".to_owned()));
    }

    #[test]
    fn keys_and_values_survive(settings in prop::collection::btree_map("[a-z@/:._-]{1,20}", "[^\\p{C}]{0,30}", 0..8)) {
        let text: String = settings.iter().map(|(key, value)| format!("{key} = {}\n", serde_json::json!(value))).collect();
        let read: Vec<(String, Value)> = parse(text.as_bytes()).into_iter().map(|entry| (entry.key, entry.value)).collect();
        let want: Vec<(String, Value)> = settings.into_iter().map(|(key, value)| (key, Value::One(value))).collect();
        prop_assert_eq!(read, want);
    }
}
