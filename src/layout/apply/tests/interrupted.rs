//! Installs that did not finish, and records that were lost.

use super::{Sandbox, no_dangling_links, tree};
use crate::layout::aside::ASIDE;
use crate::layout::testing::resolution;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn an_install_that_was_killed_is_finished_by_the_next() {
    let sandbox = Sandbox::new();
    let old = ". : a b\n a@1.0.0 : c\n b@1.0.0 :\n c@1.0.0 :";
    let new = ". : a d tool\n a@1.0.0 : d\n d@1.0.0 :\n tool@1.0.0 : d";
    for start in ["", old] {
        for built in 0..3 {
            crate::fs::remove_all(&sandbox.path("node_modules")).expect("removed");
            if !start.is_empty() {
                sandbox.install(start);
            }
            let resolution = resolution(new);
            let builder = sandbox.begin(&resolution);
            for (slot, package) in sandbox.packages(&builder, &resolution).iter().take(built) {
                builder.build(*slot, &sandbox.store, package).expect("built");
            }
            // As a kill would: what is aside stays there.
            drop(builder);
            wait_for_locks(&sandbox.path("node_modules/.deka"));
            if !start.is_empty() {
                no_dangling_links(&sandbox.places.root);
            }
            sandbox.install(new);
            let finished = tree(&sandbox.places.root);
            crate::fs::remove_all(&sandbox.path("node_modules")).expect("removed");
            sandbox.install(new);
            assert_eq!(finished, tree(&sandbox.places.root));
        }
    }
}

/// Waits until nobody holds the lock of a folder of unfinished work. Programs that other tests of this process start have
/// it as well, from their fork until they are run.
fn wait_for_locks(slots: &Path) {
    for entry in fs::read_dir(slots).expect("a folder").flatten() {
        if entry.file_name().to_string_lossy().starts_with(ASIDE) {
            let folder = fs::File::open(entry.path()).expect("a folder");
            rustix::fs::flock(&folder, rustix::fs::FlockOperation::LockExclusive).expect("a lock");
        }
    }
}

const BEFORE_THE_KILL: &str = ". : a b tool @s/x
    a@1.0.0 : c tool
    b@1.0.0 : c
    c@1.0.0 :
    tool@1.0.0 :
    @s/x@1.0.0 : b";
const AFTER_THE_KILL: &str = ". : a d toolbox @s/y
    a@1.0.0 : d toolbox
    d@1.0.0 : e
    e@1.0.0 : d
    toolbox@1.0.0 :
    @s/y@1.0.0 : e";
/// Tells the process that is killed where it works.
const VICTIM: &str = "DEKA_TEST_LAYOUT_VICTIM";

/// Installs in a process of its own, and is killed by the test below; on its own it does nothing.
#[test]
fn victim() {
    let Some(folder) = std::env::var_os(VICTIM) else {
        return;
    };
    let mut sandbox = Sandbox::at(Path::new(&folder));
    if folder.to_string_lossy().ends_with("shared") {
        sandbox.places.shared = Some(sandbox.folder.join("store/slots").to_str().expect("text").to_owned());
    }
    println!("ready");
    sandbox.install(AFTER_THE_KILL);
}

fn kill_an_install(folder: &Path, after: Duration) {
    let mut victim = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "layout::apply::tests::interrupted::victim", "--nocapture"])
        .env(VICTIM, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(victim.stdout.take().expect("a pipe")).lines();
    let mut lines = lines.map(|line| line.expect("text"));
    assert!(lines.any(|line| line.ends_with("ready")));
    std::thread::sleep(after);
    victim.kill().expect("killed");
    victim.wait().expect("ended");
}

#[test]
fn an_install_can_be_killed_at_any_moment() {
    for kind in ["own", "shared"] {
        let guard = tempfile::tempdir().expect("a temporary folder");
        let folder = guard.path().join(kind);
        fs::create_dir(&folder).expect("made");
        let mut sandbox = Sandbox::at(&folder);
        if kind == "shared" {
            sandbox.places.shared = Some(folder.join("store/slots").to_str().expect("text").to_owned());
        }
        // The names of shared slots do not depend on the project, so this is what every run has to arrive at.
        sandbox.install(AFTER_THE_KILL);
        let wanted = tree(&sandbox.places.root);
        for step in 0..10_u64 {
            if kind == "shared" {
                crate::fs::remove_all(&folder.join("store/slots")).expect("removed");
            }
            crate::fs::remove_all(&sandbox.path("node_modules")).expect("removed");
            if step % 4 != 0 {
                sandbox.install(BEFORE_THE_KILL);
            }
            kill_an_install(&folder, Duration::from_micros(step * 500));
            if let Ok(direct) = fs::read_dir(sandbox.path("node_modules")) {
                for entry in direct {
                    let path = entry.expect("an entry").path();
                    assert!(path.exists(), "{} dangles after {step} steps", path.display());
                }
            }
            sandbox.install(AFTER_THE_KILL);
            assert_eq!(tree(&sandbox.places.root), wanted, "{kind} slots, step {step}");
            no_dangling_links(&folder);
        }
    }
}

#[test]
fn a_lost_or_damaged_record_costs_a_relink_and_nothing_else() {
    let sandbox = Sandbox::new();
    let new = ". : a tool\n a@1.0.0 : tool\n tool@1.0.0 :";
    sandbox.install(new);
    let wanted = tree(&sandbox.places.root);
    for damage in [None, Some("garbage")] {
        sandbox.install(". : a gone toolbox\n a@1.0.0 : gone\n gone@1.0.0 : deep\n deep@1.0.0 :\n toolbox@1.0.0 :");
        let record = sandbox.path("node_modules/.deka/tree");
        match damage {
            None => fs::remove_file(&record).expect("removed"),
            Some(bytes) => fs::write(&record, bytes).expect("written"),
        }
        sandbox.install(new);
        assert_eq!(tree(&sandbox.places.root), wanted);
    }
}

#[test]
fn what_is_abandoned_leaves_what_stood_there() {
    let sandbox = Sandbox::new();
    let (old, new) = (". : a b\n a@1.0.0 : c\n b@1.0.0 :\n c@1.0.0 :", ". : a d\n a@1.0.0 : d\n d@1.0.0 :");
    for start in ["", old] {
        for built in 0..3 {
            crate::fs::remove_all(&sandbox.path("node_modules")).expect("removed");
            if !start.is_empty() {
                sandbox.install(start);
            }
            let (resolution, before) = (resolution(new), tree(&sandbox.places.root));
            let builder = sandbox.begin(&resolution);
            for (slot, package) in sandbox.packages(&builder, &resolution).iter().take(built) {
                builder.build(*slot, &sandbox.store, package).expect("built");
            }
            builder.abandon().expect("abandoned");
            let left = tree(&sandbox.places.root);
            assert!(left == before || (start.is_empty() && left == "node_modules/.deka/\n"), "{built}: {left}\nwanted {before}");
            sandbox.install(new);
            let finished = tree(&sandbox.places.root);
            crate::fs::remove_all(&sandbox.path("node_modules")).expect("removed");
            sandbox.install(new);
            assert_eq!(finished, tree(&sandbox.places.root));
        }
    }
}

#[test]
fn what_was_replaced_comes_back() {
    let mut sandbox = Sandbox::new();
    let text = ". : a\n a@1.0.0 :";
    sandbox.install(text);
    std::fs::write(sandbox.path("node_modules/a/mine"), "kept").expect("a file");
    sandbox.trust = false;
    let resolution = resolution(text);
    let builder = sandbox.begin(&resolution);
    for (slot, package) in &sandbox.packages(&builder, &resolution) {
        builder.build(*slot, &sandbox.store, package).expect("built");
    }
    assert!(!sandbox.path("node_modules/a/mine").exists());
    builder.abandon().expect("abandoned");
    assert_eq!(std::fs::read(sandbox.path("node_modules/a/mine")).expect("a file"), b"kept");
}
