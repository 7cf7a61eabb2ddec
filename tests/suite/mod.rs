//! The tests, one file a theme.

mod add;
mod auth;
mod basics;
mod bundles;
mod concurrent;
mod dedupe;
mod edit_workspaces;
mod failures;
mod faults;
mod gc;
mod groups;
mod hostile_names;
mod hostile_tarballs;
mod incremental;
mod interrupted;
mod layout;
mod live;
mod lockfile;
mod messages;
mod migrations;
mod network;
mod offline;
mod packs;
mod quarantine;
mod remove;
mod reporters;
mod resolution;
mod scripts;
mod selection;
mod settings;
mod sources;
mod store;
mod tidy;
mod update;
mod usage;
mod verify;
mod verify_packs;
mod workspaces;

#[test]
fn no_file_of_the_suite_is_forgotten() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite");
    let listed = std::fs::read_to_string(folder.join("mod.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(module == "mod" || listed.contains(&format!("mod {module};")), "tests/suite/mod.rs does not list `{module}`");
    }
}
