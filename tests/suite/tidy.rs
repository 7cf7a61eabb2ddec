//! Rules about the source that the compiler does not know: who may import whom, how long a file may be, which words do
//! not belong into the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// The longest file, in lines; its tests count only when they stand in it.
const LINES_MAX: usize = 600;

/// Who may import whom. The first column is a folder or file of `src`; what is not listed may import nothing of deka.
const IMPORTS: &[(&str, &[&str])] = &[
    ("main", &["cli", "commands", "report", "error", "memory"]),
    ("commands", &["cli", "upkeep", "inquiry", "install", "store", "project", "scripts", "report", "timings", "error", "package", "fs"]),
    ("inquiry", &["install", "resolve::graph", "resolve::pick", "lockfile", "layout", "project", "package", "fs", "error"]),
    ("upkeep", &["install", "resolve::graph", "lockfile", "store", "layout", "project", "package", "fs", "pool", "error"]),
    (
        "install",
        &[
            "resolve", "registry", "lockfile", "store", "layout", "scripts", "project", "package", "fs", "pool", "memory", "handles",
            "timings", "error",
        ],
    ),
    ("layout", &["resolve::graph", "store", "project", "package", "fs", "pool"]),
    ("lockfile", &["resolve::graph", "package", "fs"]),
    ("resolve", &["package"]),
    ("registry", &["package", "fs", "pool", "memory"]),
    ("pool", &["memory"]),
    ("project", &["package", "fs"]),
    ("scripts", &["package", "fs"]),
    ("store", &["package", "fs"]),
    ("report", &["cli", "error"]),
];

/// Folders that may look at the environment and the terminal.
const AT_THE_TOP: [&str; 4] = ["main", "cli", "commands", "report"];

#[test]
fn imports_point_down() {
    let mut faults = Vec::new();
    for file in sources() {
        let part = part_of(&file.path);
        let allowed = IMPORTS.iter().find(|(name, _)| *name == part).map_or(&[][..], |(_, allowed)| allowed);
        for (number, line) in file.code_lines() {
            for target in line.split("crate::").skip(1).chain(line.split("deka::").skip(1)) {
                // `use crate::{a, b}` hides its targets from this test, so it is not used.
                let target: String = target.chars().take_while(|letter| letter.is_alphanumeric() || "_:".contains(*letter)).collect();
                let fits = |allowed: &&str| target == **allowed || target.starts_with(&format!("{allowed}::"));
                if part != "lib" && target.split("::").next() != Some(part.as_str()) && !allowed.iter().any(fits) {
                    faults.push(format!("{}:{number}: `{part}` names `{target}`", file.path.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn only_the_top_sees_the_environment_and_the_terminal() {
    let mut faults = Vec::new();
    for file in sources().iter().filter(|file| !AT_THE_TOP.contains(&part_of(&file.path).as_str())) {
        for (number, line) in file.code_lines() {
            for word in ["env::var", "println!", "eprintln!", "print!(", "eprint!(", "std::process::exit", "dbg!"] {
                if line.contains(word) {
                    faults.push(format!("{}:{number}: {}", file.path.display(), line.trim()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn files_are_short_and_open_with_their_purpose() {
    let mut faults = Vec::new();
    for file in sources() {
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            faults.push(format!("{}: {lines} lines", file.path.display()));
        }
        // Tests are explained by the file that they test.
        let is_tests = file.path.ends_with("tests.rs");
        if !is_tests && !file.text.starts_with("//!") {
            faults.push(format!("{}: does not open with `//!`", file.path.display()));
        }
        let name = file.path.file_stem().unwrap().to_string_lossy().into_owned();
        if ["util", "utils", "helper", "helpers", "common", "manager", "misc"].contains(&name.as_str()) {
            faults.push(format!("{}: a name that says nothing", file.path.display()));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn nothing_is_put_off_and_no_host_of_a_registry_stands_here() {
    let mut faults = Vec::new();
    for path in ["src", "tests", "benches", "migrations", "README.md", "store-format.md", "Cargo.toml"]
        .iter()
        .flat_map(|path| files(&root().join(path)))
    {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (index, line) in text.lines().enumerate() {
            // The words are put together here, so that this file does not find itself.
            let put_off = [["TO", "DO"].concat(), ["FIX", "ME"].concat()].iter().any(|word| line.contains(word.as_str()));
            if put_off || hosts(line).any(is_registry) {
                faults.push(format!("{}:{}: {}", path.display(), index + 1, line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_store_format_lists_every_migration() {
    let document = fs::read_to_string(root().join("store-format.md")).unwrap();
    let migrations = files(&root().join("migrations"));
    assert!(!migrations.is_empty());
    for (index, path) in migrations.iter().enumerate() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.starts_with(&format!("{:04}_", index + 1)), "`{name}` is out of order");
        assert!(document.contains(&name), "store-format.md does not speak of `{name}`");
    }
}

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// The lines that are neither comments nor tests, with their numbers.
    fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_tests =
            self.path.file_stem().is_some_and(|name| name == "tests") || self.path.components().any(|part| part.as_os_str() == "tests");
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines
            .take_while(move |(_, line)| !is_tests && line.trim() != "#[cfg(test)]")
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn sources() -> Vec<Source> {
    let all = files(&root().join("src")).into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    all.map(|path| Source { text: fs::read_to_string(&path).unwrap(), path: path.strip_prefix(root()).unwrap().to_owned() }).collect()
}

/// The folder below `src`, or the file directly in it without its ending.
fn part_of(path: &Path) -> String {
    path.components().nth(1).unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = walkdir::WalkDir::new(path)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect();
    found.sort();
    found
}

/// The words of a line that look like the name of a host.
fn hosts(line: &str) -> impl Iterator<Item = &str> {
    line.split(|letter: char| !(letter.is_ascii_alphanumeric() || ".-".contains(letter))).filter(|word| word.contains('.'))
}

fn is_registry(host: &str) -> bool {
    let labels: Vec<&str> = host.trim_matches('.').split('.').collect();
    let (Some(top), Some(first)) = (labels.last(), labels.first()) else { return false };
    let is_public = ["com", "org", "net", "io", "dev", "cn", "sh", "land", "app"].contains(top);
    let is_named_so = |label: &&str| label.contains("registry") || label.starts_with("npm") || label.contains("yarnpkg");
    is_public && labels.len() > 1 && (labels[..labels.len() - 1].iter().any(is_named_so) || *first == "jsr")
}
