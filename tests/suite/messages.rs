//! What is said when the input is wrong: which file, which package, which field, and what to do.

use crate::support::{Fault, Registry, TestEnv, json};
use insta::assert_snapshot;

fn registry() -> Registry {
    Registry::new()
        .package("a", "1.0.0", |p| p.dep("b", "^1"))
        .package("a", "1.1.0", |p| p.dep("b", "^2"))
        .package("a", "1.2.0", |p| p.dep("nowhere", "^2"))
        .package("b", "1.0.0", |p| p)
        .package("b", "1.5.0", |p| p)
        .tag("b", "next", "1.5.0")
}

#[test]
fn a_manifest_that_cannot_be_read_is_named_with_its_field() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1.0.0")]);
    env.install().success();
    let (tree, lockfile) = (env.tree(), env.read("deka.lock"));
    for (text, said) in [
        ("{", "line 1"),
        ("", "package.json"),
        ("{\n  \"dependencies\": {\n    \"a\": \"1\",\n  }\n}", "line 4"),
        ("[]", "an object"),
        ("null", "an object"),
        ("\"x\"", "an object"),
        (r#"{"dependencies":[]}"#, "`dependencies`"),
        (r#"{"dependencies":"a"}"#, "`dependencies`"),
        (r#"{"dependencies":{"a":1}}"#, "`dependencies.a`"),
        (r#"{"dependencies":{"a":null}}"#, "`dependencies.a`"),
        (r#"{"dependencies":{"a":{"b":"1"}}}"#, "`dependencies.a`"),
        (r#"{"devDependencies":{"a":true}}"#, "`devDependencies.a`"),
        (r#"{"optionalDependencies":7}"#, "`optionalDependencies`"),
        (r#"{"peerDependencies":{"a":[]}}"#, "`peerDependencies.a`"),
        (r#"{"name":7}"#, "`name`"),
        (r#"{"scripts":{"postinstall":1}}"#, "`scripts.postinstall`"),
        (r#"{"overrides":7}"#, "`overrides`"),
        (r#"{"overrides":{"a":7}}"#, "overrides"),
        (r#"{"dependencies":{"a":"<<2"}}"#, "<<2"),
        (r#"{"dependencies":{"a":"not a range!{}"}}"#, "not a range!{}"),
    ] {
        env.write("package.json", text);
        let failed = env.install().failure_of_input(text);
        assert!(failed.stderr.contains(said) && failed.stderr.contains("package.json"), "{text}: {said}\n{}", failed.report());
        assert_eq!((env.tree(), env.read("deka.lock")), (tree.clone(), lockfile.clone()), "{text}");
    }
    env.write("package.json", b"\xff\xfe{\0}\0");
    env.install().failure(2).says("package.json");
    env.write("package.json", "[".repeat(200_000));
    env.install().failure(2).says("package.json");
    env.write("package.json", b"\xef\xbb\xbf{\"dependencies\":{\"a\":\"1.0.0\"}}");
    env.install().success();
}

trait Input {
    fn failure_of_input(self, manifest: &str) -> crate::support::Said;
}

impl Input for crate::support::Output {
    /// A manifest is the user's to mend (2); a specifier in it may be found wrong by resolution only (20).
    #[track_caller]
    fn failure_of_input(self, manifest: &str) -> crate::support::Said {
        let said = self.either();
        assert!(matches!(said.status.code(), Some(2 | 20)), "{manifest}: {}", said.report());
        said
    }
}

#[test]
fn no_manifest_at_all() {
    let env = TestEnv::with(&registry());
    env.install().failure(2).says("package.json");
    assert!(!env.has("node_modules") && !env.has("deka.lock"));
    std::fs::create_dir(env.project().join("package.json")).unwrap();
    env.install().fails().says("package.json");
    env.deka(["install", "-C", "no/such/folder"]).fails().says("no/such/folder");
}

#[test]
fn an_unknown_package_is_named_with_the_way_there() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("nowhere", "1")]);
    env.install().failure(20).says("nowhere").says("DEKA_E_NOT_FOUND");
    env.depends_on(&[("a", "1.2.0")]);
    env.install().failure(20).says("a@1.2.0 > nowhere@^2");
    assert!(!env.has("node_modules") && !env.has("deka.lock"));
}

#[test]
fn an_unknown_version_is_named_with_what_there_is() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("b", "^7")]);
    env.install().failure(20).says("b").says("^7").says("1.5.0");
    env.depends_on(&[("b", "nightly")]);
    env.install().failure(20).says("b").says("nightly").says("next");
    env.depends_on(&[("a", "1.1.0")]);
    env.install().failure(20).says("a@1.1.0 > b@^2").says("1.5.0");
    env.depends_on(&[("b", ">2 <1")]);
    env.install().failure(20).says(">2 <1");
    assert!(!env.has("node_modules") && !env.has("deka.lock"));
}

#[test]
fn an_error_reads_well() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("a", "1.1.0")]);
    let said = env.install().failure(20);
    assert_snapshot!(said.stdout, @"");
    assert_snapshot!(said.stderr.split(':').next().unwrap_or_default(), @"error DEKA_E_RESOLVE");
}

#[test]
fn a_packument_that_is_none_names_its_package() {
    for (body, said) in [
        (&b"{}"[..], "a"),
        (b"[]", "a"),
        (b"null", "a"),
        (b"{\"name\":\"a\",\"versions\":null}", "a"),
        (b"{\"name\":\"a\",\"versions\":{}}", "a"),
        (b"{\"name\":\"a\",\"versions\":[]}", "a"),
        (b"{\"name\":\"a\"", "a"),
        (b"", "a"),
        (b"{\"name\":\"other\",\"dist-tags\":{\"latest\":\"1.0.0\"},\"versions\":{\"1.0.0\":{\"name\":\"other\",\"version\":\"1.0.0\"}}}", "other"),
    ] {
        let registry = registry();
        registry.fault("/a", Fault::json(body));
        let env = TestEnv::with(&registry);
        env.depends_on(&[("a", "1.0.0")]);
        env.install().fails().says(said);
        assert!(!env.has("node_modules") && !env.has("deka.lock"), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn odd_packuments_still_serve() {
    let registry = registry()
        .packument_field("a", "dist-tags", json!({ "latest": "9.9.9", "odd": 7 }))
        .packument_field("b", "dist-tags", json!(null))
        .package("c", "1.0.0", |p| p.record("deprecated", json!(false)).record("engines", json!(["node"])).record("os", json!("linux")))
        .package("c", "not-a-version", |p| p)
        .package("d", "1.0.0", |p| p.record("name", json!("other")).record("version", json!("7.7.7")));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1.0.0"), ("c", "^1"), ("d", "1.0.0")]);
    let said = env.install().either();
    if said.status.success() {
        assert!(
            said.text().contains("+ a@1.0.0") && said.text().contains("+ c@1.0.0") && !said.text().contains("7.7.7"),
            "{}",
            said.report()
        );
    } else {
        assert!(said.stderr.contains('d') && said.stderr.contains("other"), "only `d` may be refused\n{}", said.report());
    }
    let registry = registry_with_bom();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1.0.0")]);
    env.install().success();
}

/// A registry whose packument has a byte order mark and unused fields that no one should decode.
fn registry_with_bom() -> Registry {
    let registry = Registry::new().package("a", "1.0.0", |p| p);
    let body = format!(
        "\u{feff}{{\"name\":\"a\",\"readme\":\"\\ud800\",\"deep\":{}{},\"dist-tags\":{{\"latest\":\"1.0.0\"}},\"versions\":{{\"1.0.0\":\
         {{\"name\":\"a\",\"version\":\"1.0.0\",\"dist\":{{\"tarball\":\"{}\",\"integrity\":\"{}\"}}}},\"2.0.0\":7,\"3.0.0\":{{\"dist\":[]}}}}}}",
        "[".repeat(90),
        "]".repeat(90),
        registry.tarball_url("a", "1.0.0"),
        registry.integrity("a", "1.0.0"),
    );
    registry.fault("/a", Fault::json(body.as_bytes()));
    registry
}

#[test]
fn a_packument_without_end_is_cut_off() {
    let registry = registry();
    let spaces = crate::support::package::gzip(&vec![b' '; 300 << 20]);
    registry.fault("/a", Fault::Packed(spaces));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1.0.0")]);
    env.install().failure(40).says("a");
}

#[test]
fn hashes_of_the_registry_are_taken_seriously() {
    let wrong = crate::support::package::sha512(b"other bytes");
    let right = Registry::new().package("x", "1.0.0", |p| p).integrity("x", "1.0.0");
    for (integrity, fits) in [
        (wrong.clone(), false),
        (format!("{wrong} {right}"), true),
        (format!("sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA= {right}"), true),
        (format!("{wrong} sha256-{}", "A".repeat(43) + "="), false),
    ] {
        let registry = Registry::new().package("x", "1.0.0", |p| p.integrity(&integrity));
        let env = TestEnv::with(&registry);
        env.depends_on(&[("x", "1.0.0")]);
        let said = env.install().either();
        assert_eq!(said.status.success(), fits, "{integrity}: {}", said.report());
        assert_eq!(env.has("node_modules/x"), fits);
    }
    let registry = Registry::new().package("x", "1.0.0", |p| p.without_integrity().record("dist", json!({ "shasum": "0".repeat(40) })));
    let env = TestEnv::with(&registry);
    env.depends_on(&[("x", "1.0.0")]);
    env.install().failure(40).says("x@1.0.0").says("sha1");
}

#[test]
fn settings_that_make_no_sense_name_their_place() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("b", "1.0.0")]).write(".npmrc", "network-concurrency=many\n");
    env.install().failure(2).says(".npmrc").says("network-concurrency").says("many");
    env.write(".npmrc", "");
    env.prepare(["install"]).env("DEKA_PACKAGE_IMPORT_METHOD", "magic").run().failure(2).says("magic");
    env.deka(["install", "--package-import-method=magic"]).failure(2).says("magic");
    env.deka(["install", "--registry", "not an address"]).failure(2).says("not an address");
    env.write("pnpm-workspace.yaml", "packages: [a\n  b: {");
    env.install().failure(2).says("pnpm-workspace.yaml");
}
