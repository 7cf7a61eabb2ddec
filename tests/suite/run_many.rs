//! `deka run` and `deka exec` in several projects of a workspace: which, in what order, how many at once, and what a
//! failure does to the others.

use crate::support::{Registry, TestEnv, json};
use serde_json::Value;
use std::time::Instant;

/// A workspace of projects below `p`, each with scripts and the projects that it depends on.
fn workspace(projects: &[(&str, &[&str], Value)]) -> TestEnv {
    let env = TestEnv::with(&Registry::new());
    env.write("pnpm-workspace.yaml", "packages: [p/*]\n");
    env.manifest(json!({ "name": "root", "scripts": { "note": "echo root >> \"$INIT_CWD/log\"" } }));
    for (name, dependencies, scripts) in projects {
        let dependencies: serde_json::Map<String, Value> =
            dependencies.iter().map(|name| ((*name).to_owned(), json!("workspace:*"))).collect();
        let manifest = json!({ "name": name, "version": "1.0.0", "scripts": scripts, "dependencies": dependencies });
        env.write(&format!("p/{name}/package.json"), manifest.to_string());
    }
    env
}

/// Scripts that write the project's name into the log of the folder that deka was called in.
fn note() -> Value {
    json!({ "note": "echo $npm_package_name >> \"$INIT_CWD/log\"" })
}

fn log(env: &TestEnv) -> Vec<String> {
    let log = if env.has("log") { env.read("log") } else { String::new() };
    let _ = std::fs::remove_file(env.project().join("log"));
    log.lines().map(str::to_owned).collect()
}

#[test]
fn dependencies_come_first_in_a_graph_of_fifty() {
    // Each of ten layers depends on the whole layer below it, which makes a diamond of every pair of layers.
    let name = |layer: usize, place: usize| format!("l{layer}-{place}");
    let below: Vec<Vec<String>> =
        (0..10).map(|layer| if layer == 0 { Vec::new() } else { (0..5).map(|place| name(layer - 1, place)).collect() }).collect();
    let names: Vec<(usize, String)> = (0..10).flat_map(|layer| (0..5).map(move |place| (layer, name(layer, place)))).collect();
    let borrowed: Vec<Vec<&str>> = below.iter().map(|names| names.iter().map(String::as_str).collect()).collect();
    let projects: Vec<(&str, &[&str], Value)> =
        names.iter().map(|(layer, name)| (name.as_str(), borrowed[*layer].as_slice(), note())).collect();
    let env = workspace(&projects);
    let layers = |env: &TestEnv| log(env).iter().map(|name| name[1..2].parse::<usize>().unwrap()).collect::<Vec<usize>>();
    env.deka(["run", "-r", "--concurrency", "8", "note"]).success();
    let ran = layers(&env);
    assert_eq!(ran.len(), 50, "the root's own script is not among them");
    assert!(ran.is_sorted(), "{ran:?}");
    env.deka(["-r", "run", "--reverse", "--concurrency=8", "note"]).success();
    assert!(layers(&env).iter().rev().is_sorted());
    env.deka(["-r", "exec", "--concurrency=8", "-c", "echo $npm_package_name >> \"$INIT_CWD/log\""]).success();
    let ran = layers(&env);
    assert!(ran.len() == 50 && ran.is_sorted(), "{ran:?}");
}

#[test]
fn filters_choose_projects_and_keep_their_order() {
    // The way from `top` to `low` leads through a project that is not selected.
    let env = workspace(&[("top", &["mid"], note()), ("mid", &["low"], note()), ("low", &[], note()), ("zap", &[], json!({}))]);
    for (arguments, want) in [
        (&["--filter", "top", "--filter", "low", "run", "note"][..], &["low", "top"][..]),
        (&["run", "--filter", "top...", "note"], &["low", "mid", "top"]),
        (&["-F", "!mid", "run", "note"], &["low", "top"]),
        (&["--filter", "mid", "note"], &["mid"]),
        (&["-r", "-w", "run", "--sequential", "note"], &["root", "low", "mid", "top"]),
        (&["-w", "run", "note"], &["root"]),
        (&["-r", "run", "--resume-from", "mid", "note"], &["mid", "top"]),
        (&["-r", "run", "--resume-from", "p/top", "--reverse", "note"], &["top", "mid", "low"]),
        (&["-r", "run", "--resume-from", "mid", "--reverse", "note"], &["mid", "low"]),
        (&["-r", "run", "--sequential", "--no-sort", "note"], &["low", "mid", "top"]),
        (&["--filter", "nothing", "run", "note"], &[]),
        (&["--filter", "zap", "run", "--if-present", "note"], &[]),
    ] {
        let said = env.deka(arguments).success();
        assert_eq!(log(&env), want, "{}", said.report());
    }
    env.deka(["--filter", "zap", "run", "note"]).failure(2).says("none of the 1 selected projects has a script `note`");
    env.deka(["-r", "run", "noet"]).failure(2).says("none of the 4 selected projects").says("Did you mean `note`?");
    env.deka(["-r", "run", "--resume-from", "nobody", "note"])
        .failure(2)
        .says("`nobody`, to resume from, is none of the selected projects");
    env.deka(["-r", "run"]).failure(2).says("which script");
}

#[test]
fn a_circle_of_projects_runs_all_of_them() {
    let env = workspace(&[("a", &["b"], note()), ("b", &["a"], note()), ("c", &["a"], note())]);
    env.deka(["-r", "run", "note"]).success();
    let ran = log(&env);
    assert!(ran.len() == 3 && ran[2] == "c", "{ran:?}");
}

#[test]
fn lines_stand_under_the_name_of_their_project() {
    let env = workspace(&[("a", &["b"], json!({ "go": "echo a $1", "prego": "echo before" })), ("b", &[], json!({ "go": "echo b >&2" }))]);
    let want = "p/b go$ echo b >&2\np/b go: b\np/b go: Done\np/a prego$ echo before\np/a prego: before\np/a prego: Done\n\
                p/a go$ echo a $1\np/a go: a\np/a go: Done\n";
    assert_eq!(env.deka(["-r", "run", "go"]).success().stdout, want);
    assert_eq!(
        env.deka(["-r", "--reporter=silent", "run", "--stream", "--sequential", "go"]).success().stdout,
        "p/b go: b\np/a prego: before\np/a go: a\n"
    );
    let said = env.deka(["-r", "run", "--concurrency=1", "go"]).success();
    assert_eq!(
        (said.stdout.as_str(), said.stderr.as_str()),
        ("before\na\n", "p/b go$ echo b >&2\nb\np/a prego$ echo before\np/a go$ echo a $1\n")
    );
    let exec = env.deka(["-r", "exec", "--hide-prefix", "pwd"]).success();
    assert_eq!(exec.stdout, "[PROJECT]/p/b\n[PROJECT]/p/a\n");
    let exec = env.deka(["-r", "exec", "--stream", "echo", "x"]).success();
    assert_eq!(exec.stdout, "p/b$ echo x\np/b: x\np/b: Done\np/a$ echo x\np/a: x\np/a: Done\n");
    for line in env.deka(["-r", "--reporter=ndjson", "run", "--no-install", "go"]).success().stdout.lines() {
        let event: Value = serde_json::from_str(line).expect(line);
        assert!(event["script"].as_str().is_some_and(|name| name.starts_with("p/")), "{line}");
    }
}

#[test]
fn all_at_once_means_no_order_and_no_limit() {
    // Each waits for the other, which only works when both run.
    let wait =
        |own: &str, other: &str| json!({ "go": format!("touch ../{own}.ready; until [ -e ../{other}.ready ]; do sleep 0.01; done") });
    let env = workspace(&[("a", &["b"], wait("a", "b")), ("b", &[], wait("b", "a"))]);
    env.deka(["-r", "run", "--parallel", "go"]).success();
}

#[test]
fn the_number_at_once_is_kept() {
    let count = "echo + >> \"$INIT_CWD/log\"; sleep 0.1; echo - >> \"$INIT_CWD/log\"";
    let names: Vec<String> = (0..6).map(|number| format!("p{number}")).collect();
    let projects: Vec<(&str, &[&str], Value)> = names.iter().map(|name| (name.as_str(), &[][..], json!({ "go": count }))).collect();
    let env = workspace(&projects);
    for (arguments, limit) in [(&["--concurrency=3"][..], 3), (&["--workspace-concurrency=2"], 2), (&["--parallel"], 6)] {
        let words: Vec<&str> = ["-r", "run"].iter().chain(arguments).chain(&["go"]).copied().collect();
        env.deka(words).success();
        let (mut now, mut most) = (0, 0);
        for line in log(&env) {
            now += if line == "+" { 1 } else { -1 };
            most = most.max(now);
        }
        assert!(now == 0 && most <= limit, "{arguments:?}: {most}");
        assert!(limit < 6 || most > 3, "all were to run at once, but {most} did");
    }
}

#[test]
fn a_failure_ends_what_runs_and_names_the_project() {
    let long = json!({ "go": "echo $$ > pids; sleep 60 & echo $! >> pids; wait" });
    let fails = json!({ "go": "until [ -s ../a/pids ] && [ $(wc -l < ../a/pids) = 2 ]; do sleep 0.01; done; exit 9" });
    let env = workspace(&[("a", &[], long), ("b", &[], fails), ("c", &["b"], note())]);
    let start = Instant::now();
    let said = env.deka(["-r", "run", "--concurrency=2", "go"]).failure(9);
    assert!(said.stderr.contains("the `go` script of b@1.0.0 failed with exit code 9"), "{}", said.report());
    assert!(start.elapsed().as_secs() < 30);
    for id in env.read("p/a/pids").split_whitespace() {
        super::signals::all_end(&[id.parse().unwrap()], "when one has failed");
    }
}

#[test]
fn without_bail_what_depends_on_a_failure_runs_all_the_same() {
    let env = workspace(&[("a", &[], json!({ "note": "exit 3" })), ("b", &["a"], note()), ("c", &[], json!({ "note": "exit 4" }))]);
    let said = env.deka(["-r", "run", "--no-bail", "note"]).fails();
    assert!(matches!(said.status.code(), Some(3 | 4)), "{}", said.report());
    assert_eq!(log(&env), ["b"]);
    said.says("2 of 3 failed")
        .says("the `note` script of a@1.0.0 failed with exit code 3")
        .says("the `note` script of c@1.0.0 failed with exit code 4");
    // A command that is not there is a failure like any other.
    env.deka(["-r", "exec", "--no-bail", "no-such-command"]).failure(127).says("3 of 3 failed");
}

#[test]
fn a_script_that_starts_the_recursion_is_not_part_of_it() {
    let env = workspace(&[("a", &[], note())]);
    let deka = env!("CARGO_BIN_EXE_deka");
    let scripts = json!({ "note": format!("'{deka}' -r -w run note") });
    env.manifest(json!({ "name": "root", "scripts": scripts }));
    env.deka(["run", "note"]).success();
    assert_eq!(log(&env), ["a"]);
}

#[test]
fn a_project_below_the_root_is_the_one_that_is_meant() {
    let env = workspace(&[("a", &[], json!({ "note": "echo $npm_package_name > here" }))]);
    env.write("p/a/src/file", "");
    env.prepare(["note"]).in_folder(&env.project().join("p/a/src")).run().success();
    assert_eq!(env.read("p/a/here"), "a\n");
    let said = env.prepare(["exec", "pwd"]).in_folder(&env.project().join("p/a/src")).run().success();
    assert_eq!(said.stdout, "[PROJECT]/p/a/src\n");
}
