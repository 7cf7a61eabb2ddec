//! Registries that nothing was cached of when the client was made. To look for a file of theirs is no use before there was
//! an answer, and a question that need not wait for that is sent at once: on a new machine each round of questions saves
//! the way over another thread.

use crate::package::name::PackageName;
use rustc_hash::FxHashSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use url::Url;

/// The registries, and what they were asked about.
#[derive(Debug, Default)]
pub(super) struct Blank {
    registries: FxHashSet<Url>,
    asked: Mutex<FxHashSet<PackageName>>,
}

impl Blank {
    /// Finds those registries whose folder of the cache is not there.
    pub(super) fn among<'a>(folders: impl Iterator<Item = (&'a Url, &'a Path)>) -> Blank {
        let absent = folders.filter(|(_, folder)| !folder.exists());
        Blank { registries: absent.map(|(registry, _)| registry.clone()).collect(), asked: Mutex::default() }
    }

    /// Says whether nothing can be cached of a package, which is about to be asked for.
    pub(super) fn has_nothing_of(&self, registry: &Url, name: &PackageName) -> bool {
        // Nothing panics under the lock.
        let first = || self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        self.registries.contains(registry) && first()
    }
}

#[cfg(test)]
mod tests {
    use super::Blank;
    use crate::package::name::PackageName;
    use url::Url;

    #[test]
    fn nothing_is_cached_of_a_new_registry_until_it_was_asked() {
        let cache = tempfile::tempdir().expect("a folder");
        let [known, new] = ["https://known.test/", "https://new.test/"].map(|url| Url::parse(url).expect("an address"));
        let [a, b] = ["a", "b"].map(|name| PackageName::parse(name).expect("a name"));
        let absent = cache.path().join("new");
        let blank = Blank::among([(&known, cache.path()), (&new, &absent)].into_iter());
        let asked = [(&new, &a), (&new, &b), (&new, &a), (&known, &a)];
        assert_eq!(asked.map(|(registry, name)| blank.has_nothing_of(registry, name)), [true, true, false, false]);
    }
}
