//! A registry that misbehaves: what is tried again, what is an error, and that nothing hangs.

use crate::support::{Fault, Registry, TestEnv};
use std::time::{Duration, Instant};

const TARBALL: &str = "/a/-/a-1.0.0.tgz";

fn registry() -> Registry {
    Registry::new().package("a", "1.0.0", |p| p.dep("b", "1")).package("b", "1.0.0", |p| p)
}

fn env(registry: &Registry) -> TestEnv {
    let env = TestEnv::with(registry);
    env.depends_on(&[("a", "1")]);
    env
}

#[test]
fn what_passes_is_tried_again() {
    for fault in
        [Fault::status(503), Fault::status(500), Fault::status(429), Fault::status(408), Fault::HangUp, Fault::Truncate, Fault::Garbage]
    {
        for path in ["/a", TARBALL] {
            let registry = registry();
            registry.fault_times(path, fault.clone(), if matches!(fault, Fault::Truncate) { 1 } else { 2 });
            let env = env(&registry);
            let said = env.install().success();
            assert!(registry.count(path) >= 2, "{fault:?} {path}: {}", said.report());
            assert!(env.has("node_modules/a/index.js"));
        }
    }
}

#[test]
fn what_stays_is_an_error_that_names_the_package() {
    for fault in [Fault::status(503), Fault::HangUp, Fault::Truncate, Fault::Garbage, Fault::html(), Fault::status(403), Fault::status(418)]
    {
        for (path, name) in [("/b", "b"), ("/b/-/b-1.0.0.tgz", "b")] {
            let registry = registry();
            registry.fault(path, fault.clone());
            let env = env(&registry);
            let said = env.install().failure(40);
            let names_it = said.stderr.contains(&format!("`{name}`")) || said.stderr.contains("b@1") || said.stderr.contains(path);
            assert!(names_it, "{fault:?} {path}: {}", said.report());
            assert!(!env.has("node_modules/a"), "{fault:?} {path}");
            assert!(registry.count(path) <= 4, "{fault:?} {path}: {} requests", registry.count(path));
            assert_eq!(env.strays(), [""; 0]);
            registry.heal();
            env.install().success();
        }
    }
}

#[test]
fn a_page_instead_of_json_is_called_by_its_type() {
    let registry = registry();
    registry.fault("/a", Fault::html());
    env(&registry).install().failure(40).says("text/html");
}

#[test]
fn retry_after_is_honoured() {
    let registry = registry();
    registry.fault_times("/a", Fault::Status(429, vec![("Retry-After".to_owned(), "1".to_owned())]), 1);
    let env = env(&registry);
    // The server's word counts for more than the user's impatience.
    env.user_npmrc(&format!("registry={}\nfetch-retry-maxtimeout=5000\n", registry.url()));
    let started = Instant::now();
    env.install().success();
    assert!(started.elapsed() >= Duration::from_millis(950), "{:?}", started.elapsed());
}

#[test]
fn retries_can_be_turned_off() {
    let registry = registry();
    registry.fault_times("/a", Fault::status(503), 1);
    let env = env(&registry);
    env.write(".npmrc", "fetch-retries=0\n");
    env.install().failure(40).says("503");
    assert_eq!(registry.count("/a"), 1);
}

#[test]
fn a_storm_of_errors_ends_soon() {
    let mut registry = Registry::new();
    let names: Vec<String> = (0..60).map(|number| format!("p{number}")).collect();
    for name in &names {
        registry = registry.package(name, "1.0.0", |p| p);
    }
    registry.fault("*", Fault::status(503));
    let env = TestEnv::new();
    env.user_npmrc(&format!(
        "registry={}\nfetch-retry-mintimeout=200\nfetch-retry-maxtimeout=400\nnetwork-concurrency=4\n",
        registry.url()
    ));
    env.depends_on(&names.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>());
    let started = Instant::now();
    env.install().failure(40);
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}

#[test]
fn silence_ends_by_the_timeout() {
    for path in ["/a", TARBALL] {
        let registry = registry();
        registry.fault(path, Fault::delay(20_000));
        let env = env(&registry);
        env.write(".npmrc", "fetch-timeout=200\nfetch-retries=1\n");
        let started = Instant::now();
        env.install().failure(40).says("a");
        assert!(started.elapsed() < Duration::from_secs(8), "{path}: {:?}", started.elapsed());
    }
}

#[test]
fn nobody_listens() {
    let env = TestEnv::new();
    env.user_npmrc("registry=http://127.0.0.1:1/\n");
    env.depends_on(&[("a", "1")]);
    env.install().failure(40).says("127.0.0.1");
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let (registry, other) = (registry(), registry());
    registry.fault(TARBALL, Fault::Redirect(other.tarball_url("a", "1.0.0")));
    registry.fault_times("/a", Fault::Redirect(format!("{}a", other.url())), 1);
    let env = env(&registry);
    env.install().success();
    assert_eq!(other.count(TARBALL), 1);

    let registry = self::registry();
    registry.fault("/a", Fault::Redirect(format!("{}a", registry.url())));
    self::env(&registry).install().failure(40).says("redirect");
    assert!(registry.count("/a") <= 80, "{}", registry.count("/a"));
}

#[test]
fn wrong_bytes_once_are_fetched_again_and_always_are_an_error() {
    for fault in [Fault::Corrupt, Fault::Append(vec![0x41; 64]), Fault::Body("application/octet-stream".to_owned(), Vec::new())] {
        let registry = registry();
        registry.fault_times(TARBALL, fault.clone(), 1);
        let env = env(&registry);
        let said = env.install().success();
        assert_eq!(registry.count(TARBALL), 2, "{fault:?}: {}", said.report());

        let registry = self::registry();
        registry.fault(TARBALL, fault.clone());
        let env = self::env(&registry);
        let said = env.install().failure(40).says("a@1.0.0");
        assert_eq!(registry.count(TARBALL), 2, "{fault:?}: one more try and no more\n{}", said.report());
        assert!(!env.has("node_modules/a") && env.strays().is_empty(), "{fault:?}: {:?}", env.strays());
        registry.heal();
        env.install().success();
    }
}

#[test]
fn more_bytes_than_announced_do_no_harm() {
    for path in ["/a", TARBALL] {
        let registry = registry();
        registry.fault(path, Fault::Pad);
        let env = env(&registry);
        if env.install().either().status.success() {
            assert_eq!(env.read("node_modules/a/index.js"), "module.exports = \"a@1.0.0\";\n");
            assert_eq!(env.read("node_modules/.deka/b@1.0.0/node_modules/b/index.js"), "module.exports = \"b@1.0.0\";\n");
        }
    }
}

#[test]
fn a_304_that_nobody_asked_for_is_asked_again() {
    let registry = registry();
    registry.fault_times("/a", Fault::status(304), 1);
    env(&registry).install().success().line("2 packages installed [TIME]");
    assert_eq!(registry.count("/a"), 2);
}

#[test]
fn the_limit_of_requests_in_flight_is_kept() {
    let mut registry = Registry::new();
    let names: Vec<String> = (0..12).map(|number| format!("p{number}")).collect();
    for name in &names {
        registry = registry.package(name, "1.0.0", |p| p);
    }
    registry.fault("*", Fault::delay(60));
    let env = TestEnv::with(&registry);
    env.depends_on(&names.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>());
    env.write(".npmrc", "network-concurrency=3\n");
    let started = Instant::now();
    env.install().success();
    // 24 requests of 60 ms, three at a time.
    assert!(started.elapsed() >= Duration::from_millis(450), "{:?}", started.elapsed());
}

#[test]
fn a_proxy_is_used_where_the_user_names_one() {
    // Whoever is named as the proxy is asked for the whole address; this server knows only paths and answers 404.
    let (registry, proxy) = (registry(), registry());
    let env = env(&registry);
    env.prepare(["install"]).env("HTTP_PROXY", proxy.url()).env("NO_PROXY", "127.0.0.1").run().success();
    assert_eq!(proxy.asked(), [""; 0]);
    env.remove("node_modules").remove("deka.lock");
    std::fs::remove_dir_all(env.home().join(".cache")).unwrap();
    env.write(".npmrc", format!("proxy={}\nhttps-proxy={}\n", proxy.url(), proxy.url()));
    env.install().success();
    assert_eq!(proxy.asked(), [""; 0], "a project may not name a proxy");
    env.remove("node_modules").remove("deka.lock");
    std::fs::remove_dir_all(env.home().join(".cache")).unwrap();
    env.prepare(["install"]).env("HTTP_PROXY", proxy.url()).run().fails();
    assert!(!proxy.asked().is_empty());
}
