//! `store-format.md` tells the truth.

use super::*;
use crate::store::{NewEntry, ObjectId, Tree};

const DOCUMENT: &str = include_str!("../../../store-format.md");

/// Returns the text of the first code block of a kind.
fn block(kind: &str) -> &'static str {
    let (_, rest) = DOCUMENT.split_once(&format!("```{kind}\n")).expect("the document has it");
    rest.split_once("```").expect("it ends").0
}

fn example() -> Tree {
    let entry = |name: &str, executable, content: &str| NewEntry {
        path: path(name),
        object: ObjectId::of(content.as_bytes()),
        executable,
        size_bytes: content.len() as u64,
    };
    let entries = vec![entry("index.js", false, "module.exports = 1;\n"), entry("bin/run", true, "#!/usr/bin/env node\n")];
    Tree::new(entries).expect("no clash")
}

#[test]
fn the_example_of_a_tree_is_its_encoding() {
    let bytes: Vec<u8> = block("hex").split_whitespace().map(|digits| u8::from_str_radix(digits, 16).expect("two digits")).collect();
    assert_eq!(Tree::decode(bytes.clone()), Some(example()));
    assert_eq!(bytes, example().encoding());
    assert_eq!(block("id").trim(), example().id().to_string());
}

#[test]
fn a_store_has_the_folders_that_are_listed() {
    let place = Place::new();
    let store = place.store();
    add_example(&store);
    let listed = block("text");
    for entry in std::fs::read_dir(place.store_path()).expect("the store") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(listed.contains(&name), "{name} is not in the document");
    }
    let object = ObjectId::of(b"#!/usr/bin/env node\n").to_string();
    assert!(listed.contains(&format!("{}/{}…-x", &object[..2], &object[2..10])));
    assert!(object_path(&store, &add_example(&store), "bin/run").ends_with(format!("{}/{}-x", &object[..2], &object[2..])));
}

#[test]
fn a_record_starts_with_the_magic_that_is_given() {
    let place = Place::new();
    add_example(&place.store());
    let file = std::fs::read_dir(place.store_path().join("packages")).expect("records").next().expect("one").expect("an entry").path();
    let bytes = std::fs::read(&file).expect("records");
    let magic: Vec<String> = bytes[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(DOCUMENT.contains(&magic.join(" ")));
    assert!(file.ends_with(blake3::hash(&bytes).to_hex().as_str()));
    let length = u32::from_le_bytes(*bytes[8..].first_chunk().expect("four bytes")) as usize;
    assert_eq!(bytes.len(), 28 + length);
    assert_eq!(bytes[12..28], blake3::hash(&bytes[28..]).as_bytes()[..16]);
}
