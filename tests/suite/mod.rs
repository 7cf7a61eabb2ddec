//! The tests, one file a theme.

mod add;
mod answers;
mod auth;
mod bad_workspaces;
mod basics;
mod blueprints;
mod concurrent;
mod dedupe;
mod deploy;
mod dlx;
mod edit_workspaces;
mod exec;
mod failures;
mod faults;
mod gc;
mod groups;
mod hostile_names;
mod hostile_tarballs;
mod incremental;
mod interrupted;
mod landing;
mod layout;
mod live;
mod lockfile;
mod ls;
mod messages;
mod migrations;
mod network;
mod offline;
mod outdated;
mod packs;
mod quarantine;
mod recalled;
mod remove;
mod reporters;
mod resolution;
mod run;
mod run_many;
mod samples;
mod scripts;
mod selection;
mod settings;
mod signals;
mod sources;
mod store;
mod terminal;
mod tidy;
mod timings;
mod update;
mod usage;
mod verify;
mod verify_packs;
mod why;
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
