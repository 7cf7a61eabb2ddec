//! The real registry and real frameworks, with `DEKA_TEST_LIVE=1`.
//!
//! A hermetic test proves that deka does what it says; these prove that it says the right thing: what it installs has to
//! build a page with tools that know nothing of it.

use crate::support::env::Run;
use crate::support::{TestEnv, json};
use std::path::Path;
use std::time::Duration;

/// What a build of Next.js may take: one minute on a common machine, more than two where node's compiler is slow.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Returns an environment that sees the registry which npm on this machine uses, or says that the test is skipped.
fn live() -> Option<TestEnv> {
    if std::env::var_os("DEKA_TEST_LIVE").is_none_or(|value| value != "1") {
        println!("skipped: set DEKA_TEST_LIVE=1 to install from the real registry");
        return None;
    }
    Some(TestEnv::new())
}

#[track_caller]
fn build(env: &TestEnv, tool: &str) {
    as_on_this_machine(env.prepare_program(&env.project().join("node_modules/.bin").join(tool), ["build"]))
        .env("CI", "1")
        .env("NEXT_TELEMETRY_DISABLED", "1")
        .run()
        .success();
}

#[track_caller]
fn install(env: &TestEnv, flags: &[&str]) {
    as_on_this_machine(env.prepare([&["install"], flags].concat())).run().success().says("installed");
}

/// How this machine reaches the network is its own affair: its proxies, its certificates, its user's registry. And so is
/// how long the tools of others need on it.
fn as_on_this_machine(run: Run) -> Run {
    let mut run = run.limit(LIMIT);
    for (name, value) in std::env::vars() {
        let lower = name.to_ascii_lowercase();
        if lower.ends_with("_proxy") || lower.starts_with("npm_config_") || lower == "ssl_cert_file" || lower == "node_extra_ca_certs" {
            run = run.env(&name, value);
        }
    }
    let npmrc = std::env::home_dir().map(|home| home.join(".npmrc")).filter(|path| path.exists());
    match npmrc {
        Some(path) => run.env("npm_config_userconfig", path),
        None => run,
    }
}

#[test]
fn a_next_app_builds() {
    let Some(env) = live() else { return };
    env.manifest(json!({
        "name": "my-next-app",
        "version": "0.1.0",
        "private": true,
        "scripts": { "dev": "next dev", "build": "next build", "start": "next start" },
        "dependencies": { "next": "15.5.4", "react": "19.1.0", "react-dom": "19.1.0" },
        "devDependencies": {
            "typescript": "^5", "@types/node": "^20", "@types/react": "^19", "@types/react-dom": "^19",
            "@tailwindcss/postcss": "^4", "tailwindcss": "^4"
        },
    }));
    env.write("app/layout.tsx", include_str!("../fixtures/next/layout.tsx"));
    env.write("app/page.tsx", include_str!("../fixtures/next/page.tsx"));
    env.write("app/globals.css", "@import \"tailwindcss\";\n");
    env.write("postcss.config.mjs", "export default { plugins: [\"@tailwindcss/postcss\"] };\n");
    env.write("tsconfig.json", include_str!("../fixtures/next/tsconfig.json"));
    install(&env, &[]);
    build(&env, "next");
    let page = std::fs::read_to_string(env.project().join(".next/server/app/index.html")).unwrap();
    assert!(page.contains("Installed by deka"), "{page}");
}

#[test]
fn a_vite_app_builds() {
    let Some(env) = live() else { return };
    env.manifest(json!({
        "name": "my-vite-app",
        "private": true,
        "type": "module",
        "dependencies": { "react": "^19.1.0", "react-dom": "^19.1.0" },
        "devDependencies": { "vite": "^6", "@vitejs/plugin-react": "^4" },
    }));
    env.write("index.html", "<!doctype html><div id=\"root\"></div><script type=\"module\" src=\"/src/main.jsx\"></script>\n");
    env.write("src/main.jsx", include_str!("../fixtures/vite/main.jsx"));
    env.write("vite.config.js", include_str!("../fixtures/vite/vite.config.js"));
    install(&env, &[]);
    build(&env, "vite");
    assert!(bundle(&env.project().join("dist/assets")).contains("Installed by deka"));
    // Again with slots that all projects share.
    env.remove("dist").remove("node_modules");
    install(&env, &["--virtual-store=global"]);
    build(&env, "vite");
    assert!(bundle(&env.project().join("dist/assets")).contains("Installed by deka"));
}

/// Installs a sample monorepo and runs what its projects call `build`.
fn monorepo(env: &TestEnv, name: &str) {
    env.copy_sample(name);
    install(env, &[]);
    as_on_this_machine(env.prepare(["run", "-r", "build"])).run().success();
}

/// Deploys an app of a monorepo, takes away everything that it came from, and runs it.
fn runs_deployed(env: &TestEnv, app: &str) -> String {
    as_on_this_machine(env.prepare(["deploy", app, "../out"])).run().success();
    std::fs::remove_dir_all(env.project()).unwrap();
    std::fs::remove_dir_all(env.store()).unwrap();
    let node = std::process::Command::new("node").arg(env.at_root("out/dist/index.js")).output().unwrap();
    assert!(node.status.success(), "{}", String::from_utf8_lossy(&node.stderr));
    String::from_utf8(node.stdout).unwrap()
}

#[test]
fn a_monorepo_builds_and_its_server_runs_elsewhere() {
    let Some(env) = live() else { return };
    monorepo(&env, "monorepo");
    assert!(bundle(&env.project().join("apps/web/dist/assets")).contains("Coffee in the browser"));
    assert!(env.read("packages/ui/dist/index.d.ts").contains("Item"));
    let started = env.deka(["--filter", "server", "start"]).success();
    assert!(started.stdout.contains("<li>Coffee from the server: 2.50 €</li>"), "{}", started.report());
    assert_eq!(runs_deployed(&env, "server"), "<li>Coffee from the server: 2.50 €</li>\nIn all: 2.50 €\n");
}

#[test]
fn a_monorepo_with_catalogs_builds_in_parts_too() {
    let Some(env) = live() else { return };
    monorepo(&env, "monorepo-catalog");
    assert!(bundle(&env.project().join("apps/site/dist/assets")).contains("On this page it is"));
    let built = ["apps/cli/dist", "apps/site/dist", "packages/days/dist", "packages/phrases/dist"];
    for folder in built {
        env.remove(folder);
    }
    // An app with all that it needs, and nothing else.
    as_on_this_machine(env.prepare(["--filter", "cli...", "run", "build"])).run().success();
    assert_eq!(built.map(|folder| env.has(folder)), [true, false, true, true]);
    let started = env.deka(["--filter", "cli", "start", "2025-01-01", "2025-01-02"]).success();
    assert!(started.stdout.contains("From 2025-01-01 to 2025-01-02 it is one day (1)."), "{}", started.report());
    assert_eq!(runs_deployed(&env, "cli"), "From 2025-02-27 to 2025-03-01 it is 2 days (2).\n");
}

fn bundle(folder: &Path) -> String {
    let scripts = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "js"));
    scripts.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}
