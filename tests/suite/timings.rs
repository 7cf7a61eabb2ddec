//! `--timings`: a page that shows where the time of an install went, to people and to nobody else.

use crate::support::{Fault, Registry, TestEnv, json};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = "deka-timings.html";

/// A name that ends a script, a string and an attribute wherever it is written as it is.
const HOSTILE: &str = "x</script><script>document.documentElement.dataset.broken=1</script><!--\"'&\u{2028}";

fn registry() -> Registry {
    Registry::new()
        .package("a", "1.0.0", |p| p.dep("b", "^1").file("lib.js", "1"))
        .package("b", "1.2.0", |p| p.file("lib.js", "2"))
        .package("@s/c", "2.0.0", |p| p)
}

/// Returns what the page of a project holds, and checks that whoever reads it finds nothing else in it.
#[track_caller]
fn data(env: &TestEnv) -> Value {
    let page = env.read(PAGE);
    assert_eq!((page.matches("<script").count(), page.matches("</script").count(), page.matches("<!--").count()), (2, 2, 0));
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    let (json, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// Returns the total with a name.
#[track_caller]
fn total(data: &Value, name: &str) -> u64 {
    data["totals"][name].as_u64().unwrap_or_else(|| panic!("no number `{name}` in {}", data["totals"]))
}

fn names(data: &Value, list: &str) -> Vec<String> {
    let mut names: Vec<String> = data[list].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Returns what happened in the chain that the end waited for.
fn chain(data: &Value) -> Vec<String> {
    let chain = data["critical"].as_array().unwrap().iter();
    chain.map(|segment| format!("{} {}", segment["event"].as_str().unwrap(), segment["label"].as_str().unwrap())).collect()
}

#[track_caller]
fn stages_add_up(data: &Value) {
    let stages: u64 = data["stages"].as_array().unwrap().iter().map(|stage| stage["timeUs"].as_u64().unwrap()).sum();
    assert_eq!(Some(stages), data["wallUs"].as_u64());
}

#[test]
fn a_first_install_is_shown_package_by_package() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1"), ("@s/c", "2")]);
    env.deka(["install", "--timings"])
        .success()
        .line("3 packages installed [TIME]")
        .says("where the time went: [PROJECT]/deka-timings.html");
    let data = data(&env);
    assert_eq!((&data["command"], &data["outcome"], &data["inTree"]), (&json!("deka install"), &json!("installed"), &json!(3)));
    assert_eq!(names(&data, "packages"), ["@s/c@2.0.0", "a@1.0.0", "b@1.2.0"]);
    assert_eq!(names(&data, "packuments"), ["@s/c", "a", "b"]);
    for package in data["packages"].as_array().unwrap() {
        let times = |name: &str| package[name].as_array().unwrap_or_else(|| panic!("no {name} of {package}")).clone();
        assert!(times("fetch")[0].as_u64() <= times("import")[1].as_u64() && times("links").len() == 1, "{package}");
        assert!(package["bytes"].as_u64() > Some(0) && package["unpacked"].as_u64() > Some(0), "{package}");
    }
    let tarballs: usize = ["a-1.0.0", "b-1.2.0", "c-2.0.0"].iter().map(|name| requests(&registry, name)).sum();
    assert_eq!((tarballs as u64, total(&data, "packumentsFetched")), (total(&data, "tarballs"), 3));
    let numbers = ["imported", "inStore", "packumentsCached", "slots", "linkedFiles", "retries"].map(|name| total(&data, name));
    assert_eq!(numbers, [3, 0, 0, 3, 8, 0]);
    stages_add_up(&data);
    let chain = chain(&data);
    assert_eq!(chain.first().map(String::as_str), Some("step settings, manifests and the store"), "{chain:?}");
    assert_eq!(chain.last().map(String::as_str), Some("step writing of the state"), "{chain:?}");
    assert!(["packument", "link"].iter().all(|event| chain.iter().any(|link| link.starts_with(event))), "{chain:?}");
    let nothing: [&str; 0] = [];
    assert_eq!(env.strays(), nothing);
}

#[test]
fn what_comes_from_addresses_and_folders_is_shown_once_and_under_its_own_name() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("remote", &registry.tarball_url("b", "1.2.0")), ("local", "file:local")]);
    env.write("local/package.json", r#"{"name":"local","version":"3.0.0"}"#);
    // A folder is read again each time.
    for (imported, in_store) in [(2, 0), (1, 1)] {
        env.deka(["install", "--timings"]).success();
        let data = data(&env);
        assert_eq!(names(&data, "packages"), ["b@1.2.0", "local@3.0.0"]);
        assert_eq!((total(&data, "imported"), total(&data, "inStore"), total(&data, "slots")), (imported, in_store, 2));
        env.remove("node_modules");
    }
}

fn requests(registry: &Registry, tarball: &str) -> usize {
    registry.asked().iter().filter(|path| path.ends_with(&format!("{tarball}.tgz"))).count()
}

#[test]
fn without_the_flag_there_is_no_page() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("a", "1")]);
    env.install().success().never_says("where the time went");
    assert!(!env.has(PAGE));
}

#[test]
fn each_way_to_install_has_a_page() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    env.depends_on(&[("a", "1")]);
    env.install().success();
    let installed = |arguments: &[&str]| {
        env.deka(arguments.iter().chain(&["--timings"])).success();
        let data = data(&env);
        stages_add_up(&data);
        data
    };
    let noop = installed(&["install"]);
    assert_eq!((&noop["outcome"], &noop["inTree"], total(&noop, "slots")), (&json!("nothing-to-do"), &json!(2), 0));

    env.remove("node_modules");
    let warm = installed(&["install"]);
    assert_eq!((total(&warm, "inStore"), total(&warm, "slots"), total(&warm, "linkedFiles")), (2, 2, 6));
    assert_eq!((total(&warm, "tarballs"), total(&warm, "downloadedBytes")), (0, 0));

    // What was built from the store leaves a blueprint, which knows neither packages nor files.
    let again = installed(&["ci"]);
    assert_eq!((&again["command"], total(&again, "slots"), &again["totals"]["linkedFiles"]), (&json!("deka ci"), 2, &Value::Null));
    assert!(names(&again, "packages").iter().all(|name| name.contains("part")), "{again}");

    // The cached packuments are new enough, so only the one that was never asked for comes.
    let added = installed(&["add", "@s/c"]);
    assert_eq!((&added["command"], total(&added, "imported"), total(&added, "packumentsFetched")), (&json!("deka add"), 1, 1));
    let removed = installed(&["remove", "@s/c"]);
    assert_eq!((&removed["command"], &removed["inTree"]), (&json!("deka remove"), &json!(2)));
    let lockfile = installed(&["update", "--lockfile-only"]);
    assert_eq!((&lockfile["command"], &lockfile["outcome"]), (&json!("deka update"), &json!("lockfile-only")));
}

#[test]
fn an_install_that_fails_shows_how_far_it_came() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    registry.fault_times("/a", Fault::status(503), 1);
    registry.fault("*b-1.2.0.tgz", Fault::Corrupt);
    env.depends_on(&[("a", "1")]);
    let said = env.deka(["install", "--timings"]).fails().says("where the time went");
    let data = data(&env);
    assert_eq!(data["outcome"], "failed");
    let code = data["error"].as_str().unwrap();
    assert!(said.text().contains(code), "{code}\n{}", said.report());
    assert_eq!((total(&data, "retries") > 0, names(&data, "packuments")), (true, vec!["a".to_owned(), "b".to_owned()]));
    stages_add_up(&data);
    // Nothing but the page is left of it.
    assert!(!env.has("deka.lock"));
}

#[test]
fn where_there_is_no_project_there_is_no_page_and_one_complaint() {
    let env = TestEnv::new();
    let said = env.deka(["install", "--timings"]).fails().says("there is no package.json").never_says("timings");
    assert!(!env.has(PAGE) && !said.stderr.contains("warning"), "{}", said.report());
}

#[test]
fn a_page_that_cannot_be_written_is_a_warning() {
    let env = TestEnv::with(&registry());
    env.depends_on(&[("a", "1")]).write("deka-timings.html/file", "");
    env.deka(["install", "--timings"]).success().line("2 packages installed [TIME]").says("could not be written");
}

#[test]
fn all_projects_of_a_workspace_are_on_the_page_in_its_root() {
    let env = TestEnv::with(&registry());
    env.manifest(json!({ "name": "root", "workspaces": ["p/*"], "scripts": { "postinstall": "true" } }));
    for (name, dependency) in [("one", "a"), ("two", "@s/c")] {
        let manifest = json!({ "name": name, "dependencies": { dependency: "*" }, "scripts": { "postinstall": "true" } });
        env.write(&format!("p/{name}/package.json"), manifest.to_string());
    }
    env.prepare(["install", "--timings"]).in_folder(&env.project().join("p/one")).run().success();
    assert!(!env.has("p/one/deka-timings.html"));
    let data = data(&env);
    assert_eq!(names(&data, "packages"), ["@s/c@2.0.0", "a@1.0.0", "b@1.2.0"]);
    let steps = data["steps"].as_array().unwrap().iter().filter(|step| step["part"] == "scripts");
    let mut scripts: Vec<&str> = steps.map(|step| step["label"].as_str().unwrap()).collect();
    scripts.sort_unstable();
    assert_eq!(scripts, ["one postinstall", "root postinstall", "two postinstall"]);
}

/// A project that says hostile things wherever it can: its folder, its name, the version of a package in a folder, and
/// the address of a tarball.
fn hostile(registry: &Registry) -> TestEnv {
    let env = TestEnv::with(registry);
    let env = env.another(&HOSTILE.replace('/', "\u{2215}"));
    let url = registry.tarball_url("a", "1.0.0");
    env.manifest(json!({
        "name": HOSTILE,
        "dependencies": { "local": "file:local", "remote": url, "a": "1" },
        "workspaces": ["p"],
        "scripts": { "postinstall": "true" },
    }));
    env.write("p/package.json", json!({ "name": "p" }).to_string());
    env.write("local/package.json", json!({ "name": "local", "version": HOSTILE }).to_string());
    env
}

#[test]
fn what_packages_call_themselves_stays_data_and_no_address_is_told() {
    let registry = registry();
    let env = hostile(&registry);
    env.deka(["install", "--timings"]).success();
    let data = data(&env);
    assert_eq!(data["project"].as_str(), env.project().file_name().unwrap().to_str());
    let labels: Vec<&str> = data["steps"].as_array().unwrap().iter().filter_map(|step| step["label"].as_str()).collect();
    assert!(labels.iter().any(|label| label.starts_with(HOSTILE)), "{labels:?}");
    assert!(names(&data, "packages").iter().any(|name| name.contains("</script>")), "{:?}", names(&data, "packages"));
    let page = env.read(PAGE);
    let host = registry.url().trim_start_matches("http://").trim_end_matches('/').to_owned();
    for loaded in [host.as_str(), "://", "url(", "@import", " src=", " href=", "fetch(", "XMLHttpRequest"] {
        assert!(!page.contains(loaded), "`{loaded}` in the page");
    }
}

/// Works the page as a person does, and leaves what can be seen then where a test finds it.
const DRIVER: &str = r##"
const press = (key) => document.getElementById("waterfall").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const text = (selector) => [...document.querySelectorAll(selector)].map((found) => found.textContent);
const seen = { title: document.querySelector("h1").textContent, tiles: text("#totals dd:not(.more)"), rows: text("#body td:first-child") };
document.querySelector("#columns button").click();
seen.sorted = text("#body td:first-child");
press("ArrowDown"); press("+");
seen.spoken = document.getElementById("spoken").textContent;
seen.zoom = Number(document.getElementById("zoom").value);
press("Escape");
seen.back = Number(document.getElementById("zoom").value);
const filter = document.getElementById("filter");
filter.value = "@S/";
filter.dispatchEvent(new Event("input"));
seen.filtered = text("#body td:first-child");
const drawn = (id) => { const canvas = document.getElementById(id); return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0); };
// Now, for a window without a screen may never come to the next frame.
drawNow();
seen.drawn = [drawn("rows"), drawn("concurrency")];
document.documentElement.dataset.seen = encodeURIComponent(JSON.stringify(seen));
"##;

/// A browser that shows pages without a screen.
struct Browser<'a> {
    program: PathBuf,
    env: &'a TestEnv,
}

impl Browser<'_> {
    /// Finds one on the `PATH`.
    fn find(env: &TestEnv) -> Option<Browser<'_>> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let program = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name))).find(|program| program.is_file());
        if program.is_none() {
            println!("skipped: none of {names:?} is there");
        }
        Some(Browser { program: program?, env })
    }

    /// Shows a page in a window that nothing comes to over any network, and returns what is printed.
    fn show(&self, page: &Path, dark: bool, flag: &str) -> String {
        let mut arguments =
            ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1400,1800"].map(str::to_owned).to_vec();
        arguments.extend(["--host-resolver-rules=MAP * ~NOTFOUND", "--no-first-run"].map(str::to_owned));
        arguments.push(format!("--user-data-dir={}", self.env.at_root("browser").display()));
        arguments.push(format!("--blink-settings=preferredColorScheme={}", u8::from(!dark)));
        arguments.extend([flag.to_owned(), format!("file://{}", page.display())]);
        self.env.prepare_program(&self.program, arguments).run().success().stdout
    }

    /// Shows a page that works itself, and returns what was seen.
    fn drive(&self) -> Value {
        let driven = self.env.at_root("driven.html");
        fs::write(&driven, self.env.read(PAGE).replace("</body>", &format!("<script>{DRIVER}</script></body>"))).unwrap();
        let shown = self.show(&driven, false, "--dump-dom");
        let (tag, _) = shown.split_once("<head>").unwrap();
        assert!(tag.contains("data-ready=\"true\"") && !tag.contains("data-error") && !tag.contains("data-broken"), "{tag}");
        let (_, seen) = tag.split_once("data-seen=\"").unwrap_or_else(|| panic!("nothing seen: {tag}"));
        let seen = percent_encoding::percent_decode_str(seen.split('"').next().unwrap()).decode_utf8().unwrap();
        serde_json::from_str(&seen).unwrap()
    }
}

#[test]
fn a_browser_shows_the_page_and_follows_the_keys() {
    let registry = registry();
    let env = TestEnv::with(&registry);
    let Some(browser) = Browser::find(&env) else { return };
    env.depends_on(&[("a", "1"), ("@s/c", "2")]);
    env.deka(["install", "--timings"]).success();
    let seen = browser.drive();
    assert_eq!((&seen["title"], &seen["tiles"][0], &seen["tiles"][1]), (&json!("deka install in project"), &json!("3"), &json!("3")));
    assert_eq!(seen["rows"].as_array().unwrap().len(), 3);
    assert_eq!((&seen["sorted"], &seen["filtered"]), (&json!(["@s/c@2.0.0", "a@1.0.0", "b@1.2.0"]), &json!(["@s/c@2.0.0"])));
    let spoken = seen["spoken"].as_str().unwrap();
    assert!(["Packument", "Download", "Import", "Link"].iter().all(|part| spoken.contains(part)), "{spoken}");
    assert!(seen["zoom"].as_f64() > Some(0.0) && seen["back"].as_f64() == Some(0.0) && seen["drawn"] == json!([true, true]), "{seen}");
    let shot = |dark: bool| {
        let path = env.at_root(if dark { "dark.png" } else { "light.png" });
        browser.show(&env.project().join(PAGE), dark, &format!("--screenshot={}", path.display()));
        fs::read(path).unwrap()
    };
    let (light, dark) = (shot(false), shot(true));
    assert!(light.starts_with(b"\x89PNG") && dark.starts_with(b"\x89PNG") && light != dark, "both are drawn, and not alike");
}

#[test]
fn a_browser_runs_nothing_that_a_package_says() {
    let registry = registry();
    let env = hostile(&registry);
    let Some(browser) = Browser::find(&env) else { return };
    env.deka(["install", "--timings"]).success();
    let seen = browser.drive();
    let title = seen["title"].as_str().unwrap();
    assert!(title.contains("<script>") && title.contains("\\u{2028}"), "{title}");
    assert!(seen["sorted"].as_array().unwrap().iter().any(|name| name.as_str().unwrap().contains("</script>")), "{seen}");
}
