//! A hash of whatever decides something, to find again what came of it.

use crate::project::workspace::Workspace;

/// A hash that is being made. Parts do not run into each other.
pub(super) struct Fingerprint(blake3::Hasher);

impl Fingerprint {
    /// Begins one for this version of deka.
    pub fn of_this_version() -> Fingerprint {
        let mut begun = Fingerprint(blake3::Hasher::new());
        begun.add(env!("CARGO_PKG_VERSION").as_bytes());
        begun
    }

    /// Adds a part.
    pub fn add(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    /// Adds what the manifests of all projects say.
    pub fn add_projects(&mut self, workspace: &Workspace) {
        for project in &workspace.projects {
            self.add(project.path.as_bytes());
            self.add(&project.text);
        }
    }

    /// Ends it.
    pub fn finish(self) -> blake3::Hash {
        self.0.finalize()
    }
}
