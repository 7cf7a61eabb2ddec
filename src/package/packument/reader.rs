//! JSON of which most is passed over.
//!
//! Of a packument nine bytes in ten matter to nobody: what versions ask for while they are developed, signatures, second
//! hashes. A parser looks at each of them. Here an array or object that nobody asked for is passed over in steps of
//! [`BLOCK_BYTES`], in which only quotes and brackets count ([`super::marks`]); whoever takes the text of a value has to
//! see himself whether it is JSON inside.

use super::marks::{self, BLOCK_BYTES};
use std::borrow::Cow;

/// Where a text is not JSON, or ends too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not JSON, or not all of it: see byte {at}")]
pub struct Fault {
    /// Bytes before that place.
    pub at: usize,
}

/// A text and how far it is read.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Reader<'a> {
        Reader { text, at: 0 }
    }

    /// Hands the keys of an object out, each of whose values must be taken then. Any other value has no keys.
    pub(super) fn object(&mut self, mut take: impl FnMut(&mut Reader<'a>, &str) -> Result<(), Fault>) -> Result<(), Fault> {
        if self.next() != Some(b'{') {
            return self.value().map(drop);
        }
        self.at += 1;
        if self.next() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.next() != Some(b'"') {
                return Err(self.fault());
            }
            let key = self.string()?;
            self.punctuation(b':')?;
            let clear = string(key).ok_or(self.fault())?;
            take(self, &clear)?;
            match self.next() {
                Some(b',') => self.at += 1,
                _ => return self.punctuation(b'}'),
            }
        }
    }

    /// Returns the text of the value that comes next.
    pub(super) fn value(&mut self) -> Result<&'a str, Fault> {
        match self.next() {
            Some(b'"') => self.string(),
            Some(b'{' | b'[') => self.container(),
            _ => self.scalar(),
        }
    }

    /// Sees to it that nothing follows.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        if self.next().is_none() { Ok(()) } else { Err(self.fault()) }
    }

    /// Returns an error for the place where it is.
    pub(super) fn fault(&self) -> Fault {
        Fault { at: self.at }
    }

    /// Returns the next byte that is no space, without taking it.
    fn next(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let spaces = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
        self.at += spaces;
        rest.get(spaces).copied()
    }

    /// Takes the one byte that may come next.
    fn punctuation(&mut self, byte: u8) -> Result<(), Fault> {
        if self.next() != Some(byte) {
            return Err(self.fault());
        }
        self.at += 1;
        Ok(())
    }

    /// Takes all up to `end`.
    fn take(&mut self, end: usize) -> &'a str {
        let taken = &self.text[self.at..end];
        self.at = end;
        taken
    }

    /// Takes a string with its quotes.
    fn string(&mut self) -> Result<&'a str, Fault> {
        let bytes = self.text.as_bytes();
        let mut at = self.at + 1;
        loop {
            at += marks::quote_or_slash(&bytes[at..]).ok_or(self.fault())?;
            if bytes[at] == b'"' {
                return Ok(self.take(at + 1));
            }
            // Whatever follows a slash is no end.
            at = at.saturating_add(2);
            if at > bytes.len() {
                return Err(self.fault());
            }
        }
    }

    /// Takes a number or a word.
    fn scalar(&mut self) -> Result<&'a str, Fault> {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')).count();
        if length == 0 {
            return Err(self.fault());
        }
        Ok(self.take(self.at + length))
    }

    /// Takes an array or object with its brackets.
    fn container(&mut self) -> Result<&'a str, Fault> {
        let bytes = &self.text.as_bytes()[self.at..];
        let mut depth = 0;
        let mut strings = marks::Strings::default();
        for (number, part) in bytes.chunks(BLOCK_BYTES).enumerate() {
            let found = marks::find(part);
            let inside = strings.inside(&found);
            let (opens, closes) = (found.opens & !inside, found.closes & !inside);
            if closes.count_ones() < depth {
                // However they are ordered, not all that is open is closed here.
                depth += opens.count_ones();
                depth -= closes.count_ones();
                continue;
            }
            let mut rest = opens | closes;
            while rest != 0 {
                let place = rest.trailing_zeros();
                rest &= rest - 1;
                if opens >> place & 1 != 0 {
                    depth += 1;
                    continue;
                }
                depth -= 1;
                if depth == 0 {
                    return Ok(self.take(self.at + number * BLOCK_BYTES + place as usize + 1));
                }
            }
        }
        Err(self.fault())
    }
}

/// Returns the string that a JSON value is, if it is one.
pub(super) fn string(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_some() {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

#[cfg(test)]
mod tests {
    use super::{Reader, string};
    use proptest::prelude::*;
    use serde_json::Value;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<i32>().prop_map(|number| Value::from(f64::from(number) / 4.0)),
            r#"[a-z"\\{}\[\],: é\n]{0,80}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 60, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::vec((r#"[a-z"\\{}\[\]]{0,20}"#, inner), 0..8)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_end_where_a_parser_sees_their_end(value in any_value(), pretty in any::<bool>(), behind in "[ \n,\\]}]{0,3}") {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.expect("JSON");
            let whole = format!(" \n{text}{behind}");
            prop_assert_eq!(Reader::new(&whole).value(), Ok(text.as_str()));
            // Cut anywhere it is no whole value, unless it is a number.
            if matches!(value, Value::Object(_) | Value::Array(_) | Value::String(_)) {
                for (cut, _) in text.char_indices() {
                    prop_assert!(Reader::new(&text[..cut]).value().is_err(), "{}", &text[..cut]);
                }
            }
        }

        #[test]
        fn keys_come_in_order_with_the_text_of_their_values(
            entries in prop::collection::vec((r#"[a-z"\\é]{0,20}"#, any_value()), 0..8), pretty in any::<bool>()
        ) {
            let object = Value::Object(entries.into_iter().collect());
            let text = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) }.expect("JSON");
            let mut found = serde_json::Map::new();
            let mut reader = Reader::new(&text);
            reader.object(|reader, key| {
                let value = serde_json::from_str(reader.value()?).expect("a value");
                found.insert(key.to_owned(), value);
                Ok(())
            }).expect("an object");
            prop_assert_eq!(reader.end(), Ok(()));
            prop_assert_eq!(Value::Object(found), object);
        }

        #[test]
        fn anything_else_ends_somewhere(text in r#"[\[\]{}"\\,:0-9a-c é]{0,200}"#) {
            let mut reader = Reader::new(&text);
            let _ = reader.object(|reader, _| reader.value().map(drop));
            let _ = reader.end();
        }
    }

    #[test]
    fn objects_that_are_none_are_faults() {
        let read = |text: &str| {
            let mut reader = Reader::new(text);
            reader.object(|reader, _| reader.value().map(drop)).and_then(|()| reader.end()).map_err(|fault| fault.at)
        };
        assert_eq!(read(r#" {"a" : [1, "]"] , "\u0062":{"c":"\\\""} } "#), Ok(()));
        assert_eq!(read("7"), Ok(()));
        for (text, at) in [
            ("", 0),
            ("<html>", 0),
            ("{", 1),
            ("{,}", 1),
            (r#"{"a"}"#, 4),
            (r#"{"a":}"#, 5),
            (r#"{"a":1,}"#, 7),
            (r#"{"a":1 2}"#, 7),
            ("{a:1}", 1),
            (r#"{"a":1}}"#, 7),
            (r#"{"\x":1}"#, 6),
        ] {
            assert_eq!(read(text), Err(at), "{text}");
        }
        assert_eq!(string("7"), None);
        assert_eq!(string(r#""\"""#).as_deref(), Some("\""));
    }
}
