//! JSON of which most is passed over.
//!
//! Of a packument nine bytes in ten matter to nobody: what versions ask for while they are developed, signatures, second
//! hashes. A parser looks at each of them. Here an array or object that nobody asked for is passed over many bytes at a
//! time, of which only quotes and brackets count ([`super::marks`]); whoever takes a value has to see himself whether it is
//! JSON inside, and UTF-8.

use super::marks;
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
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a [u8]) -> Reader<'a> {
        Reader { text, at: 0 }
    }

    /// Hands the keys of an object out, each of whose values must be taken then. Any other value has no keys.
    pub(super) fn object(&mut self, mut take: impl FnMut(&mut Reader<'a>, Cow<'a, [u8]>) -> Result<(), Fault>) -> Result<(), Fault> {
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
            let (key, has_slash) = self.string()?;
            self.punctuation(b':')?;
            let key = if has_slash { without_slashes(key).ok_or(self.fault())? } else { Cow::Borrowed(&key[1..key.len() - 1]) };
            take(self, key)?;
            match self.next() {
                Some(b',') => self.at += 1,
                _ => return self.punctuation(b'}'),
            }
        }
    }

    /// Returns the text of the value that comes next.
    pub(super) fn value(&mut self) -> Result<&'a [u8], Fault> {
        match self.next() {
            Some(b'"') => self.string().map(|(text, _)| text),
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
        let rest = &self.text[self.at..];
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
    fn take(&mut self, end: usize) -> &'a [u8] {
        let taken = &self.text[self.at..end];
        self.at = end;
        taken
    }

    /// Takes a string with its quotes; says whether there is a slash in it.
    fn string(&mut self) -> Result<(&'a [u8], bool), Fault> {
        let (mut at, mut has_slash) = (self.at + 1, false);
        loop {
            at += marks::quote_or_slash(&self.text[at..]).ok_or(self.fault())?;
            if self.text[at] == b'"' {
                return Ok((self.take(at + 1), has_slash));
            }
            // Whatever follows a slash is no end.
            has_slash = true;
            at = at.saturating_add(2);
            if at > self.text.len() {
                return Err(self.fault());
            }
        }
    }

    /// Takes a number or a word.
    fn scalar(&mut self) -> Result<&'a [u8], Fault> {
        let rest = &self.text[self.at..];
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')).count();
        if length == 0 {
            return Err(self.fault());
        }
        Ok(self.take(self.at + length))
    }

    /// Takes an array or object with its brackets.
    fn container(&mut self) -> Result<&'a [u8], Fault> {
        let length = marks::end_of_container(&self.text[self.at..]).ok_or(self.fault())?;
        Ok(self.take(self.at + length))
    }
}

/// Returns the string that a JSON value is, if it is one. What is not UTF-8 in it is replaced.
pub(super) fn string(json: &[u8]) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_some() { serde_json::from_str(&text(json)).ok().map(Cow::Owned) } else { Some(text(inner)) }
}

/// Returns bytes as text. What is not UTF-8 in it is replaced.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    // That alone would be slower by far.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Returns what a string with slashes says.
fn without_slashes<'a>(json: &[u8]) -> Option<Cow<'a, [u8]>> {
    Some(Cow::Owned(string(json)?.into_owned().into_bytes()))
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
            prop_assert_eq!(Reader::new(whole.as_bytes()).value(), Ok(text.as_bytes()));
            // Cut anywhere it is no whole value, unless it is a number.
            if matches!(value, Value::Object(_) | Value::Array(_) | Value::String(_)) {
                for (cut, _) in text.char_indices() {
                    prop_assert!(Reader::new(&text.as_bytes()[..cut]).value().is_err(), "{}", &text[..cut]);
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
            let mut reader = Reader::new(text.as_bytes());
            reader.object(|reader, key| {
                let value = serde_json::from_slice(reader.value()?).expect("a value");
                found.insert(String::from_utf8_lossy(&key).into_owned(), value);
                Ok(())
            }).expect("an object");
            prop_assert_eq!(reader.end(), Ok(()));
            prop_assert_eq!(Value::Object(found), object);
        }

        #[test]
        fn anything_else_ends_somewhere(text in r#"[\[\]{}"\\,:0-9a-c é]{0,200}"#) {
            let mut reader = Reader::new(text.as_bytes());
            let _ = reader.object(|reader, _| reader.value().map(drop));
            let _ = reader.end();
        }
    }

    #[test]
    fn objects_that_are_none_are_faults() {
        let read = |text: &str| {
            let mut reader = Reader::new(text.as_bytes());
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
        assert_eq!(string(b"7"), None);
        assert_eq!(string(b"\"a\xffb\"").as_deref(), Some("a\u{fffd}b"));
        assert_eq!(string(br#""\"""#).as_deref(), Some("\""));
    }
}
