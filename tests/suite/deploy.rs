//! `deka deploy`: one project with what it needs, in a folder that can be taken elsewhere.

use crate::support::{Registry, TestEnv, json, tree};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A workspace in which `web` needs `ui`, `ui` needs `utils`, and both share packages of the registry. The registry moved
/// on since the lockfile was written.
fn workspace() -> (Registry, TestEnv) {
    let registry = Registry::new()
        .package("a", "1.0.0", |p| p.dep("b", "^1"))
        .package("b", "1.0.0", |p| p)
        .package("react", "18.0.0", |p| p)
        .package("react", "19.0.0", |p| p)
        .package("tool", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.manifest(json!({ "name": "root", "private": true, "devDependencies": { "tool": "1" } }));
    env.write("pnpm-workspace.yaml", "packages: [apps/*, packages/*]\ncatalog:\n  react: ^18.0.0\n");
    env.write(
        "apps/web/package.json",
        json!({
            "name": "web", "version": "1.0.0", "main": "index.js", "files": ["lib"],
            "dependencies": { "@acme/ui": "workspace:^", "a": "^1", "react": "catalog:" },
            "devDependencies": { "tool": "1", "@acme/config": "workspace:*" },
        })
        .to_string(),
    );
    env.write("apps/web/index.js", "console.log(require('./lib/page.js'));\n");
    env.write("apps/web/lib/page.js", "module.exports = `page with ${require('@acme/ui')} and ${require('a')}`;\n");
    env.write("apps/web/secret.txt", "not for others");
    env.write(
        "packages/ui/package.json",
        json!({
            "name": "@acme/ui", "version": "2.0.0", "dependencies": { "@acme/utils": "workspace:*" },
            "peerDependencies": { "react": ">=18" }, "devDependencies": { "react": "catalog:", "tool": "1" },
        })
        .to_string(),
    );
    env.write("packages/ui/index.js", "module.exports = `ui with ${require('react')} and ${require('@acme/utils')}`;\n");
    env.write("packages/utils/package.json", r#"{"name":"@acme/utils","version":"1.0.0","dependencies":{"b":"1"}}"#);
    env.write("packages/utils/index.js", "module.exports = `utils with ${require('b')}`;\n");
    env.write("packages/config/package.json", r#"{"name":"@acme/config","version":"1.0.0"}"#);
    env.install().success();
    registry.publish("b", "1.5.0", |p| p);
    registry.publish("react", "18.9.0", |p| p);
    (registry, env)
}

const SAYS: &str = "page with ui with react@18.0.0 and utils with b@1.0.0 and a@1.0.0\n";

fn runs(folder: &Path) -> String {
    let node = Command::new("node").arg("index.js").current_dir(folder).output().unwrap();
    assert!(node.status.success(), "{}", String::from_utf8_lossy(&node.stderr));
    String::from_utf8_lossy(&node.stdout).into_owned()
}

/// Moves the deployment elsewhere and deletes the workspace and the store that it came from.
fn taken_elsewhere(env: &TestEnv) -> PathBuf {
    let elsewhere = env.at_root("tmp/elsewhere");
    fs::rename(env.at_root("out"), &elsewhere).unwrap();
    fs::remove_dir_all(env.project()).unwrap();
    fs::remove_dir_all(env.store()).unwrap();
    elsewhere
}

/// Links that lead out of a folder, or nowhere.
fn astray(folder: &Path) -> Vec<PathBuf> {
    let links = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|entry| entry.path_is_symlink());
    let leads_inside = |link: &Path| link.canonicalize().is_ok_and(|target| target.starts_with(folder));
    links.map(|entry| entry.into_path()).filter(|link| !leads_inside(link) || fs::read_link(link).unwrap().is_absolute()).collect()
}

#[test]
fn what_was_deployed_runs_without_the_workspace() {
    let (registry, env) = workspace();
    registry.forget();
    let said = env.deka(["deploy", "web", "../out"]).success();
    assert!(said.stdout.starts_with("web is deployed to [ROOT]/out with 5 packages"), "{}", said.stdout);
    assert_eq!((said.stderr.as_str(), registry.asked()), ("", Vec::new()), "the lockfile and the store have all of it");
    let elsewhere = taken_elsewhere(&env);
    assert_eq!(runs(&elsewhere), SAYS);
    assert_eq!(astray(&elsewhere), [""; 0].map(PathBuf::from));
}

#[test]
fn the_files_of_the_package_come_along_and_no_others() {
    let (_registry, env) = workspace();
    env.write("packages/ui/.npmignore", "*.test.js\n").write("packages/ui/ui.test.js", "").write("apps/web/README.md", "# web");
    env.deka(["--filter", "web", "deploy", "../out"]).success();
    let out = env.at_root("out");
    let found: Vec<String> = tree::paths(&out).into_iter().filter(|path| !path.contains("node_modules") && !path.ends_with('/')).collect();
    let want = [
        ".workspace/packages/ui/index.js",
        ".workspace/packages/ui/package.json",
        ".workspace/packages/utils/index.js",
        ".workspace/packages/utils/package.json",
        "README.md",
        "deka.lock",
        "index.js",
        "lib/page.js",
        "package.json",
    ];
    assert_eq!(found, want);
    let source = fs::metadata(env.project().join("apps/web/index.js")).unwrap();
    assert_ne!(fs::metadata(out.join("index.js")).unwrap().ino(), source.ino(), "who edits what was deployed edits no source");
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(out.join("package.json")).unwrap()).unwrap();
    assert_eq!(manifest["dependencies"], json!({ "@acme/ui": "file:.workspace/packages/ui", "a": "^1", "react": "^18.0.0" }));
    assert!(manifest.get("devDependencies").is_none());
}

#[test]
fn it_can_be_installed_again_where_it_went() {
    let (_registry, env) = workspace();
    env.deka(["deploy", "./apps/web", "../out"]).success();
    let elsewhere = taken_elsewhere(&env);
    fs::remove_dir_all(elsewhere.join("node_modules")).unwrap();
    env.prepare(["ci", "--prod"]).in_folder(&elsewhere).run().success();
    assert_eq!(runs(&elsewhere), SAYS, "the versions are those of the workspace's lockfile");
    let before = fs::read(elsewhere.join("deka.lock")).unwrap();
    env.prepare(["install"]).in_folder(&elsewhere).run().success().line("Already up to date [TIME]");
    assert_eq!(fs::read(elsewhere.join("deka.lock")).unwrap(), before);
}

#[test]
fn lists_of_dependencies_are_chosen_by_flags() {
    let (_registry, env) = workspace();
    let has = |flags: &[&str], path: &str| {
        let _ = fs::remove_dir_all(env.at_root("out"));
        env.deka([&["deploy", "web", "../out"], flags].concat()).success();
        env.at_root("out/node_modules").join(path).exists()
    };
    assert!(!has(&[], "tool") && !has(&["--prod"], "@acme/config"));
    assert!(has(&["--no-prod"], "tool") && has(&["--no-prod"], "a") && has(&["--no-prod"], "@acme/config/package.json"));
    assert!(has(&["--dev"], "tool") && !has(&["--dev"], "a"));
}

#[test]
fn slots_are_its_own_even_where_projects_share_theirs() {
    let (_registry, env) = workspace();
    env.write(".npmrc", "virtual-store=global\n");
    env.deka(["deploy", "web", "../out"]).success();
    let elsewhere = taken_elsewhere(&env);
    assert_eq!(runs(&elsewhere), SAYS);
}

#[test]
fn folders_and_tarballs_of_this_machine_come_along() {
    let registry = Registry::new().package("b", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    let packed = crate::support::package::Package::new("packed", "3.0.0").dep("b", "1").tarball();
    env.write("vendor/packed.tgz", packed);
    env.write("vendor/plain/package.json", r#"{"name":"plain","version":"1.0.0","dependencies":{"b":"1"}}"#);
    env.write("vendor/plain/index.js", "module.exports = `plain with ${require('b')}`;\n");
    env.write("../beside/package.json", r#"{"name":"linked"}"#).write("../beside/index.js", "module.exports = 'linked';\n");
    env.manifest(json!({
        "name": "app",
        "dependencies": { "packed": "file:vendor/packed.tgz", "plain": "file:vendor/plain", "linked": "link:../beside" },
    }));
    env.write("index.js", "console.log(['packed', 'plain', 'linked'].map((name) => require(name)).join(', '));\n");
    env.install().success();
    env.deka(["deploy", "../out"]).success();
    fs::remove_dir_all(env.at_root("beside")).unwrap();
    let elsewhere = taken_elsewhere(&env);
    assert_eq!(runs(&elsewhere), "packed@3.0.0, plain with b@1.0.0, linked\n");
    assert_eq!(astray(&elsewhere), [""; 0].map(PathBuf::from));
}

#[test]
fn a_folder_with_something_in_it_is_left_alone_unless_forced() {
    let (_registry, env) = workspace();
    env.write("../out/mine.txt", "precious");
    env.deka(["deploy", "web", "../out"]).failure(2).says("cannot deploy to [ROOT]/out: it is not empty").says("--force");
    assert_eq!(env.read("../out/mine.txt"), "precious");
    env.deka(["deploy", "web", "../out", "--force"]).success();
    assert!(!env.has("../out/mine.txt") && runs(&env.at_root("out")) == SAYS);
    for dir in [".", "..", "apps/web", "packages"] {
        env.deka(["deploy", "web", dir, "--force"]).failure(2).says("it holds a project of the workspace, or your home");
    }
    assert!(env.has("packages/ui/index.js") && env.has("apps/web/index.js"));
    env.deka(["deploy", "web", "apps/out"]).failure(2).says("it would be a project of a workspace there");
    assert!(!env.has("apps/out"));
    env.deka(["deploy", "web", "apps/web/package.json"]).failure(2).says("it is not a folder");
}

#[test]
fn exactly_one_project_is_meant() {
    let (_registry, env) = workspace();
    env.deka(["deploy", "../out", "-r"]).failure(2).says("only one project can be deployed");
    env.deka(["deploy", "nothing", "../out"]).failure(2).says("no project is meant");
    env.deka(["deploy", "web", "../out", "--filter", "web"]).failure(2).says("either in front of the folder or with `--filter`");
    assert!(!env.has("../out"));
    env.prepare(["deploy", "../../../out"])
        .in_folder(&env.project().join("packages/utils"))
        .run()
        .success()
        .says("@acme/utils is deployed");
}

#[test]
fn what_is_not_locked_cannot_be_deployed() {
    let (_registry, env) = workspace();
    env.write("packages/utils/package.json", r#"{"name":"@acme/utils","version":"1.0.0","dependencies":{"b":"^1.5.0"}}"#);
    let said = env.deka(["deploy", "web", "../out"]).failure(10);
    assert!(said.stderr.contains("deka.lock does not have `b` as packages/utils/package.json asks for it"), "{}", said.stderr);
    env.remove("deka.lock");
    env.deka(["deploy", "web", "../out"]).failure(10).says("there is no [PROJECT]/deka.lock");
    assert!(!env.has("../out"));
}

#[test]
fn when_it_fails_the_folder_is_as_it_was() {
    let (registry, env) = workspace();
    fs::remove_dir_all(env.store()).unwrap();
    registry.fault("/a/-/a-1.0.0.tgz", crate::support::Fault::status(404));
    env.deka(["deploy", "web", "../out"]).fails();
    assert!(!env.has("../out"));
    fs::create_dir(env.at_root("out")).unwrap();
    env.deka(["deploy", "web", "../out"]).fails();
    assert!(env.has("../out") && fs::read_dir(env.at_root("out")).unwrap().next().is_none());
}
