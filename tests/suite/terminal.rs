//! What a terminal does to `deka run`: Ctrl-C goes to the whole group, once, and the script has the terminal.

use crate::support::{TestEnv, json};
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
    Session { child: command.spawn().unwrap(), keys: File::from(keys) }
}

impl Session {
    /// Waits for the end and returns the exit status and what stood on the screen.
    fn finish(mut self) -> (Option<i32>, String) {
        let mut keys = self.keys.try_clone().unwrap();
        let screen = std::thread::spawn(move || {
            let mut seen = Vec::new();
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
