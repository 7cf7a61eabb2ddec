//! Where settings come from, and which of two wins.

use crate::support::{Registry, TestEnv, json};

#[test]
fn the_stronger_source_wins() {
    let registries: Vec<Registry> = (0..6).map(|number| Registry::new().package("a", &format!("1.0.{number}"), |p| p)).collect();
    let url = |number: usize| registries[number].url();
    let env = TestEnv::new();
    env.depends_on(&[("a", "1")]);
    let version = |flags: &[&str], variables: &[(&str, String)]| {
        for part in ["node_modules", "deka.lock"] {
            if env.has(part) {
                env.remove(part);
            }
        }
        let mut run = env.prepare([&["install"], flags].concat());
        for (name, value) in variables {
            run = run.env(name, value);
        }
        let said = run.run().success();
        said.stdout.lines().next().unwrap_or_default().to_owned()
    };
    env.user_npmrc(&format!("registry={}\n", url(0)));
    assert_eq!(version(&[], &[]), "+ a@1.0.0");
    env.write(".npmrc", format!("registry={}\n", url(1)));
    assert_eq!(version(&[], &[]), "+ a@1.0.1", "the project before the user");
    assert_eq!(version(&[], &[("npm_config_registry", url(2))]), "+ a@1.0.2", "the environment before the files");
    assert_eq!(version(&[], &[("NPM_CONFIG_REGISTRY", url(3))]), "+ a@1.0.3");
    assert_eq!(version(&[], &[("npm_config_registry", url(2)), ("DEKA_REGISTRY", url(4))]), "+ a@1.0.4", "deka's own before npm's");
    assert_eq!(version(&["--registry", &url(5)], &[("DEKA_REGISTRY", url(4))]), "+ a@1.0.5", "flags before all");
}

#[test]
fn the_global_file_is_the_weakest() {
    let (one, two) = (Registry::new().package("a", "1.0.1", |p| p), Registry::new().package("a", "1.0.2", |p| p));
    let env = TestEnv::new();
    std::fs::write(env.at_root("no-such-npmrc"), format!("registry={}\n", one.url())).unwrap();
    env.depends_on(&[("a", "1")]);
    env.install().success().line("+ a@1.0.1");
    env.user_npmrc(&format!("registry={}\n", two.url()));
    env.remove("node_modules").remove("deka.lock");
    env.install().success().line("+ a@1.0.2");
}

#[test]
fn workspace_file_and_pnpm_field_are_read() {
    let registry = Registry::new().package("a", "1.0.0", |p| p.dep("b", "1")).package("b", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]).write("pnpm-workspace.yaml", "hoist: false\n");
    env.install().success();
    assert!(!env.has("node_modules/.deka/node_modules/b"));
    env.write("pnpm-workspace.yaml", "shamefullyHoist: true\n");
    env.install().success();
    assert!(env.has("node_modules/b"));
    env.remove("pnpm-workspace.yaml");
    env.install().success();
    assert!(!env.has("node_modules/b") && env.has("node_modules/.deka/node_modules/b"));
    env.manifest(json!({ "dependencies": { "a": "1" }, "pnpm": { "overrides": { "b": "npm:a@1" } } }));
    env.install().success();
    assert!(!env.has("node_modules/.deka/b@1.0.0"));
}

#[test]
fn the_default_registry_is_what_npm_says() {
    let registry = Registry::new().package("a", "1.0.0", |p| p);
    let env = TestEnv::new();
    // Whoever installs npm may have built another address into it; this npm is a script that counts its calls.
    let script = format!("#!/bin/sh\necho \"$*\" >> '{}'\necho '{}'\n", env.project().join("calls").display(), registry.url());
    env.write("fake/npm", script);
    std::fs::set_permissions(env.project().join("fake/npm"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", env.project().join("fake").display());
    env.depends_on(&[("a", "1")]);
    env.prepare(["install"]).env("PATH", &path).run().success().line("+ a@1.0.0");
    assert_eq!(env.read("calls"), "config get registry\n");
    assert!(!env.read("deka.lock").contains("127.0.0.1"));
    env.remove("node_modules").remove("deka.lock");
    env.prepare(["install"]).env("PATH", &path).run().success();
    assert_eq!(env.read("calls"), "config get registry\n", "it is asked once and remembered");
    let other = TestEnv::new();
    other.depends_on(&[("a", "1")]);
    other.prepare(["install"]).env("PATH", "/nowhere").run().fails().says("registry");
}

#[test]
fn a_projects_file_may_not_take_over_the_machine() {
    let registry = Registry::new().package("a", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.write(
        ".npmrc",
        "git=/bin/false\nscript-shell=/bin/false\nnode-options=--require ./evil.js\nhttps-proxy=http://127.0.0.1:1/\nproxy=http://127.0.0.1:1/\n\
         cafile=./evil.pem\nstrict-ssl=false\nuserconfig=./evil\nglobalconfig=./evil\nprefix=./evil\n",
    );
    env.install().success().line("+ a@1.0.0");
}

#[test]
fn files_above_the_home_are_not_read() {
    let registry = Registry::new().package("a", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    std::fs::write(env.at_root("package.json"), r#"{"dependencies":{"evil":"1"}}"#).unwrap();
    std::fs::write(env.at_root("pnpm-workspace.yaml"), "packages: ['**']\n").unwrap();
    let inside = env.home().join("code/app");
    std::fs::create_dir_all(&inside).unwrap();
    std::fs::write(inside.join("package.json"), r#"{"dependencies":{"a":"1"}}"#).unwrap();
    env.prepare(["install"]).in_folder(&inside).run().success().line("+ a@1.0.0");
    assert!(inside.join("node_modules/a").exists());
    std::fs::remove_file(inside.join("package.json")).unwrap();
    env.prepare(["install"]).in_folder(&inside).run().failure(2).says("package.json");
}
