//! Files that are given to a sink together.
//!
//! A sink can do more for several small files at once than for one after the other, such as hash them side by side. So
//! files that stand near each other in a buffer are gathered until there are enough.

use super::entries::{File, Files};
use super::error::TarballError;
use super::paths::shown;
use super::{Sink, WholeFile};
use std::ops::Range;

/// How much of a buffer is given to a sink at once, about: enough for many files, and little enough that it is still in the
/// cache of the processor when the sink looks at it.
pub(super) const TOGETHER_BYTES: usize = 128 << 10;

/// Files and where they stand in a buffer, in their order.
#[derive(Default)]
pub(super) struct Gathered(Vec<(File, Range<usize>)>);

impl Gathered {
    /// Adds a file that stands behind the others.
    pub(super) fn push(&mut self, file: File, place: Range<usize>) {
        self.0.push((file, place));
    }

    /// Returns how much of the buffer the files take, with what stands between them.
    pub(super) fn span(&self) -> usize {
        let ends = self.0.first().zip(self.0.last());
        ends.map_or(0, |((_, first), (_, last))| last.end - first.start)
    }

    /// Gives the files to the sink; none are left.
    pub(super) fn pass<S: Sink>(&mut self, buffer: &[u8], files: &mut Files<'_, S>) -> Result<(), TarballError> {
        if self.0.is_empty() {
            return Ok(());
        }
        files.pass_together(self.0.drain(..).map(|(file, place)| whole(file, place, buffer)).collect::<Result<_, _>>()?)
    }
}

fn whole(file: File, place: Range<usize>, buffer: &[u8]) -> Result<WholeFile<'_>, TarballError> {
    let bytes = buffer.get(place).ok_or_else(|| TarballError::Truncated { entry: shown(file.path.as_str().as_bytes()) })?;
    Ok(WholeFile { path: file.path, executable: file.executable, bytes })
}

#[cfg(test)]
mod tests {
    use super::Gathered;
    use crate::package::path::RelPath;
    use crate::registry::tarball::entries::{File, Files};
    use crate::registry::tarball::{Content, Limits, Sink, TarballError, WholeFile};
    use std::convert::Infallible;

    #[derive(Default)]
    struct Calls(Vec<Vec<Vec<u8>>>);

    impl Sink for Calls {
        type Error = Infallible;

        fn file(&mut self, _: &RelPath, _: bool, _: Content<'_>) -> Result<(), Infallible> {
            Ok(())
        }

        fn files(&mut self, files: Vec<WholeFile<'_>>) -> Result<(), Infallible> {
            self.0.push(files.iter().map(|file| file.bytes.to_vec()).collect());
            Ok(())
        }
    }

    fn file(size: u64) -> File {
        File { path: RelPath::parse("a").expect("a path"), executable: false, size }
    }

    #[test]
    fn files_are_passed_once_and_only_from_where_they_stand() {
        let (limits, mut sink) = (Limits::default(), Calls::default());
        let mut files = Files::new(&limits, &mut sink);
        let mut gathered = Gathered::default();
        gathered.pass(b"", &mut files).expect("nothing");
        gathered.push(file(1), 1..2);
        gathered.push(file(2), 4..6);
        assert_eq!(gathered.span(), 5);
        gathered.pass(b"012345", &mut files).expect("passed");
        gathered.pass(b"012345", &mut files).expect("nothing");
        gathered.push(file(2), 5..7);
        assert!(matches!(gathered.pass(b"012345", &mut files), Err(TarballError::Truncated { .. })));
        assert_eq!(sink.0, [[b"1".to_vec(), b"45".to_vec()]]);
    }
}
