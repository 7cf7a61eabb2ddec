use super::{Document, List};
use std::path::Path;

fn edited(text: &str, edit: impl FnOnce(&Document)) -> String {
    let document = Document::parse(text.as_bytes(), Path::new("package.json")).expect("a manifest");
    assert_eq!(document.text(), text, "nothing changes by itself");
    edit(&document);
    document.text()
}

#[test]
fn what_is_added_takes_its_place_among_what_is_sorted() {
    let text = "{\n  \"name\": \"x\",\n  \"dependencies\": {\n    \"a\": \"1\",\n    \"c\": \"1\"\n  },\n  \"license\": \"MIT\"\n}\n";
    for (alias, want) in [
        ("b", "\"a\": \"1\",\n    \"b\": \"^2\",\n    \"c\": \"1\""),
        ("d", "\"a\": \"1\",\n    \"c\": \"1\",\n    \"d\": \"^2\""),
        ("@s/a", "\"@s/a\": \"^2\",\n    \"a\": \"1\",\n    \"c\": \"1\""),
        ("c", "\"a\": \"1\",\n    \"c\": \"^2\""),
    ] {
        let want = text.replace("\"a\": \"1\",\n    \"c\": \"1\"", want);
        assert_eq!(edited(text, |document| document.set(List::Prod, alias, "^2")), want);
    }
}

#[test]
fn an_order_of_ones_own_is_kept() {
    let text = "{\n\t\"dependencies\": {\n\t\t\"z\": \"1\",\n\t\t\"a\": \"1\"\n\t}\n}";
    let want = "{\n\t\"dependencies\": {\n\t\t\"z\": \"1\",\n\t\t\"a\": \"1\",\n\t\t\"m\": \"2\"\n\t}\n}";
    assert_eq!(edited(text, |document| document.set(List::Prod, "m", "2")), want);
}

#[test]
fn formatting_stays_as_it_is() {
    for (text, want) in [
        ("{}", "{\n  \"devDependencies\": {\n    \"a\": \"1\"\n  }\n}"),
        ("{}\n", "{\n  \"devDependencies\": {\n    \"a\": \"1\"\n  }\n}\n"),
        (
            "\u{feff}{\r\n    \"name\": \"x\"\r\n}\r\n",
            "\u{feff}{\r\n    \"name\": \"x\",\r\n    \"devDependencies\": {\r\n        \"a\": \"1\"\r\n    }\r\n}\r\n",
        ),
        ("{\"name\":\"x\",\"devDependencies\":{\"b\":\"1\"}}\n", "{\"name\":\"x\",\"devDependencies\":{\"a\":\"1\",\"b\":\"1\"}}\n"),
        ("{ \"devDependencies\": {} }", "{ \"devDependencies\": {\n    \"a\": \"1\"\n  } }"),
        ("{\n  \"devDependencies\": {},\n  \"x\": [1,2]\n}\n", "{\n  \"devDependencies\": {\n    \"a\": \"1\"\n  },\n  \"x\": [1,2]\n}\n"),
    ] {
        let found = edited(text, |document| document.set(List::Dev, "a", "1"));
        serde_json::from_str::<serde_json::Value>(found.trim_start_matches('\u{feff}')).expect("valid JSON");
        assert_eq!(found, want);
    }
}

#[test]
fn a_list_that_nothing_is_left_in_goes() {
    let text = "{\n  \"dependencies\": {\n    \"a\": \"1\",\n    \"b\": \"1\"\n  },\n  \"devDependencies\": {\n    \"a\": \"1\"\n  }\n}\n";
    let found = edited(text, |document| {
        assert!(document.remove(List::Prod, "b") && document.remove(List::Dev, "a") && !document.remove(List::Optional, "a"));
    });
    assert_eq!(found, "{\n  \"dependencies\": {\n    \"a\": \"1\"\n  }\n}\n");
    let text = "{\n  \"dependenciesMeta\": {\n    \"a\": {\n      \"injected\": true\n    }\n  }\n}\n";
    assert_eq!(edited(text, |document| document.remove_meta("a")), "{}\n");
}

#[test]
fn of_a_key_that_stands_twice_one_is_left() {
    let text = "{\"dependencies\": {\"a\": \"1\", \"b\": \"1\", \"a\": \"2\"}}";
    let document = Document::parse(text.as_bytes(), Path::new("package.json")).expect("a manifest");
    assert_eq!(document.get(List::Prod, "a").as_deref(), Some("2"));
    document.set(List::Prod, "a", "3");
    assert_eq!(document.text(), "{\"dependencies\": { \"b\": \"1\", \"a\": \"3\"}}");
    assert!(document.remove(List::Prod, "a"));
    assert_eq!(document.text(), "{\"dependencies\": { \"b\": \"1\"}}");
}

#[test]
fn escapes_are_understood_and_made() {
    let found = edited(r#"{"dependencies":{"\u0061":"1"}}"#, |document| document.set(List::Prod, "a", "file:x\\\"y"));
    assert_eq!(found, r#"{"dependencies":{"\u0061":"file:x\\\"y"}}"#);
}

#[test]
fn only_strict_json_is_edited() {
    for text in ["{// no\n}", "{'a': 1}", "{\"a\": 1,}", "[]", "", "{a: 1}"] {
        let parsed = Document::parse(text.as_bytes(), Path::new("package.json"));
        let error = parsed.err().unwrap_or_else(|| panic!("{text} is no JSON")).to_string();
        assert!(error.starts_with("package.json: the file cannot be edited: "), "{error}");
    }
}

mod properties {
    use super::super::{Document, List};
    use proptest::prelude::*;
    use serde_json::{Map, Value};
    use std::path::Path;

    fn parse(text: &str) -> Value {
        serde_json::from_str(text).expect("valid JSON")
    }

    proptest! {
        /// Whatever the formatting, an edit changes the value as it would change the plain object, and nothing else.
        #[test]
        fn edits_mean_what_they_mean_for_the_value(
            aliases in proptest::collection::btree_set("[a-e]", 0..5),
            steps in proptest::collection::vec(("[a-f]", proptest::option::of("[0-9]")), 1..6),
            pretty in any::<bool>(),
        ) {
            let list: Map<String, Value> = aliases.iter().map(|alias| (alias.clone(), "1".into())).collect();
            let mut value = serde_json::json!({ "name": "x", "dependencies": list, "files": ["a"] });
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.expect("text");
            let document = Document::parse(text.as_bytes(), Path::new("package.json")).expect("a manifest");
            for (alias, specifier) in steps {
                let fields = value.as_object_mut().expect("an object");
                let list = fields.entry("dependencies").or_insert_with(|| Value::Object(Map::new())).as_object_mut().expect("a list");
                match &specifier {
                    Some(specifier) => {
                        document.set(List::Prod, &alias, specifier);
                        list.insert(alias, specifier.clone().into());
                    }
                    None => {
                        let was_there = list.remove(&alias).is_some();
                        prop_assert_eq!(document.remove(List::Prod, &alias), was_there);
                    }
                }
                if list.is_empty() && specifier.is_none() {
                    fields.remove("dependencies");
                }
                let mut found = parse(&document.text());
                if let Some(found) = found.as_object_mut().filter(|_| !value.as_object().expect("an object").contains_key("dependencies")) {
                    // An empty list that was there before stays until something is taken out of it.
                    found.retain(|key, value| key != "dependencies" || value.as_object().is_some_and(|list| !list.is_empty()));
                }
                prop_assert_eq!(&found, &value);
            }
        }
    }
}
