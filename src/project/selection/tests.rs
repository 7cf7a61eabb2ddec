use super::{Selection, select};
use crate::project::graph::ProjectGraph;
use crate::project::settings::LinkWorkspacePackages;
use crate::project::workspace::Workspace;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// `web` and `docs` need `ui`, which needs `base`; `tool` stands alone.
fn sample() -> (TempDir, Workspace) {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write("package.json", r#"{"name":"root","workspaces":["apps/*","packages/*"]}"#);
    write("apps/docs/package.json", r#"{"name":"docs","dependencies":{"@acme/ui":"workspace:*"}}"#);
    write("apps/web/package.json", r#"{"name":"web","dependencies":{"@acme/ui":"workspace:*"}}"#);
    write("packages/base/package.json", r#"{"name":"@acme/base"}"#);
    write("packages/tool/package.json", r#"{"name":"@other/tool"}"#);
    write("packages/ui/package.json", r#"{"name":"@acme/ui","devDependencies":{"@acme/base":"workspace:*"}}"#);
    let workspace = Workspace::load(folder.path()).expect("a workspace");
    (folder, workspace)
}

/// Returns the last segments of the paths of the projects that filters select.
fn selected(workspace: &Workspace, filters: &[&str], cwd: &Path) -> Result<String, String> {
    let selection = Selection { filters: filters.iter().map(|filter| (*filter).to_owned()).collect(), ..Selection::default() };
    let graph = ProjectGraph::read(workspace, LinkWorkspacePackages::Never);
    let selected = select(workspace, &graph, &selection, cwd).map_err(|error| error.to_string())?;
    let names: Vec<&str> = selected.iter().filter_map(|index| workspace.projects[*index].path.rsplit('/').next()).collect();
    Ok(names.join(" "))
}

#[test]
fn every_form_selects_what_it_does_for_pnpm() {
    let (folder, workspace) = sample();
    for (filters, want) in [
        (&["web"][..], "web"),
        (&["@acme/*"], "base ui"),
        (&["*"], ". docs web base tool ui"),
        (&["ui"], "ui"),
        (&["tool"], "tool"),
        (&["nothing"], ""),
        (&["web..."], "web base ui"),
        (&["web^..."], "base ui"),
        (&["...base"], "docs web base ui"),
        (&["...^base"], "docs web ui"),
        (&["...ui..."], "docs web base ui"),
        (&["...docs..."], "docs base ui"),
        (&["./apps/web"], "web"),
        (&["./apps/web/"], "web"),
        (&["./apps"], ""),
        (&["./apps/**"], "docs web"),
        (&["{apps/*}"], "docs web"),
        (&["{apps/*}..."], "docs web base ui"),
        (&["./packages/ui..."], "base ui"),
        (&["."], "."),
        (&["{**}"], ". docs web base tool ui"),
        (&["*{packages/*}"], "base tool ui"),
        (&["@acme/*{packages/u*}"], "ui"),
        (&["!web"], ". docs base tool ui"),
        (&["!web", "!./packages/**"], ". docs"),
        (&["@acme/*", "!base"], "ui"),
        (&["!...base"], ". tool"),
        (&["web", "docs"], "docs web"),
        (&["../outside"], ""),
    ] {
        assert_eq!(selected(&workspace, filters, folder.path()).as_deref(), Ok(want), "{filters:?}");
    }
}

#[test]
fn folders_are_relative_to_the_current_one() {
    let (folder, workspace) = sample();
    let from = folder.path().join("apps/web");
    for (filter, want) in [(".", "web"), ("..", ""), ("../docs", "docs"), ("../../packages/*", "base tool ui"), ("../..", ".")] {
        assert_eq!(selected(&workspace, &[filter], &from).as_deref(), Ok(want), "{filter}");
    }
}

#[test]
fn without_filters_the_folder_decides() {
    let (folder, workspace) = sample();
    let graph = ProjectGraph::read(&workspace, LinkWorkspacePackages::Never);
    let of = |recursive, workspace_root, cwd: PathBuf| {
        select(&workspace, &graph, &Selection { filters: vec![], recursive, workspace_root }, &cwd).expect("projects")
    };
    let web = folder.path().join("apps/web/src");
    std::fs::create_dir_all(&web).expect("a folder");
    assert_eq!(of(false, false, web.clone()), [2]);
    assert_eq!(of(false, false, folder.path().join("apps")), [0]);
    assert_eq!(of(false, true, web.clone()), [0]);
    assert_eq!(of(true, false, web), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_scope_may_be_left_out_only_where_one_project_is_meant() {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in [("", r#"{"workspaces":["a","b"]}"#), ("a", r#"{"name":"@x/ui"}"#), ("b", r#"{"name":"@y/ui"}"#)] {
        std::fs::create_dir_all(folder.path().join(path)).expect("a folder");
        std::fs::write(folder.path().join(path).join("package.json"), text).expect("a file");
    }
    let workspace = Workspace::load(folder.path()).expect("a workspace");
    assert_eq!(selected(&workspace, &["ui"], folder.path()).as_deref(), Ok(""));
    assert_eq!(selected(&workspace, &["@x/ui"], folder.path()).as_deref(), Ok("a"));
}

#[test]
fn git_says_what_has_changed() {
    let (folder, workspace) = sample();
    let git = |arguments: &[&str]| {
        let status = Command::new("git")
            .args(["-c", "user.name=n", "-c", "user.email=e@example.test", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .current_dir(folder.path())
            .status()
            .expect("git");
        assert!(status.success(), "{arguments:?}");
    };
    assert!(selected(&workspace, &["[HEAD]"], folder.path()).expect_err("no repository").contains("git cannot compare"));
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "first"]);
    std::fs::create_dir_all(folder.path().join("packages/base/src")).expect("a folder");
    std::fs::write(folder.path().join("packages/base/src/x.js"), "x").expect("a file");
    git(&["add", "."]);
    git(&["commit", "-qm", "second"]);
    std::fs::write(folder.path().join("apps/docs/package.json"), r#"{"name":"docs"}"#).expect("a file");
    for (filter, want) in [
        ("[HEAD]", "docs"),
        ("[HEAD~1]", "docs base"),
        ("...[HEAD~1]", "docs web base ui"),
        ("{packages}[HEAD~1]", "base"),
        ("{packages/**}[HEAD~1]", "base"),
        ("{packages}[HEAD~1]...", "base"),
        ("...{packages}[HEAD~1]", "docs web base ui"),
        ("@acme/*[HEAD~1]", "base"),
        ("![HEAD~1]", ". web tool ui"),
    ] {
        assert_eq!(selected(&workspace, &[filter], folder.path()).as_deref(), Ok(want), "{filter}");
    }
    std::fs::write(folder.path().join("package.json"), r#"{"name":"root","workspaces":["apps/*","packages/*"],"x":1}"#).expect("a file");
    assert_eq!(selected(&workspace, &["[HEAD]"], folder.path()).as_deref(), Ok(". docs"));
    for bad in ["[nothing-of-that-name]", "[--output=x]"] {
        assert!(selected(&workspace, &[bad], folder.path()).is_err(), "{bad}");
    }
    assert!(!folder.path().join("x").exists());
}
