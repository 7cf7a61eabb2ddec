//! `deka run`: which script, with which arguments, in which surroundings, and how it ends.

use crate::support::{Registry, TestEnv, json};
use serde_json::Value;

/// A project with these scripts and nothing to install.
fn with_scripts(scripts: Value) -> TestEnv {
    let env = TestEnv::new();
    env.manifest(json!({ "name": "app", "version": "1.2.3", "scripts": scripts }));
    env
}

fn registry() -> Registry {
    Registry::new().package("tool", "1.0.0", |p| p.bin("tool", "t.js")).package("more", "1.0.0", |p| p)
}

#[test]
fn scripts_are_listed_in_the_order_of_the_file() {
    let env = with_scripts(json!({ "zip": "z", "test": "t", "build": "b\nc", "prestart": "p" }));
    let said = env.deka(["run"]).success();
    let list = "Lifecycle scripts:\n  test\n    t\n  prestart\n    p\n\nCommands available via \"deka run\":\n  zip\n    z\n  build\n    b\n    c\n";
    assert_eq!(said.stdout, list);
    with_scripts(json!({})).deka(["run"]).success().says("app@1.2.3 has no scripts");
}

#[test]
fn arguments_reach_the_script_as_they_are() {
    let env = with_scripts(json!({ "show": "printf '<%s>'" }));
    let typed = ["a b", "it's", "\"q\"", "$HOME", "", "*", "new\nline", "--", "-r", "--silent", "--help", "ä", "\\", "`id`", "!"];
    let want: String = typed.iter().map(|word| format!("<{word}>")).collect();
    for before in [&["run", "show"][..], &["show"], &["run-script", "--no-install", "show"]] {
        let words: Vec<&str> = before.iter().chain(&typed).copied().collect();
        assert_eq!(env.deka(words).success().stdout, want, "{before:?}");
    }
}

#[test]
fn a_script_runs_between_its_pre_and_post() {
    let env =
        with_scripts(json!({ "prego": "echo before", "go": "echo now", "postgo": "echo after", "prebad": "exit 3", "bad": "echo never" }));
    let said = env.deka(["run", "go", "x"]).success();
    assert_eq!(said.stdout, "before\nnow x\nafter\n");
    assert_eq!(said.stderr, "$ echo before\n$ echo now x\n$ echo after\n");
    assert_eq!(env.prepare(["go"]).env("npm_config_enable_pre_post_scripts", "false").run().success().stdout, "now\n");
    let said = env.deka(["run", "bad"]).failure(3).never_says("never");
    assert!(said.stderr.contains("the `prebad` script of app@1.2.3 failed with exit code 3"), "{}", said.report());
    assert_eq!(env.deka(["--silent", "run", "go"]).success().stderr, "");
}

#[test]
fn the_exit_status_is_that_of_the_script() {
    let env = with_scripts(json!({ "code": "exit 7", "signal": "kill -9 $$", "big": "exit 255" }));
    env.deka(["run", "code"]).failure(7).says("DEKA_E_SCRIPT").says("failed with exit code 7");
    env.deka(["run", "signal"]).failure(137).says("was ended by signal 9");
    env.deka(["big"]).failure(255);
}

#[test]
fn a_name_that_nothing_has_is_an_error_with_near_names() {
    let env = with_scripts(json!({ "build": "b", "test:unit": "t" }));
    env.deka(["run", "biuld"]).failure(2).says("DEKA_E_NO_SCRIPT").says("app@1.2.3 has no script `biuld`").says("Did you mean `build`?");
    env.deka(["run", "--if-present", "biuld"]).success();
    env.deka(["buidl"]).failure(2).says("there is no command and no script `buidl`").says("Did you mean `build`?");
    env.deka(["instal"]).failure(2).says("DEKA_E_NO_COMMAND").says("Did you mean `install`");
    env.deka(["run", "/^x/"]).failure(2).says("has no script `/^x/`");
    env.deka(["run", "/(/"]).failure(2).says("no regular expression");
    let outside = TestEnv::new();
    outside.deka(["build"]).failure(2).says("deka has no command `build`, and here is no project");
    outside.deka(["run", "build"]).failure(2).says("DEKA_E_MANIFEST");
    // A manifest that cannot be read is not the same as none.
    outside.write("package.json", "{");
    outside.deka(["build"]).failure(2).says("DEKA_E_MANIFEST").never_says("no command");
}

#[test]
fn start_without_a_script_is_the_server() {
    let env = with_scripts(json!({}));
    env.deka(["start"]).failure(2);
    env.write("server.js", "console.log(process.argv[2])");
    assert_eq!(env.deka(["start", "a b"]).success().stdout, "a b\n");
}

#[test]
fn a_script_has_the_environment_that_npm_gives() {
    let env = TestEnv::with(&registry());
    let print = "tool done; pwd; echo $npm_lifecycle_event $npm_package_name $npm_package_version $npm_command; echo $INIT_CWD; echo ${npm_package_json}; echo $OWN";
    env.manifest(json!({ "name": "app", "version": "1.2.3", "scripts": { "show": print }, "dependencies": { "tool": "1" } }));
    env.write("deep/er/file", "").install().success();
    let said = env.prepare(["run", "show"]).in_folder(&env.project().join("deep/er")).env("OWN", "mine").env("npm_package_old", "x").run();
    let want = "tool of tool@1.0.0: done\n[PROJECT]\nshow app 1.2.3 run-script\n[PROJECT]/deep/er\n[PROJECT]/package.json\nmine\n";
    assert_eq!(said.success().stdout, want);
}

#[test]
fn stdin_is_the_scripts() {
    let env = with_scripts(json!({ "upper": "tr a-z A-Z" }));
    env.write("input", "abc");
    let shell = format!("'{}' upper < input", env!("CARGO_BIN_EXE_deka"));
    assert_eq!(env.prepare_program("/bin/sh".as_ref(), ["-c", &shell]).run().success().stdout, "ABC");
}

#[test]
fn what_is_out_of_date_is_installed_first() {
    let env = TestEnv::with(&registry());
    let manifest = |dependencies: Value| json!({ "name": "app", "scripts": { "go": "tool it" }, "dependencies": dependencies });
    env.manifest(manifest(json!({ "tool": "1" })));
    let said = env.deka(["run", "go"]).success();
    assert_eq!(said.stdout, "tool of tool@1.0.0: it\n", "stdout is the script's");
    assert!(said.stderr.contains("node_modules was out of date: 1 package installed"), "{}", said.report());
    assert_eq!(env.deka(["run", "go"]).success().stderr, "$ tool it\n");
    env.manifest(manifest(json!({ "tool": "1", "more": "1" })));
    env.deka(["run", "--no-install", "go"]).success();
    env.prepare(["run", "go"]).env("npm_config_verify_deps_before_run", "false").run().success();
    env.prepare(["run", "go"]).env("npm_config_verify_deps_before_run", "warn").run().success().says("node_modules is out of date");
    env.prepare(["run", "go"]).env("npm_config_verify_deps_before_run", "error").run().failure(2).says("DEKA_E_STALE");
    env.prepare(["run", "go"]).env("npm_lifecycle_event", "build").run().success();
    assert!(!env.has("node_modules/more"));
    env.deka(["run", "go"]).success();
    assert!(env.has("node_modules/more"));
    env.manifest(manifest(json!({ "tool": "7" })));
    env.deka(["run", "go"]).failure(20).says("`--no-install` goes on without it").never_says("tool of");
}

#[test]
fn what_was_installed_for_production_stays_so() {
    let env = TestEnv::with(&registry());
    let manifest = |version: &str| json!({ "name": "app", "version": version, "scripts": { "go": "tool it" }, "dependencies": { "tool": "1" }, "devDependencies": { "more": "1" } });
    env.manifest(manifest("1.0.0"));
    env.deka(["install", "--prod"]).success();
    assert_eq!(env.deka(["run", "go"]).success().stderr, "$ tool it\n");
    env.manifest(manifest("2.0.0"));
    env.deka(["run", "go"]).success();
    assert!(!env.has("node_modules/more"));
}

#[test]
fn what_is_not_dekas_is_left_alone() {
    let env = with_scripts(json!({ "go": "echo went" }));
    env.deka(["run", "go"]).success();
    assert!(!env.has("node_modules") && !env.has("deka.lock"));
    let other = TestEnv::new();
    other.manifest(json!({ "name": "app", "scripts": { "go": "echo went" }, "dependencies": { "tool": "1" } }));
    other.write("node_modules/tool/index.js", "somebody else's");
    other.deka(["run", "go"]).success();
    assert!(!other.has("node_modules/.deka") && !other.has("deka.lock"));
}

#[test]
fn an_expression_runs_several_scripts_under_their_names() {
    let env = with_scripts(
        json!({ "build:a": "echo one; echo two >&2; printf three", "prebuild:a": "echo zero", "build:b": "echo b", "rebuild": "x" }),
    );
    let said = env.deka(["run", "--sequential", "--stream", "/^build:/"]).success();
    let want = ". prebuild:a$ echo zero\n. prebuild:a: zero\n. prebuild:a: Done\n. build:a$ echo one; echo two >&2; printf three\n\
                . build:a: one\n. build:a: two\n. build:a: three\n. build:a: Done\n. build:b$ echo b\n. build:b: b\n. build:b: Done\n";
    assert_eq!(said.stdout, want);
    let mut lines: Vec<String> = env.deka(["run", "--parallel", "/^build:/"]).success().stdout.lines().map(str::to_owned).collect();
    lines.sort();
    let mut wanted: Vec<&str> = want.lines().collect();
    wanted.sort_unstable();
    assert_eq!(lines, wanted);
    let bare = env.deka(["run", "--hide-prefix", "--concurrency", "2", "/^build:b/", "c"]).success();
    assert_eq!(bare.stdout, "b c\n");
    let in_place = env.deka(["run", "--concurrency=1", "/^build:/"]).success();
    assert_eq!(in_place.stdout, "zero\none\nthreeb\n");
    assert_eq!(in_place.stderr.lines().next(), Some(". prebuild:a$ echo zero"));
}

#[test]
fn much_output_comes_whole_and_under_its_name() {
    let env = with_scripts(
        json!({ "x:much": "yes 0123456789012345678901234567890123456789 | head -n 250000", "x:wide": "head -c 3000000 /dev/zero | tr '\\0' Q" }),
    );
    let said = env.deka(["run", "--parallel", "/^x:/"]).success();
    let lines = said.stdout.lines().filter(|line| *line == ". x:much: 0123456789012345678901234567890123456789").count();
    assert_eq!(lines, 250_000);
    // The command line, which is shown as well, has one of them.
    assert_eq!(said.stdout.bytes().filter(|byte| *byte == b'Q').count(), 3_000_001);
}

#[test]
fn outputs_that_are_closed_or_left_open_do_no_harm() {
    let env = with_scripts(json!({ "x:closes": "exec >&- 2>&-; exit 3", "x:leaves": "sleep 30 & echo $! > pid; echo left" }));
    env.deka(["run", "--no-bail", "--parallel", "/^x:/"])
        .failure(3)
        .says(". x:leaves: left")
        .says("the `x:closes` script of app@1.2.3 failed with exit code 3");
    env.deka(["run", "x:closes"]).failure(3);
    assert!(super::signals::is_alive(env.read("pid").trim().parse().unwrap()), "what a script leaves behind on purpose stays");
    super::signals::end(env.read("pid").trim().parse().unwrap());
}

#[test]
fn one_failure_ends_the_others_and_a_summary_names_it() {
    let env = with_scripts(
        json!({ "x:a": "echo $$ > a; sleep 60 & echo $! > b; wait", "x:b": "while [ ! -s b ]; do sleep 0.01; done; exit 4", "x:c": "echo never" }),
    );
    let said = env.deka(["run", "--concurrency=2", "/^x:/"]).failure(4).never_says("x:c: never");
    assert!(said.stderr.contains("the `x:b` script of app@1.2.3 failed with exit code 4"), "{}", said.report());
    assert!(said.stderr.contains("Because of that, 1 of 3 ended early and 1 did not start."), "{}", said.report());
    for file in ["a", "b"] {
        super::signals::all_end(&[env.read(file).trim().parse().unwrap()], file);
    }
}

#[test]
fn without_bail_all_run_and_the_first_failure_counts() {
    let env = with_scripts(json!({ "x:a": "exit 5", "x:b": "echo ran", "x:c": "exit 6" }));
    let said = env.deka(["run", "--no-bail", "--sequential", "--report-summary", "/^x:/"]).failure(5).says("2 of 3 failed");
    assert!(said.stderr.contains("\n  the `x:c` script of app@1.2.3 failed with exit code 6"), "{}", said.report());
    assert_eq!(said.stdout, "ran\n");
    let summary: Value = serde_json::from_str(&env.read("deka-exec-summary.json")).unwrap();
    let statuses: Vec<&str> =
        summary["executionStatus"].as_object().unwrap().values().filter_map(|entry| entry["status"].as_str()).collect();
    assert_eq!(statuses, ["failure", "passed", "failure"]);
}
