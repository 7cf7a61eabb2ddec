use super::{LinkFolder, Now, State, decode, encode, forget};
use crate::project::boot::BootId;
use crate::project::env::Env;
use crate::project::folder;
use crate::project::settings::{Flags, Groups, Inputs, fingerprint};
use crate::project::stamp::FileStamp;
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A project that is installed, with one link and some files.
struct Installed {
    folder: tempfile::TempDir,
    env: Env,
    flags: Flags,
}

impl Installed {
    fn new() -> Installed {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("package.json"), "{}").expect("a file");
        fs::create_dir_all(folder.path().join("node_modules/.deka/a@1")).expect("a folder");
        std::os::unix::fs::symlink(".deka/a@1", folder.path().join("node_modules/a")).expect("a link");
        let env = Env::from_iter([("HOME", "/h"), ("TOKEN", "1"), ("npm_config_registry", "http://registry.test/"), ("OTHER", "1")]);
        Installed { folder, env, flags: Flags::default() }
    }

    fn modules(&self) -> PathBuf {
        self.folder.path().join("node_modules")
    }

    fn state(&self) -> State {
        let root = self.folder.path();
        let variables = vec!["TOKEN".to_owned()];
        State {
            root: root.to_owned(),
            inputs: Inputs {
                files: [root.join("package.json"), root.join(".npmrc")].iter().map(|path| FileStamp::of_written(path)).collect(),
                fingerprint: fingerprint(&self.env, &self.flags, &variables),
                variables,
            },
            store_dir: "/store".into(),
            groups: Groups { prod: true, dev: true, optional: false },
            only: Vec::new(),
            linked: vec![LinkFolder { path: "node_modules".to_owned(), links: vec!["a".to_owned()] }],
            boot: BootId::current(),
            packages: 7,
        }
    }

    fn is_current(&self) -> bool {
        let modules = self.modules();
        let now = Now { root: self.folder.path(), only: &[], env: &self.env, flags: &self.flags };
        State::read(&modules).is_some_and(|state| state.is_current(&now))
    }
}

/// What it is called, and what it does to a project.
type Change = (&'static str, fn(&mut Installed));

#[test]
fn nothing_to_do_until_something_changes() {
    let changes: [Change; 12] = [
        ("manifest", |it| fs::write(it.folder.path().join("package.json"), "{ }").expect("a file")),
        ("new file", |it| fs::write(it.folder.path().join(".npmrc"), "").expect("a file")),
        ("file gone", |it| fs::remove_file(it.folder.path().join("package.json")).expect("a file")),
        ("link gone", |it| fs::remove_file(it.modules().join("a")).expect("a link")),
        ("slot gone", |it| fs::remove_dir(it.modules().join(".deka/a@1")).expect("a folder")),
        ("flag", |it| drop(it.flags.0.insert("prod".to_owned(), "true".to_owned()))),
        ("setting", |it| it.env = Env::from_iter([("HOME", "/h"), ("TOKEN", "1"), ("OTHER", "1")])),
        ("variable of a file", |it| {
            it.env = Env::from_iter([("HOME", "/h"), ("TOKEN", "2"), ("npm_config_registry", "http://registry.test/"), ("OTHER", "1")]);
        }),
        ("damage", |it| fs::write(it.modules().join(".deka/state"), "deka-state").expect("a file")),
        ("empty", |it| fs::write(it.modules().join(".deka/state"), "").expect("a file")),
        ("forgotten", |it| forget(&it.modules()).expect("forgotten")),
        ("earlier boot", |it| State { boot: Some(BootId([7; 16])), ..it.state() }.write(&it.modules()).expect("written")),
    ];
    for (name, change) in changes {
        let mut installed = Installed::new();
        installed.state().write(&installed.modules()).expect("written");
        assert!(installed.is_current(), "{name}");
        change(&mut installed);
        assert!(!installed.is_current(), "{name}");
    }
}

#[test]
fn what_does_not_matter_changes_nothing() {
    let mut installed = Installed::new();
    installed.state().write(&installed.modules()).expect("written");
    installed.env = Env::from_iter([("HOME", "/h"), ("TOKEN", "1"), ("npm_config_registry", "http://registry.test/"), ("OTHER", "2")]);
    installed.flags.0.insert("reporter".to_owned(), "silent".to_owned());
    assert!(installed.is_current());
    State { boot: None, ..installed.state() }.write(&installed.modules()).expect("written");
    assert!(installed.is_current(), "files that are known to be on disk are not doubted");
}

#[test]
fn what_was_installed_for_some_projects_is_not_enough_for_all() {
    let installed = Installed::new();
    let (some, others) = (["a".to_owned()], ["a".to_owned(), "b".to_owned()]);
    let is_current = |installed_for: &[String], asked: &[String]| {
        let state = State { only: installed_for.to_vec(), ..installed.state() };
        state.is_current(&Now { root: installed.folder.path(), only: asked, env: &installed.env, flags: &installed.flags })
    };
    assert!(is_current(&[], &[]) && is_current(&[], &some) && is_current(&some, &some));
    assert!(!is_current(&some, &[]) && !is_current(&some, &others));
}

#[test]
fn a_moved_project_is_looked_at_again() {
    let installed = Installed::new();
    installed.state().write(&installed.modules()).expect("written");
    let elsewhere = Path::new("/elsewhere");
    let modules = installed.modules();
    let now = Now { root: elsewhere, only: &[], env: &installed.env, flags: &installed.flags };
    assert!(!State::read(&modules).expect("a state").is_current(&now));
}

#[test]
fn keeps_everything_and_takes_nothing_damaged() {
    let state = Installed::new().state();
    let bytes = encode(&state);
    assert_eq!(decode(&bytes), Some(state));
    for end in 0..bytes.len() {
        assert_eq!(decode(&bytes[..end]), None);
    }
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        assert_eq!(decode(&damaged), None);
    }
}

#[test]
fn a_planted_link_is_replaced_and_not_written_through() {
    let installed = Installed::new();
    let victim = installed.folder.path().join("victim");
    fs::write(&victim, "mine").expect("a file");
    std::os::unix::fs::symlink(&victim, folder::path(&installed.modules()).join("state")).expect("a link");
    installed.state().write(&installed.modules()).expect("written");
    assert_eq!(fs::read(&victim).expect("a file"), b"mine");
    assert!(installed.is_current());
}

#[test]
fn answers_in_much_less_than_a_millisecond() {
    let installed = Installed::new();
    let mut state = installed.state();
    for number in 0..100 {
        let link = format!("dependency-{number}");
        std::os::unix::fs::symlink(".deka/a@1", installed.modules().join(&link)).expect("a link");
        state.linked[0].links.push(link);
    }
    state.write(&installed.modules()).expect("written");
    // The best of many: other tests run beside this one.
    let best = (0..50).map(|_| {
        let start = Instant::now();
        assert!(installed.is_current());
        start.elapsed()
    });
    let best = best.min().expect("fifty");
    assert!(best < Duration::from_millis(2), "{best:?}");
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut sealed = super::MAGIC.to_vec();
        sealed.push(super::FORMAT);
        super::put(&mut sealed, super::WRITER.as_bytes());
        sealed.extend_from_slice(&bytes);
        let sum = super::checksum(&sealed);
        sealed.extend_from_slice(&sum);
        let _ = decode(&sealed);
    }
}
