//! Reading JSON that strangers wrote.
//!
//! Published manifests hold every mistake that is possible. Fields of the wrong type count as absent, and values of the
//! wrong type inside a map or list are left out, so that one bad field never makes a package unusable. The functions
//! here are meant for `#[serde(deserialize_with)]`.

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use std::collections::BTreeMap;
use std::fmt;

/// Strips the byte order mark that some editors put in front.
pub fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// Any JSON value, as far as the readers below tell values apart.
#[derive(Default)]
enum Loose {
    Text(String),
    Flag(bool),
    List(Vec<String>),
    Map(BTreeMap<String, String>),
    #[default]
    Other,
}

struct LooseVisitor;

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Loose, D::Error> {
        input.deserialize_any(LooseVisitor)
    }
}

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any JSON value")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose::Text(text.to_owned()))
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Loose, E> {
        Ok(Loose::Flag(flag))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Loose, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Scalar>()? {
            list.extend(item.0);
        }
        Ok(Loose::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Loose, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            if let Some(text) = entries.next_value::<Scalar>()?.0 {
                map.insert(key, text);
            }
        }
        Ok(Loose::Map(map))
    }
}

/// A string, or anything else read past.
struct Scalar(Option<String>);

struct ScalarVisitor;

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Scalar, D::Error> {
        input.deserialize_any(ScalarVisitor)
    }
}

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any JSON value")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar(Some(text.to_owned())))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Scalar, E> {
        Ok(Scalar(None))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Scalar, E> {
        Ok(Scalar(None))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Scalar, E> {
        Ok(Scalar(None))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Scalar, E> {
        Ok(Scalar(None))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Scalar, E> {
        Ok(Scalar(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Scalar, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar(None))
    }
}

/// A string.
pub fn text<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    Ok(match Loose::deserialize(input)? {
        Loose::Text(text) => Some(text),
        _ => None,
    })
}

/// A string that stands for something when it is not empty: `deprecated` is `false` or `""` in some packuments.
pub fn filled_text<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    Ok(match Loose::deserialize(input)? {
        Loose::Text(text) if !text.is_empty() => Some(text),
        Loose::Flag(true) => Some(String::new()),
        _ => None,
    })
}

/// `true` or `false`.
pub fn flag<'de, D: Deserializer<'de>>(input: D) -> Result<Option<bool>, D::Error> {
    Ok(match Loose::deserialize(input)? {
        Loose::Flag(flag) => Some(flag),
        _ => None,
    })
}

/// A list of strings; a bare string counts as a list of one.
pub fn text_list<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    Ok(match Loose::deserialize(input)? {
        Loose::List(list) => list,
        Loose::Text(text) => vec![text],
        _ => Vec::new(),
    })
}

/// A map from strings to strings.
pub fn text_map<'de, D: Deserializer<'de>>(input: D) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(match Loose::deserialize(input)? {
        Loose::Map(map) => map,
        _ => BTreeMap::new(),
    })
}

/// `bin`: one path, or a map from commands to paths.
pub fn bin<'de, D: Deserializer<'de>>(input: D) -> Result<super::manifest::Bin, D::Error> {
    use super::manifest::Bin;
    Ok(match Loose::deserialize(input)? {
        Loose::Text(path) => Bin::Single(path),
        Loose::Map(map) => Bin::Named(map),
        _ => Bin::None,
    })
}

/// `bundleDependencies`: a list of names, or `true` for all.
pub fn bundle<'de, D: Deserializer<'de>>(input: D) -> Result<super::manifest::Bundled, D::Error> {
    use super::manifest::Bundled;
    Ok(match Loose::deserialize(input)? {
        Loose::List(names) => Bundled::Names(names),
        Loose::Flag(true) => Bundled::All,
        _ => Bundled::default(),
    })
}

/// `peerDependenciesMeta`: the names whose `optional` is true.
pub fn optional_peers<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    struct Peers;
    impl<'de> Visitor<'de> for Peers {
        type Value = Vec<String>;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("a map")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Vec<String>, A::Error> {
            let mut names = Vec::new();
            while let Some(name) = entries.next_key::<String>()? {
                if entries.next_value::<OptionalPeer>()?.0 {
                    names.push(name);
                }
            }
            Ok(names)
        }

        fn visit_unit<E: de::Error>(self) -> Result<Vec<String>, E> {
            Ok(Vec::new())
        }

        fn visit_str<E: de::Error>(self, _: &str) -> Result<Vec<String>, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<String>, A::Error> {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Vec::new())
        }
    }
    input.deserialize_any(Peers)
}

/// One value of `peerDependenciesMeta`.
struct OptionalPeer(bool);

impl<'de> Deserialize<'de> for OptionalPeer {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<OptionalPeer, D::Error> {
        // Flags are not strings, so `text_map` cannot carry them: read the value as loose JSON.
        let value = serde_json::Value::deserialize(input)?;
        Ok(OptionalPeer(value.get("optional").and_then(serde_json::Value::as_bool) == Some(true)))
    }
}
