//! Many at once: one project, one store.

use crate::support::{Fault, Registry, TestEnv, tree};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Packages that share many of their files.
fn registry() -> Registry {
    let mut registry = Registry::new();
    for number in 0..24 {
        registry = registry.package(&format!("p{number}"), "1.0.0", |mut p| {
            for file in 0..10 {
                p = p.file(&format!("shared/{file}.js"), &format!("the same everywhere {file}"));
            }
            p.file("own.js", &format!("{number}")).bin(&format!("c{number}"), "cli.js").dep("p0", "1")
        });
    }
    registry
}

#[test]
fn eight_processes_fill_one_store() {
    let registry = registry();
    let home = TestEnv::with(&registry);
    let projects: Vec<TestEnv> = (0..8).map(|number| home.another(&format!("project/{number}"))).collect();
    for (number, project) in projects.iter().enumerate() {
        let names: Vec<String> =
            (0..24).filter(|package| package % 8 == number || package % 3 == 0).map(|package| format!("p{package}")).collect();
        project.depends_on(&names.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>());
    }
    let running: Vec<_> = projects.iter().map(|project| project.prepare(["install"]).start()).collect();
    for run in running {
        run.finish().success();
    }
    for (number, project) in projects.iter().enumerate() {
        let found = tree::contents(&project.project().join("node_modules"));
        let clean = TestEnv::with(&registry);
        clean.write("package.json", project.read("package.json"));
        clean.install().success();
        assert_eq!(project.tree(), clean.tree(), "project {number}");
        assert!(found == tree::contents(&clean.project().join("node_modules")), "project {number}");
    }
    assert_eq!(home.strays(), [""; 0]);
    registry.forget();
    let after = home.another("project/after");
    after.write("package.json", projects[0].read("package.json")).write("deka.lock", projects[0].read("deka.lock"));
    after.deka(["install", "--offline"]).success();
}

#[test]
fn eight_processes_share_global_slots() {
    let registry = registry();
    let home = TestEnv::with(&registry);
    let projects: Vec<TestEnv> = (0..8).map(|number| home.another(&format!("project/{number}"))).collect();
    for project in &projects {
        project.depends_on(&[("p1", "1"), ("p2", "1"), ("p3", "1")]);
    }
    let running: Vec<_> = projects.iter().map(|project| project.prepare(["install", "--virtual-store=global"]).start()).collect();
    for run in running {
        run.finish().success();
    }
    let targets: BTreeSet<_> =
        projects.iter().map(|project| std::fs::read_link(project.project().join("node_modules/p1")).unwrap()).collect();
    assert_eq!(targets.len(), 1, "{targets:?}");
    assert!(projects.iter().all(|project| project.read("node_modules/p1/own.js") == "1"));
}

#[test]
fn two_installs_of_one_project_wait_for_each_other() {
    let registry = registry();
    registry.fault("*.tgz", Fault::delay(1_600));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("p1", "1"), ("p2", "1")]);
    let first = env.prepare(["install"]).start();
    std::thread::sleep(Duration::from_millis(300));
    let second = env.prepare(["install"]).run().success();
    first.finish().success();
    assert!(second.stderr.to_lowercase().contains("wait"), "after a second it says for whom it waits: {}", second.report());
    assert_eq!(registry.count("/p1/-/p1-1.0.0.tgz"), 1, "the second finds everything done");
    assert_eq!(env.read("node_modules/p1/own.js"), "1");
    assert_eq!(env.strays(), [""; 0]);
}

#[test]
fn many_installs_of_one_project_at_once() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("p1", "1"), ("p2", "1"), ("p3", "1")]);
    let running: Vec<_> = (0..5).map(|_| env.prepare(["install"]).start()).collect();
    for run in running {
        run.finish().success();
    }
    let whole = env.tree();
    assert_eq!(env.read("node_modules/p3/own.js"), "3");
    env.deka(["install", "--force"]).success();
    assert_eq!(env.tree(), whole);
}

#[test]
fn few_file_handles_are_enough() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    let names: Vec<String> = (0..24).map(|number| format!("p{number}")).collect();
    env.depends_on(&names.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>());
    let shell = format!("ulimit -n 64 && exec '{}' install", env!("CARGO_BIN_EXE_deka"));
    env.prepare_program(std::path::Path::new("/bin/sh"), ["-c", &shell]).run().success().line("24 packages installed [TIME]");
    let shell = format!("ulimit -n 64 && exec '{}' ci", env!("CARGO_BIN_EXE_deka"));
    env.prepare_program(std::path::Path::new("/bin/sh"), ["-c", &shell]).run().success();
}

/// Installs of sixteen projects, while one process deletes what nobody needs and another looks everything through.
#[test]
fn sixteen_installs_a_gc_and_a_verify_share_one_store() {
    let registry = registry();
    let home = TestEnv::with(&registry);
    // There has to be a store that can be looked at.
    home.depends_on(&[("p2", "1")]).install().success();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let upkeep = [&["store", "gc", "--grace", "0"][..], &["store", "verify"]].map(|arguments| {
            let (home, done) = (&home, &done);
            scope.spawn(move || {
                let mut rounds = 0;
                while !done.load(Ordering::Relaxed) {
                    home.deka(arguments).success();
                    rounds += 1;
                }
                rounds
            })
        });
        let installs: Vec<_> = (0..16)
            .map(|number| {
                let project = home.another(&format!("project-{number}"));
                scope.spawn(move || {
                    for round in 0..3 {
                        let package = (number + round * 5) % 24;
                        project.depends_on(&[(&format!("p{package}"), "1"), ("p1", "1")]);
                        if round > 0 {
                            project.remove("node_modules");
                        }
                        project.install().success();
                        assert_eq!(project.read(&format!("node_modules/p{package}/own.js")), package.to_string());
                        assert_eq!(project.read("node_modules/p1/shared/9.js"), "the same everywhere 9");
                    }
                })
            })
            .collect();
        let ended: Vec<_> = installs.into_iter().map(|install| install.join()).collect();
        done.store(true, Ordering::Relaxed);
        assert!(upkeep.into_iter().all(|upkeep| upkeep.join().unwrap() > 0));
        assert!(ended.iter().all(Result::is_ok));
    });
    home.deka(["store", "verify"]).success();
    let users = home.deka(["store", "usages", "p1", "--json"]).success();
    let named = (0..16).filter(|number| users.stdout.contains(&format!("-{number}\""))).count();
    assert_eq!(named, 16, "{}", users.report());
}
