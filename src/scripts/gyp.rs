//! Finds the node-gyp that npm brings along.
//!
//! Packages with native code call `node-gyp` without depending on it, because npm puts a small program of that name on
//! `PATH`. That program and what it starts are part of every npm, so deka lends them from there.

use std::path::{Path, PathBuf};

/// npm's node-gyp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeGyp {
    /// The folder with the program `node-gyp`, for `PATH`.
    pub folder: PathBuf,
    /// The script that the program starts (`npm_config_node_gyp`).
    pub script: PathBuf,
}

/// Looks for node-gyp in the npm whose program is `npm`; nothing when it is laid out in another way.
pub fn find(npm: &Path) -> Option<NodeGyp> {
    let program = std::fs::canonicalize(npm).ok()?;
    // …/npm/bin/npm-cli.js
    let home = program.parent()?.parent()?;
    let folder = home.join("node_modules/@npmcli/run-script/lib/node-gyp-bin");
    let script = home.join("node_modules/node-gyp/bin/node-gyp.js");
    (folder.join("node-gyp").is_file() && script.is_file()).then_some(NodeGyp { folder, script })
}

#[cfg(test)]
mod tests {
    use super::find;
    use std::fs;

    #[test]
    fn follows_the_program_to_its_home() {
        let top = tempfile::tempdir().expect("a folder");
        let home = top.path().canonicalize().expect("a path").join("lib/node_modules/npm");
        for file in ["bin/npm-cli.js", "node_modules/@npmcli/run-script/lib/node-gyp-bin/node-gyp", "node_modules/node-gyp/bin/node-gyp.js"]
        {
            assert_eq!(find(&top.path().join("npm")), None);
            let path = home.join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, "").expect("a file");
        }
        std::os::unix::fs::symlink(home.join("bin/npm-cli.js"), top.path().join("npm")).expect("a link");
        let found = find(&top.path().join("npm")).expect("node-gyp");
        assert_eq!(found.script, home.join("node_modules/node-gyp/bin/node-gyp.js"));
    }
}
