//! The sample monorepos of `examples`, with stand-ins for the packages of the registry. `live.rs` builds them with the
//! real ones.

use crate::support::package::Package;
use crate::support::{Registry, TestEnv};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// The samples, each with its projects below the root.
const SAMPLES: [(&str, [&str; 5]); 2] = [
    ("monorepo", ["apps/server", "apps/web", "packages/format", "packages/tsconfig", "packages/ui"]),
    ("monorepo-catalog", ["apps/cli", "apps/site", "packages/days", "packages/phrases", "packages/tsconfig"]),
];

/// A command that notes down which project it was called in.
const NOTES_DOWN: &str = "#!/usr/bin/env node
require('fs').appendFileSync(process.env.BUILT, JSON.parse(require('fs').readFileSync('package.json')).name + '\\n');
";

fn registry() -> Registry {
    let tool = |command: &'static str| move |p: Package| p.bin(command, "run.js").executable("run.js", NOTES_DOWN);
    Registry::new()
        .package("typescript", "5.9.0", tool("tsc"))
        .package("vite", "7.0.0", tool("vite"))
        .package("react", "19.1.0", |p| p)
        .package("react-dom", "19.1.0", |p| p.peer("react", "^19.1.0"))
        .package("@types/react", "19.1.0", |p| p)
        .package("@types/react-dom", "19.1.0", |p| p.peer("@types/react", "^19.0.0"))
        .package("@types/node", "22.0.0", |p| p)
        .package("date-fns", "4.1.0", |p| p)
}

fn sample(registry: &Registry, name: &str) -> TestEnv {
    let env = TestEnv::with(registry);
    env.copy_sample(name);
    env.install().success();
    env
}

fn manifest(env: &TestEnv, project: &str) -> serde_json::Value {
    serde_json::from_str(&env.read(&format!("{project}/package.json"))).unwrap()
}

/// What a project declares.
fn declared(env: &TestEnv, project: &str) -> BTreeSet<String> {
    let manifest = manifest(env, project);
    let lists = ["dependencies", "devDependencies", "peerDependencies"].into_iter().filter_map(|list| manifest[list].as_object());
    lists.flat_map(|list| list.keys().cloned()).collect()
}

/// What stands in the `node_modules` of a project.
fn linked(env: &TestEnv, project: &str) -> BTreeSet<String> {
    let names = |folder: PathBuf| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).filter(|name| !name.starts_with('.')).collect()
    };
    let modules = env.project().join(project).join("node_modules");
    let scoped = |name: String| match name.starts_with('@') {
        true => names(modules.join(&name)).into_iter().map(|below| format!("{name}/{below}")).collect(),
        false => vec![name],
    };
    names(modules.clone()).into_iter().flat_map(scoped).collect()
}

#[test]
fn each_project_sees_what_it_declares_and_nothing_else() {
    let registry = registry();
    for (name, projects) in SAMPLES {
        let env = sample(&registry, name);
        let locked = env.lockfile()["importers"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let mut expected: BTreeSet<String> = projects.map(str::to_owned).into();
        expected.insert(".".to_owned());
        assert_eq!(locked, expected, "{name}");
        for project in projects {
            assert_eq!(linked(&env, project), declared(&env, project), "{name}: {project}");
            for own in declared(&env, project).iter().filter(|alias| alias.starts_with("@repo/")) {
                let link = env.project().join(project).join("node_modules").join(own);
                let folder = env.project().join(own.replace("@repo/", "packages/"));
                assert_eq!(link.canonicalize().unwrap(), folder, "{name}: {project}");
            }
        }
    }
}

#[test]
fn what_others_need_is_built_before_them() {
    let registry = registry();
    for (name, projects) in SAMPLES {
        let env = sample(&registry, name);
        let built = env.at_root("tmp/built");
        env.prepare(["run", "-r", "build"]).env("BUILT", &built).run().success();
        let built = fs::read_to_string(built).unwrap();
        let order: Vec<&str> = built.lines().collect();
        let with_script = projects.iter().filter(|project| manifest(&env, project)["scripts"]["build"].is_string());
        for project in with_script {
            let own = manifest(&env, project)["name"].as_str().unwrap().to_owned();
            let first = order.iter().position(|built| *built == own).unwrap_or_else(|| panic!("{name}: {own} was not built: {built}"));
            let after = |other: &String| order.iter().rposition(|built| built == other).is_none_or(|last| last < first);
            assert!(declared(&env, project).iter().all(after), "{name}: {own} came before what it needs: {built}");
        }
        let apps = projects.iter().filter(|project| project.starts_with("apps/")).count();
        assert_eq!(order.len(), 2 + apps + 1, "{name}: two packages and two apps with `tsc`, one app with `vite` as well: {built}");
    }
}
