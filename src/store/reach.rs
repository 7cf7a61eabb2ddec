//! How a thread gets at the objects that it hands out.
//!
//! The kernel walks to an object twice, to look at it and to link it, and begins at an open folder. The nearer that one is
//! the better, but an open file costs something too: whoever uses it counts, on one cache line, and when a table of open
//! files grows that threads share, the kernel waits until each of them has been seen elsewhere, for milliseconds. So a
//! thread has a handle on the folder of objects that nobody else uses, and where its table of open files is its own, one on
//! each of the 256 folders in it.

use super::checkout::open_folder;
use super::id::ObjectId;
use super::object::{ObjectPath, Objects};
use rustix::process::{Resource, getrlimit};
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

/// Where fewer files may be open, no more are opened than have to be.
const OPEN_FILES_MIN: u64 = 1024;

/// The handles of one thread.
pub struct Reach<'a> {
    objects: &'a Objects,
    /// On the folder of objects; nothing where no more can be opened.
    own: Option<Rc<OwnedFd>>,
    /// On the folders in it, as far as they were needed; nothing where the table of open files is shared.
    shards: Option<Box<[Option<OwnedFd>; 256]>>,
}

impl<'a> Reach<'a> {
    /// Begins with no more than the folder of objects. `is_alone` says that the thread has a table of open files of its own.
    pub(super) fn new(objects: &'a Objects, is_alone: bool) -> Reach<'a> {
        let has_room = || getrlimit(Resource::Nofile).current.is_none_or(|files| files >= OPEN_FILES_MIN);
        let shards = (is_alone && has_room()).then(|| Box::new([const { None }; 256]));
        Reach { objects, own: objects.own_folder(), shards }
    }

    /// Returns an open folder, and the way from there to an object.
    pub(super) fn way_to<'p>(&'p mut self, object: &ObjectId, path: &'p ObjectPath) -> (BorrowedFd<'p>, &'p CStr) {
        let folder = self.own.as_ref().map_or_else(|| self.objects.folder(), |own| own.as_fd());
        let Some(shards) = &mut self.shards else { return (folder, path.as_c_str()) };
        let (name, way) = path.split();
        let shard = &mut shards[usize::from(object.as_bytes()[0])];
        if shard.is_none() {
            *shard = open_folder(folder, name).ok();
        }
        let shard: &'p Option<OwnedFd> = shard;
        // Nothing when it is not there, or no more can be opened.
        shard.as_ref().map_or((folder, path.as_c_str()), |shard| (shard.as_fd(), way))
    }

    /// Returns the folder of objects.
    pub(super) fn objects(&self) -> &'a Objects {
        self.objects
    }
}
