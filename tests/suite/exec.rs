//! `deka exec`: a command of a dependency, or any other, with nothing between it and the user.

use crate::support::{Registry, TestEnv, json};

#[test]
fn a_command_of_a_dependency_is_found_first() {
    let env = TestEnv::with(&Registry::new().package("tool", "1.0.0", |p| p.bin("tool", "t.js").bin("ls", "ls.js")));
    env.depends_on(&[("tool", "1")]);
    // The command is there because what is missing is installed first.
    assert_eq!(env.deka(["exec", "tool", "a b", "$x"]).success().stdout, "tool of tool@1.0.0: a b $x\n");
    assert_eq!(env.deka(["exec", "ls"]).success().stdout, "ls of tool@1.0.0: \n");
    env.deka(["exec", "--", "tool", "--", "x"]).success().line("tool of tool@1.0.0: -- x");
    env.remove("node_modules");
    env.deka(["exec", "--no-install", "tool"]).failure(2).says("DEKA_E_NO_COMMAND").says("there is no command `tool`");
}

#[test]
fn words_arrive_as_they_are_and_the_exit_status_comes_back() {
    let env = TestEnv::new();
    env.manifest(json!({ "name": "app", "version": "1.0.0" }));
    let said = env.deka(["exec", "printf", "<%s>", "a b", "", "$HOME", "it's", "--silent"]).success();
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("<a b><><$HOME><it's><--silent>", ""));
    let said = env.deka(["exec", "sh", "-c", "exit 5"]).status(5);
    assert_eq!(said.stderr, "", "the command says itself why it failed");
    env.deka(["exec", "sh", "-c", "kill -9 $$"]).status(137);
    env.deka(["exec", "-c", "echo $npm_package_name | tr a-z A-Z; exit 6"]).status(6).line("APP");
    env.deka(["exec", "./no/such/file"]).failure(50).says("cannot run `./no/such/file` in [PROJECT]");
    env.deka(["exec"]).failure(2);
}

#[test]
fn it_works_where_no_project_is() {
    let env = TestEnv::new();
    env.write("deep/x", "");
    let said = env.prepare(["-C", "deep", "exec", "sh", "-c", "pwd; echo $PWD; echo $npm_command"]).run().success();
    assert_eq!(said.stdout, "[PROJECT]/deep\n[PROJECT]/deep\nexec\n");
}
