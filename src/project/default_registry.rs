//! The registry of those who configured none: whatever npm would use.
//!
//! No address of a registry stands in this repository. A packager can bake one in with `DEKA_DEFAULT_REGISTRY` at build
//! time; otherwise it is what `npm config get registry` answers. To start npm takes a tenth of a second or more, which is
//! a good part of an install on a machine that is made anew each time. But the settings that npm reads are settings of
//! deka too, and named none; what is left is what came with npm, an `npmrc` of the packager and, in its sources, the
//! default. Where there is no such file and the default stands where it has stood since npm 7, npm need not be asked.
//! Otherwise it is, and its answer is kept in the cache, with the stamps of what it can depend on: npm itself and the
//! user's and the machine's `.npmrc`.

use super::ask::{Asked, ask};
use super::env::Env;
use super::error::{ProjectError, Result};
use super::settings::Settings;
use super::stamp::FileStamp;
use crate::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// What a packager has baked in.
const BAKED_IN: Option<&str> = option_env!("DEKA_DEFAULT_REGISTRY");
/// The file in the cache folder: the address on the first line, then a line for everything that it depends on.
const FILE: &str = "default-registry";
/// Where npm has its defaults, seen from its folder.
const DEFINITIONS: &str = "node_modules/@npmcli/config/lib/definitions/definitions.js";
/// What stands there before the address; white space may stand anywhere between.
const DEFINITION: [&str; 4] = ["('registry'", ",", "{", "default:"];
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
    // This moves the machine's `npmrc` of npm, and is no setting of deka.
    let is_elsewhere = env.get("PREFIX").is_some();
    if let Some(url) = came_with(&npm).filter(|_| !is_elsewhere) {
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

/// Reads the default that came with an npm. Nothing when its packager has changed settings, or it does not stand where it
/// should; that includes an npm that is a script of somebody else's.
fn came_with(npm: &Path) -> Option<Url> {
    let folder = npm.parent()?.parent()?;
    if builtin(npm)?.symlink_metadata().is_ok() {
        return None;
    }
    let text = std::fs::read_to_string(folder.join(DEFINITIONS)).ok()?;
    let (_, rest) = text.split_once(DEFINITION[0])?;
    let rest = DEFINITION[1..].iter().try_fold(rest, |rest, expected| rest.trim_start().strip_prefix(expected))?;
    let quote = rest.trim_start().chars().next().filter(|first| ['\'', '"'].contains(first))?;
    let (address, _) = rest.trim_start()[1..].split_once(quote)?;
    parse(address).ok().filter(|url| url.scheme() == "https")
}

/// Returns where the packager of an npm puts settings.
fn builtin(npm: &Path) -> Option<PathBuf> {
    Some(npm.parent()?.parent()?.join("npmrc"))
}

/// Describes everything that the answer depends on, a line each.
fn depends(npm: &Path, env: &Env, inputs: &[FileStamp]) -> String {
    let builtin = builtin(npm);
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
    fn npm_is_not_asked_for_what_came_with_it() {
        let home = tempfile::tempdir().expect("a folder");
        let npm = home.path().join("npm/bin/npm");
        let definitions = home.path().join("npm").join(super::DEFINITIONS);
        for folder in [npm.parent(), definitions.parent()] {
            fs::create_dir_all(folder.expect("a folder")).expect("a folder");
        }
        fs::write(&npm, "#!/bin/sh\necho https://asked.test/\n").expect("a file");
        fs::set_permissions(&npm, fs::Permissions::from_mode(0o755)).expect("permissions");
        let path = format!("{}:/usr/bin:/bin", npm.parent().expect("a folder").display());
        let env = Env::from_iter([("PATH", path.as_str()), ("HOME", home.path().to_str().expect("text"))]);
        let ask = |definition: &str| {
            fs::write(&definitions, format!("  access: new Definition('access', {{\n    default: null,\n  }}),\n{definition}"))
                .expect("a file");
            let _ = fs::remove_dir_all(home.path().join("cache"));
            ask_npm(&home.path().join("cache"), &env, &[]).map(|url| url.to_string()).map_err(|error| error.to_string())
        };
        for definition in [
            "  registry: new Definition('registry', {\n    default: 'https://own.test/',\n    type: url,\n  }),\n",
            "define('registry', { default: \"https://own.test\", type: url })",
        ] {
            assert_eq!(ask(definition).as_deref(), Ok("https://own.test/"), "{definition}");
        }
        for definition in [
            "",
            "new Definition('registry', { type: url, default: 'https://own.test/' })",
            "new Definition('registry', { default: somewhere })",
            "new Definition('registry', { default: 'http://own.test/' })",
            "new Definition('registry', { default: 'https://own.test/",
            "new Definition('replace-registry-host', { default: 'https://own.test/' })",
        ] {
            assert_eq!(ask(definition).as_deref(), Ok("https://asked.test/"), "{definition}");
        }
        let definition = "new Definition('registry', { default: 'https://own.test/' })";
        assert_eq!(ask(definition).as_deref(), Ok("https://own.test/"));
        let moved = Env::from_iter([("PATH", path.as_str()), ("HOME", home.path().to_str().expect("text")), ("PREFIX", "/elsewhere")]);
        let answer = ask_npm(&home.path().join("cache"), &moved, &[]).map(|url| url.to_string());
        assert_eq!(answer.ok().as_deref(), Some("https://asked.test/"), "the settings of the machine may be elsewhere");
        fs::write(home.path().join("npm/npmrc"), "prefix=/usr/local\n").expect("a file");
        assert_eq!(ask(definition).as_deref(), Ok("https://asked.test/"), "a packager may have set another one");
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
