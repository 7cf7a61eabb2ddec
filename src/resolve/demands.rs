//! What the packages of an answer ask for, in their own words: the part of their manifests that a lockfile leaves out.
//!
//! A lockfile says what each dependency became. To go through it again, resolution also has to know which dependencies
//! there are, for some became nothing, and what they ask for. Whoever keeps that beside a lockfile needs no packument of
//! a package that stays as it is ([`super::solve::Solver`] says when).
//!
//! The form is one block: how many packages there are, where the part of each ends, and the parts, in the order of
//! [`Resolution::packages`]. An empty part says that nothing is known of a package. Any other is a byte that is 1, and then
//! for each dependency a byte that is 1 when it is optional, the alias and the specifier. Numbers are little-endian and have
//! four bytes, and stand before each text as its length.
//!
//! [`Resolution::packages`]: super::graph::Resolution::packages

use super::graph::PackageIndex;

/// The first byte of a package that something is known of.
const KNOWN: u8 = 1;
/// How many bytes a number takes.
const NUMBER: usize = 4;

/// What each package of an answer asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    bytes: Vec<u8>,
    count: usize,
}

/// A dependency as the manifest of its package has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand<'a> {
    /// The name it is installed under, unchecked.
    pub alias: &'a str,
    /// The specifier, verbatim.
    pub specifier: &'a str,
    /// Whether it may be missing.
    pub optional: bool,
}

impl Demands {
    /// Collects demands, package by package; nothing stands for a package whose demands are not to be kept.
    pub fn collect<'a, D: Iterator<Item = Demand<'a>>>(packages: impl ExactSizeIterator<Item = Option<D>>) -> Demands {
        let count = packages.len();
        let mut bytes = vec![0; NUMBER * (1 + count)];
        put(&mut bytes, 0, count);
        for (at, demands) in packages.enumerate() {
            if let Some(demands) = demands {
                bytes.push(KNOWN);
                for Demand { alias, specifier, optional } in demands {
                    bytes.push(u8::from(optional));
                    for text in [alias, specifier] {
                        bytes.extend_from_slice(&number(text.len()));
                        bytes.extend_from_slice(text.as_bytes());
                    }
                }
            }
            let end = bytes.len();
            put(&mut bytes, NUMBER * (1 + at), end);
        }
        Demands { bytes, count }
    }

    /// Returns the one block.
    pub fn encoded(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes the block of an answer with so many packages. All of it is checked.
    pub fn decode(bytes: Vec<u8>, count: usize) -> Option<Demands> {
        if read(&bytes, 0)? != count || bytes.len() < NUMBER.checked_mul(count.checked_add(1)?)? {
            return None;
        }
        let demands = Demands { bytes, count };
        let is_whole = |at| {
            let part = demands.part(at)?;
            let mut rest = Rest(part.split_first().map_or(part, |(_, rest)| rest));
            let is_sound = rest.by_ref().all(|demand| demand.is_some());
            (is_sound && part.first().is_none_or(|first| *first == KNOWN)).then_some(())
        };
        let all = (0..count).all(|at| is_whole(at).is_some());
        let end = if count == 0 { NUMBER } else { read(&demands.bytes, NUMBER * count)? };
        (all && end == demands.bytes.len()).then_some(demands)
    }

    /// Says whether it is known what a package asks for.
    pub fn knows(&self, index: PackageIndex) -> bool {
        self.part(index.0 as usize).is_some_and(|part| !part.is_empty())
    }

    /// Lists what a package asks for, by alias; nothing when that is not known.
    pub fn of(&self, index: PackageIndex) -> Option<impl Iterator<Item = Demand<'_>>> {
        let (_, rest) = self.part(index.0 as usize)?.split_first()?;
        Some(Rest(rest).map_while(|demand| demand))
    }

    fn part(&self, at: usize) -> Option<&[u8]> {
        let start = if at == 0 { NUMBER * (1 + self.count) } else { read(&self.bytes, NUMBER * at)? };
        let end = if at < self.count { read(&self.bytes, NUMBER * (1 + at))? } else { return None };
        self.bytes.get(start..end)
    }
}

/// What is left of the part of a package. Ends with nothing where that cannot be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Iterator for Rest<'a> {
    type Item = Option<Demand<'a>>;

    fn next(&mut self) -> Option<Option<Demand<'a>>> {
        (!self.0.is_empty()).then(|| {
            let demand = self.demand();
            if demand.is_none() {
                self.0 = &[];
            }
            demand
        })
    }
}

impl<'a> Rest<'a> {
    fn demand(&mut self) -> Option<Demand<'a>> {
        let (&optional, rest) = self.0.split_first()?;
        self.0 = rest;
        let (alias, specifier) = (self.text()?, self.text()?);
        (optional <= 1).then_some(Demand { alias, specifier, optional: optional == 1 })
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = read(self.0, 0)?;
        let (text, rest) = self.0.get(NUMBER..)?.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

fn number(number: usize) -> [u8; NUMBER] {
    // What asks for more than four gigabytes cannot be read back, and so counts as not known.
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

fn put(bytes: &mut [u8], at: usize, value: usize) {
    bytes[at..at + NUMBER].copy_from_slice(&number(value));
}

fn read(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}

#[cfg(test)]
mod tests {
    use super::{Demand, Demands};
    use crate::resolve::graph::PackageIndex;

    fn demands() -> Demands {
        let one = Demand { alias: "a", specifier: "^1", optional: false };
        let other = Demand { alias: "@s/b", specifier: "npm:b@2", optional: true };
        Demands::collect([Some(vec![one, other].into_iter()), None, Some(Vec::new().into_iter())].into_iter())
    }

    #[test]
    fn keeps_what_is_known_and_says_what_is_not() {
        let read = Demands::decode(demands().encoded().to_vec(), 3).expect("what was written");
        let shown = |index| {
            let of = read.of(PackageIndex(index)).map(|of| of.map(|demand| format!("{demand:?}")).collect::<Vec<_>>());
            assert_eq!(of.is_some(), read.knows(PackageIndex(index)));
            of
        };
        let one = r#"Demand { alias: "a", specifier: "^1", optional: false }"#;
        let other = r#"Demand { alias: "@s/b", specifier: "npm:b@2", optional: true }"#;
        assert_eq!([shown(0), shown(1)], [Some(vec![one.to_owned(), other.to_owned()]), None]);
        assert_eq!([shown(2), shown(3)], [Some(Vec::new()), None]);
        assert!(Demands::decode(demands().encoded().to_vec(), 2).is_none(), "of another answer");
    }

    #[test]
    fn damage_is_noticed_or_does_no_harm() {
        let whole = demands();
        for at in 0..whole.encoded().len() {
            assert!(Demands::decode(whole.encoded()[..at].to_vec(), 3).is_none(), "cut at {at}");
            for bit in 0..8 {
                let mut bytes = whole.encoded().to_vec();
                bytes[at] ^= 1 << bit;
                if let Some(read) = Demands::decode(bytes, 3) {
                    (0..3).filter_map(|index| read.of(PackageIndex(index))).for_each(|of| assert!(of.count() <= 2));
                }
            }
        }
    }
}
