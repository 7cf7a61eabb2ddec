//! Signals on their way through `deka run`: to whom they go, who is left, and what the exit status tells.

use crate::support::{TestEnv, json};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;
use std::time::{Duration, Instant};

fn with_scripts(scripts: Value) -> TestEnv {
    let env = TestEnv::new();
    env.manifest(json!({ "name": "app", "scripts": scripts }));
    env
}

/// Says whether a process runs. One that has ended and that nobody has asked about does not.
pub fn is_alive(id: i32) -> bool {
    let is_over = std::fs::read_to_string(format!("/proc/{id}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')));
    Pid::from_raw(id).is_some_and(|id| test_kill_process(id).is_ok()) && !is_over
}

/// Waits until none of some processes runs. Whoever is killed is gone a moment later than the signal is sent.
#[track_caller]
pub fn all_end(ids: &[i32], what: &str) {
    until(|| !ids.iter().any(|id| is_alive(*id)), &format!("none of {ids:?} is left, {what}"));
}

/// Ends a process that a test has started.
pub fn end(id: i32) {
    let _ = Pid::from_raw(id).map(|id| kill_process(id, Signal::KILL));
}

/// Waits until a file of the project holds a line, and reads the numbers in it.
#[track_caller]
fn numbers(env: &TestEnv, file: &str) -> Vec<i32> {
    until(|| env.has(file) && env.read(file).ends_with('\n'), file);
    env.read(file).split_whitespace().map(|number| number.parse().unwrap()).collect()
}

#[track_caller]
fn until(mut is_so: impl FnMut() -> bool, what: &str) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "it never comes to this: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A script that starts processes below a shell below another, and writes down all their numbers.
const FAMILY: &str = "sh -c 'sleep 60 & echo $$ $! >> part; wait' & sleep 60 & echo $$ $! >> part; while [ $(wc -l < part) -lt 2 ]; do sleep 0.01; done; mv part pids; wait";

#[test]
fn a_signal_for_deka_alone_reaches_everything_below_it() {
    for (signal, status) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        for arguments in [&["run", "family"][..], &["run", "--stream", "family"], &["exec", "-c", FAMILY]] {
            let env = with_scripts(json!({ "family": FAMILY }));
            let running = env.prepare(arguments).start();
            let family = numbers(&env, "pids");
            assert_eq!(family.len(), 4);
            running.signal(signal);
            running.finish().status(status);
            all_end(&family, &format!("after {signal:?}"));
        }
    }
}

#[test]
fn a_script_decides_what_comes_of_a_signal_and_hears_it_once() {
    let env = with_scripts(
        json!({ "own": "trap 'echo heard >> log; sleep 0.2; exit 9' TERM; echo ready > ready; while :; do sleep 0.02; done" }),
    );
    let running = env.prepare(["run", "own"]).start();
    until(|| env.has("ready"), "ready");
    running.signal(Signal::TERM);
    let said = running.finish().status(9);
    assert_eq!(env.read("log"), "heard\n");
    assert!(!said.stderr.contains("DEKA_E_SCRIPT"), "whoever sent it knows: {}", said.report());
}

#[test]
fn deka_below_deka_hands_a_signal_on_once() {
    let deka = env!("CARGO_BIN_EXE_deka");
    let env = with_scripts(json!({
        "outer": format!("'{deka}' run inner"),
        "inner": "trap 'echo heard >> log; exit 9' TERM; echo ready > ready; while :; do sleep 0.02; done",
    }));
    let running = env.prepare(["run", "outer"]).start();
    until(|| env.has("ready"), "ready");
    running.signal(Signal::TERM);
    let _ = running.finish().either();
    assert_eq!(env.read("log"), "heard\n");
}

#[test]
fn after_a_signal_nothing_further_is_started() {
    let env = with_scripts(json!({ "go": "trap 'exit 0' TERM; echo ready > ready; while :; do sleep 0.02; done", "postgo": "echo after" }));
    let running = env.prepare(["run", "go"]).start();
    until(|| env.has("ready"), "ready");
    running.signal(Signal::TERM);
    running.finish().status(143).never_says("after");
}

#[cfg(target_os = "linux")]
#[test]
fn when_deka_is_killed_outright_the_script_goes_too() {
    for arguments in [&["run", "wait"][..], &["run", "--stream", "wait"], &["exec", "sh", "-c", "echo $$ > pid; exec sleep 60"]] {
        let env = with_scripts(json!({ "wait": "echo $$ > pid; exec sleep 60" }));
        let running = env.prepare(arguments).start();
        let script = numbers(&env, "pid");
        let _ = running.kill();
        all_end(&script[..1], "the script");
    }
}

#[test]
fn what_deka_was_told_to_ignore_its_scripts_ignore() {
    let env = with_scripts(json!({ "go": "kill -HUP $$; echo alive" }));
    let shell = format!("trap '' HUP; exec '{}' run go", env!("CARGO_BIN_EXE_deka"));
    env.prepare_program("/bin/sh".as_ref(), ["-c", &shell]).run().success().line("alive");
    env.deka(["run", "go"]).status(129);
}

#[test]
fn a_pipe_that_nobody_reads_any_more_ends_the_script_quietly() {
    let env = with_scripts(json!({ "much": "yes" }));
    let shell = format!("'{}' run much | head -n 1", env!("CARGO_BIN_EXE_deka"));
    env.prepare_program("/bin/sh".as_ref(), ["-c", &shell]).run().success().line("y");
}
