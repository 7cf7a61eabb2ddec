//! Names of slots: the folders below `node_modules/.deka`.
//!
//! A slot is named after the instance that lives in it, by the rules that pnpm has for `node_modules/.pnpm`, so that
//! people and tools who know those names feel at home: `/` becomes `+`, parentheses become `_`, and what is too long or
//! could be taken for another name where case does not count ends in a hash. The hash is 128 bits of BLAKE3: nobody
//! can make two instances that share a slot.

use std::fmt::Write;

/// The longest name, in bytes. File systems allow 255; tools that pack `node_modules` elsewhere allow less.
const LENGTH_MAX: usize = 120;
/// Digits of the hash at the end of a shortened name.
const HASH_DIGITS: usize = 32;

/// Returns the name of the slot for an instance's path: `react-dom@19.1.0_react@19.1.0`. The result is one segment of a
/// path, never starts with a dot, and always holds an `@` or a hash, so it is never `node_modules` or a file that deka
/// keeps beside the slots.
pub fn slot_name(instance: &str) -> String {
    let name = readable(instance);
    let has_version = name.get(1..).is_some_and(|rest| rest.contains('@'));
    let safe_case = !name.bytes().any(|byte| byte.is_ascii_uppercase());
    if name.len() <= LENGTH_MAX && safe_case && has_version { name } else { hashed(&name, instance) }
}

/// Returns the name for an instance whose plain name another instance has already: `x@file:a/b` and `x@file:a+b`.
pub fn unshared_slot_name(instance: &str) -> String {
    hashed(&readable(instance), instance)
}

/// Returns the name of a slot in the store: what it holds for people, and the key that names it.
pub fn keyed_slot_name(package: &str, version: &str, key: &blake3::Hash) -> String {
    with_hash(&readable(&format!("{package}@{version}")), key)
}

/// Replaces what may not stand in a file name. Every replacement is a single byte, so the result can be cut anywhere.
fn readable(instance: &str) -> String {
    let whole = instance.strip_suffix(')').unwrap_or(instance);
    let mut name = String::with_capacity(whole.len());
    let mut letters = whole.chars().peekable();
    while let Some(letter) = letters.next() {
        name.push(match letter {
            ')' if letters.peek() == Some(&'(') => {
                letters.next();
                '_'
            }
            '(' | ')' => '_',
            'a'..='z' | 'A'..='Z' | '0'..='9' | '@' | '-' | '_' | '~' | '+' | '!' | '\'' | ',' | '=' | '.' => letter,
            _ => '+',
        });
    }
    if name.starts_with('.') {
        name.replace_range(..1, "+");
    }
    name
}

fn hashed(name: &str, instance: &str) -> String {
    with_hash(name, &blake3::hash(instance.as_bytes()))
}

fn with_hash(name: &str, hash: &blake3::Hash) -> String {
    let kept = name.len().min(LENGTH_MAX - HASH_DIGITS - 1);
    let mut short = String::with_capacity(LENGTH_MAX);
    // Two names that differ in case only would also share their readable part: the hash tells them apart.
    let _ = write!(short, "{}_{}", &name[..kept], &hash.to_hex()[..HASH_DIGITS]);
    short
}

#[cfg(test)]
mod tests {
    use super::{slot_name, unshared_slot_name};
    use proptest::prelude::*;

    #[test]
    fn names_are_those_of_pnpm() {
        for (instance, name) in [
            ("react@19.1.0", "react@19.1.0"),
            ("@types/node@20.1.0", "@types+node@20.1.0"),
            ("react-dom@19.1.0(react@19.1.0)", "react-dom@19.1.0_react@19.1.0"),
            ("a@1.0.0(b@1.0.0)(@s/c@2.0.0)", "a@1.0.0_b@1.0.0_@s+c@2.0.0"),
            ("a@1.0.0(b@1.0.0(c@1.0.0))", "a@1.0.0_b@1.0.0_c@1.0.0_"),
            ("x@file:../x.tgz", "x@file+..+x.tgz"),
            ("x@https://example.test/x.tgz?a#b", "x@https+++example.test+x.tgz+a+b"),
        ] {
            assert_eq!(slot_name(instance), name);
        }
    }

    #[test]
    fn a_name_that_case_could_confuse_ends_in_a_hash() {
        let upper = slot_name("JSONStream@1.0.0");
        assert!(upper.starts_with("JSONStream@1.0.0_") && upper.len() == "JSONStream@1.0.0_".len() + 32, "{upper}");
        assert_ne!(upper.to_lowercase(), slot_name("jsonstream@1.0.0"));
        assert_ne!(upper.to_lowercase(), slot_name("JsonStream@1.0.0").to_lowercase());
    }

    #[test]
    fn what_cannot_be_told_apart_gets_a_hash() {
        assert_eq!(slot_name("x@file:a/b"), slot_name("x@file:a+b"));
        assert_ne!(unshared_slot_name("x@file:a/b"), unshared_slot_name("x@file:a+b"));
    }

    #[test]
    fn names_of_what_stands_beside_slots_are_never_taken() {
        for instance in ["node_modules", "tree", "state", "lock", "..", ".", "", ".tmp-1", "@"] {
            let name = slot_name(instance);
            assert!(name.len() > 32 && !name.starts_with('.'), "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_one_short_plain_segment(instance in "\\PC{0,300}") {
            let name = slot_name(&instance);
            prop_assert!(name.len() <= 120 && !name.is_empty() && name.is_ascii());
            prop_assert!(!name.starts_with('.') && !name.contains(['/', '\\', '\0', ':']));
        }
    }
}
