//! The registry of those who configured none: whatever npm would use.
//!
//! No address of a registry stands in this repository. A packager can bake one in with `DEKA_DEFAULT_REGISTRY` at build
//! time; otherwise `npm config get registry` is asked, which takes a tenth of a second or more. So its answer is kept in
//! the cache, with the stamps of what it can depend on: npm itself and the user's and the machine's `.npmrc`.

use super::ask::{Asked, ask};
use super::env::Env;
use super::error::{ProjectError, Result};
use super::settings::Settings;
use super::stamp::FileStamp;
use crate::fs;
use std::path::Path;
use std::time::Duration;
use url::Url;

/// What a packager has baked in.
const BAKED_IN: Option<&str> = option_env!("DEKA_DEFAULT_REGISTRY");
/// The file in the cache folder: the address on the first line, then a line for everything that it depends on.
const FILE: &str = "default-registry";
/// How long npm may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Returns the registry to use when no setting names one. `root` is the project's, whose own files have no part in this.
pub fn default_registry(settings: &Settings, env: &Env, root: &Path) -> Result<Url> {
    match BAKED_IN {
        Some(baked) => parse(baked),
        None => {
            let shared = settings.inputs.files.iter().filter(|stamp| !stamp.path.starts_with(root)).cloned();
            ask_npm(&settings.cache_dir, env, &shared.collect::<Vec<_>>())
        }
    }
}

/// Asks npm, or its earlier answer. `inputs` are the files besides npm's own that the answer can depend on.
fn ask_npm(cache_dir: &Path, env: &Env, inputs: &[FileStamp]) -> Result<Url> {
    let npm = env.find_program("npm").ok_or_else(|| none("npm is not on the PATH; set `registry` in ~/.npmrc"))?;
    let npm = std::fs::canonicalize(&npm).unwrap_or(npm);
    let depends = depends(&npm, env, inputs);
    let kept = cache_dir.join(FILE);
    if let Some(url) = fs::read_if_there(&kept).ok().flatten().and_then(|text| recall(&text, &depends)) {
        return Ok(url);
    }
    // In the home folder npm finds no other project's settings.
    let cwd = env.home().filter(|home| home.is_dir()).unwrap_or(Path::new("/"));
    let answer = ask(&Asked { program: &npm, arguments: &["config", "get", "registry"], env, cwd, timeout: TIMEOUT })
        .map_err(|reason| none(&reason))?;
    let url = parse(answer.trim().lines().last().unwrap_or_default())?;
    // A cache that cannot be written only means that npm is asked again.
    let _ = fs::create_dir_all(cache_dir).and_then(|()| fs::write_atomic(&kept, format!("{url}\n{depends}").as_bytes()));
    Ok(url)
}

/// Describes everything that the answer depends on, a line each.
fn depends(npm: &Path, env: &Env, inputs: &[FileStamp]) -> String {
    let builtin = npm.parent().and_then(Path::parent).map(|folder| folder.join("npmrc"));
    let own = [Some(npm.to_owned()), builtin, env.home().map(|home| home.join(".npmrc"))];
    let own = own.into_iter().flatten().map(|path| FileStamp::of_written(&path));
    own.chain(inputs.iter().cloned())
        .map(|FileStamp { path, stat }| match stat {
            Some(stat) => format!("{} {} {} {}\n", stat.size, stat.mtime_ns, stat.inode, path.display()),
            None => format!("absent {}\n", path.display()),
        })
        .collect()
}

fn recall(kept: &[u8], depends: &str) -> Option<Url> {
    let (url, kept) = std::str::from_utf8(kept).ok()?.split_once('\n')?;
    (kept == depends).then(|| parse(url).ok()).flatten()
}

fn parse(text: &str) -> Result<Url> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let mut url = url.ok_or_else(|| none("the answer is not an http or https address; set `registry` in ~/.npmrc"))?;
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

fn none(reason: &str) -> ProjectError {
    ProjectError::NoRegistry { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::ask_npm;
    use crate::project::env::Env;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn npm_is_asked_once_until_something_it_reads_changes() {
        let home = tempfile::tempdir().expect("a folder");
        let bin = home.path().join("bin");
        fs::create_dir(&bin).expect("a folder");
        let npm = bin.join("npm");
        let script = "#!/bin/sh\necho \"$@\" >> \"$HOME/log\"\ncat \"$HOME/answer\"\n";
        fs::write(&npm, script).expect("a file");
        fs::set_permissions(&npm, fs::Permissions::from_mode(0o755)).expect("permissions");
        let path = format!("{}:/usr/bin:/bin", bin.display());
        let env = Env::from_iter([("PATH", path.as_str()), ("HOME", home.path().to_str().expect("text"))]);
        let cache = home.path().join("cache");
        let ask = || ask_npm(&cache, &env, &[]).map(|url| url.to_string()).map_err(|error| error.to_string());
        let log = || fs::read_to_string(home.path().join("log")).expect("a log");

        fs::write(home.path().join("answer"), "https://registry.test/npm\n").expect("a file");
        assert_eq!(ask().as_deref(), Ok("https://registry.test/npm/"));
        fs::write(home.path().join("answer"), "http://other.test/\n").expect("a file");
        assert_eq!(ask().as_deref(), Ok("https://registry.test/npm/"));
        assert_eq!(log(), "config get registry\n");
        fs::write(home.path().join(".npmrc"), "registry=x").expect("a file");
        assert_eq!(ask().as_deref(), Ok("http://other.test/"));
        assert_eq!(log().lines().count(), 2);
        fs::remove_dir_all(&cache).expect("a folder");
        fs::write(home.path().join("answer"), "undefined\n").expect("a file");
        assert!(ask().expect_err("no address").contains("npm does not name one"));
        assert!(!cache.exists(), "a wrong answer is not kept");
    }

    #[test]
    fn without_npm_the_error_says_what_to_do() {
        let error = ask_npm(std::path::Path::new("/nowhere"), &Env::default(), &[]).expect_err("no npm");
        assert_eq!(
            error.to_string(),
            "no registry is configured, and npm does not name one: npm is not on the PATH; set `registry` in ~/.npmrc"
        );
    }
}
