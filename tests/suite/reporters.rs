//! The four ways to say what happens.

use crate::support::{Registry, TestEnv, json};
use insta::assert_snapshot;
use serde_json::Value;

fn env() -> TestEnv {
    let registry = Registry::new()
        .package("a", "1.0.0", |p| p.dep("b", "1").deprecated("use c"))
        .package("b", "1.0.0", |p| p.script("postinstall", "exit 1"))
        .package("c", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    // Each step needs the network, so the registry stays as long as the test.
    std::mem::forget(registry);
    env
}

#[test]
fn by_default_the_summary_is_data_and_the_rest_is_not() {
    let env = env();
    let said = env.install().success();
    assert_snapshot!(said.stdout, @r"
    + a@1.0.0

    2 packages installed [TIME]
    ");
    assert!(said.stderr.contains("use c") && said.stderr.contains("b@1.0.0"), "{}", said.report());
    assert!(!said.text().contains(['\u{1b}', '\r']), "this is no terminal: {}", said.report());
    env.depends_on(&[("c", "1")]);
    assert_snapshot!(env.install().success().stdout, @r"
    - a@1.0.0
    + c@1.0.0

    1 package installed, 2 removed [TIME]
    ");
    assert_snapshot!(env.install().success().stdout, @"Already up to date [TIME]");
}

#[test]
fn append_only_rewrites_nothing() {
    let said = env().deka(["install", "--reporter=append-only"]).success().line("+ a@1.0.0").line("2 packages installed [TIME]");
    assert!(!said.text().contains(['\u{1b}', '\r']), "{}", said.report());
}

#[test]
fn ndjson_is_json_line_by_line() {
    let env = env();
    let lines = |said: crate::support::Said| -> Vec<Value> {
        let parsed = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")));
        parsed.collect()
    };
    let said = env.deka(["install", "--reporter=ndjson"]).success();
    assert_eq!(said.stderr, "");
    let events = lines(said);
    assert!(events.iter().all(|event| event["type"].is_string()), "{events:#?}");
    let summary = events.iter().find(|event| event["type"] == "summary").unwrap();
    assert_eq!(summary["changes"], json!([{ "name": "a", "from": null, "to": "1.0.0" }]));
    assert_eq!((&summary["installed"], &summary["downloaded"]), (&json!(2), &json!(2)));
    assert!(events.iter().any(|event| event["type"] == "warning"), "{events:#?}");
    let events = lines(env.deka(["install", "--reporter=ndjson"]).success());
    assert_eq!(events.iter().filter(|event| event["type"] == "summary").count(), 1);
    env.depends_on(&[("nowhere", "1")]);
    let failed = env.deka(["install", "--reporter=ndjson"]).0;
    assert_eq!(failed.status.code(), Some(20));
    let events = lines(failed);
    let error = events.iter().find(|event| event["type"] == "error").unwrap();
    assert_eq!(error["code"], "DEKA_E_NOT_FOUND");
}

#[test]
fn silent_speaks_of_failure_only() {
    let env = env();
    for flags in [&["install", "--reporter=silent"][..], &["install", "--silent"], &["install", "-s", "--force"]] {
        let said = env.deka(flags).success();
        assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""));
    }
    env.depends_on(&[("nowhere", "1")]);
    env.deka(["install", "--reporter=silent"]).failure(20).says("nowhere");
}

#[test]
fn a_trace_names_stages_and_times() {
    let env = env();
    for run in [env.prepare(["install"]).env("DEKA_DEBUG", "1"), env.prepare(["install", "--log", "--force"])] {
        let said = run.run().success();
        let stderr = said.stderr.to_lowercase();
        assert!(stderr.contains("resol") && stderr.contains("ms"), "{}", said.report());
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let env = env();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_deka"))
        .arg("--help")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .current_dir(env.project())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
}
