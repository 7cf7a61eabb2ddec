//! What a terminal is for: Ctrl-C goes to the whole group of a script, once, the script has the terminal, and `deka update
//! --interactive` asks there.

use crate::support::{Registry, TestEnv, json};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{ioctl_tiocsctty, setsid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A run of deka with a terminal of its own.
struct Session {
    child: Child,
    keys: File,
    /// What stood on the screen so far.
    seen: Vec<u8>,
}

/// Starts deka as a shell would at a terminal.
fn session(env: &TestEnv, arguments: &[&str]) -> Session {
    let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&keys).unwrap();
    unlockpt(&keys).unwrap();
    let name = ptsname(&keys, Vec::new()).unwrap();
    let screen = File::from(open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_deka"));
    command.args(arguments).current_dir(env.project()).env_clear().env("HOME", env.home());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let of_screen = || Stdio::from(screen.try_clone().unwrap());
    command.stdin(of_screen()).stdout(of_screen()).stderr(of_screen());
    // SAFETY: the closure makes two system calls between fork and exec; it neither allocates nor locks.
    unsafe {
        command.pre_exec(|| {
            setsid()?;
            ioctl_tiocsctty(rustix::stdio::stdin())?;
            Ok(())
        });
    }
    Session { child: command.spawn().unwrap(), keys: File::from(keys), seen: Vec::new() }
}

impl Session {
    /// Waits until a text stands on the screen, and types.
    fn answer(&mut self, text: &str, typed: &str) {
        let mut bytes = [0; 256];
        while !String::from_utf8_lossy(&self.seen).contains(text) {
            let length = self.keys.read(&mut bytes).unwrap();
            self.seen.extend_from_slice(&bytes[..length]);
        }
        self.keys.write_all(typed.as_bytes()).unwrap();
    }

    /// Waits for the end and returns the exit status and what stood on the screen.
    fn finish(mut self) -> (Option<i32>, String) {
        let (mut keys, mut seen) = (self.keys.try_clone().unwrap(), std::mem::take(&mut self.seen));
        let screen = std::thread::spawn(move || {
            // Reading fails when nobody has the terminal open any more.
            let _ = keys.read_to_end(&mut seen);
            String::from_utf8_lossy(&seen).into_owned()
        });
        let status = self.child.wait().unwrap();
        (status.code(), screen.join().unwrap())
    }
}

#[track_caller]
fn until(env: &TestEnv, file: &str) {
    let start = Instant::now();
    while !env.has(file) {
        assert!(start.elapsed() < Duration::from_secs(30), "`{file}` never comes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn with_scripts(scripts: serde_json::Value) -> TestEnv {
    let env = TestEnv::new();
    env.manifest(json!({ "name": "app", "scripts": scripts }));
    env
}

#[test]
fn ctrl_c_reaches_a_script_once_and_deka_waits_for_it() {
    let own = "trap 'echo heard >> log; sleep 0.1; exit 9' INT; touch ready; while :; do sleep 0.02; done";
    let env = with_scripts(json!({ "own": own, "postown": "touch after" }));
    let mut session = session(&env, &["run", "own"]);
    until(&env, "ready");
    session.keys.write_all(b"\x03").unwrap();
    assert_eq!(session.finish().0, Some(9));
    assert_eq!(env.read("log"), "heard\n");
    assert!(!env.has("after"));
}

#[test]
fn ctrl_c_ends_a_script_and_what_it_has_in_the_background() {
    // A shell has its background jobs ignore Ctrl-C, and overlooks one itself while it starts a command or one ends.
    let script = "sleep 60 & echo $! > pid; node -e \"require('fs').writeFileSync('ready', ''); setTimeout(() => {}, 60000)\"";
    for arguments in [&["run", "go"][..], &["run", "--stream", "go"]] {
        let env = with_scripts(json!({ "go": script }));
        let mut session = session(&env, arguments);
        until(&env, "ready");
        session.keys.write_all(b"\x03").unwrap();
        let (status, screen) = session.finish();
        assert_eq!(status, Some(130), "{screen}");
        assert!(!screen.contains("DEKA_E_"), "{screen}");
        super::signals::all_end(&[env.read("pid").trim().parse().unwrap()], &screen);
    }
}

#[test]
fn a_script_has_the_terminal() {
    let env = with_scripts(json!({ "ask": "test -t 0 && test -t 1 && test -t 2 && read line && echo \"got $line\"" }));
    let mut session = session(&env, &["run", "ask"]);
    session.keys.write_all(b"words\n").unwrap();
    let (status, screen) = session.finish();
    assert!(status == Some(0) && screen.contains("got words"), "{screen}");
}

/// A project with three packages that are old.
fn with_old_packages() -> TestEnv {
    let registry = ["a", "b", "c"].into_iter().fold(Registry::new(), |registry, name| registry.package(name, "1.0.0", |p| p));
    let registry = registry.cache_control("max-age=0");
    let env = TestEnv::with(&registry);
    env.manifest(json!({ "dependencies": { "a": "^1.0.0", "b": "^1.0.0" }, "devDependencies": { "c": "^1.0.0" } }));
    env.install().success();
    for name in ["a", "b", "c"] {
        registry.publish(name, "1.1.0", |p| p);
        registry.publish(name, "2.0.0", |p| p);
    }
    // It answers for as long as the test runs.
    std::mem::forget(registry);
    env
}

#[test]
fn an_update_takes_what_was_chosen_at_the_terminal() {
    for (arguments, keys, want) in [
        (&["update", "-i"][..], "\x1b[B \r", ["^1.0.0", "^1.1.0", "^1.0.0"]),
        (&["up", "-i", "--latest"], "a\r", ["^2.0.0", "^2.0.0", "^2.0.0"]),
        (&["up", "-i", "-L", "-D"], " \r", ["^1.0.0", "^1.0.0", "^2.0.0"]),
        (&["up", "--interactive", "b", "c"], " \r", ["^1.0.0", "^1.1.0", "^1.0.0"]),
    ] {
        let env = with_old_packages();
        let mut session = session(&env, arguments);
        session.answer("return is the end", keys);
        let (status, screen) = session.finish();
        assert_eq!(status, Some(0), "{screen}");
        let manifest: serde_json::Value = serde_json::from_str(&env.read("package.json")).unwrap();
        let found = [&manifest["dependencies"]["a"], &manifest["dependencies"]["b"], &manifest["devDependencies"]["c"]];
        assert_eq!(found, want, "{arguments:?}: {screen}");
    }
}

#[test]
fn who_leaves_the_choice_changes_nothing() {
    let env = with_old_packages();
    let before = (env.read("package.json"), env.read("deka.lock"));
    for (keys, status) in [(" q", 130), ("a\x03", 130), ("\r", 0)] {
        let mut session = session(&env, &["update", "-i"]);
        session.answer("return is the end", keys);
        let (found, screen) = session.finish();
        assert_eq!(found, Some(status), "{screen}");
        assert!(screen.contains("○ a  1.0.0  →  1.1.0"), "{screen}");
        assert_eq!((env.read("package.json"), env.read("deka.lock")), before, "{screen}");
    }
    env.deka(["update", "-i"]).failure(2).says("needs a terminal").says("deka outdated");
}
