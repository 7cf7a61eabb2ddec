//! What stood in `node_modules` before deka came.

use super::{Sandbox, entries};
use crate::layout::warning::Warning;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

#[test]
fn planted_links_are_replaced_and_never_followed() {
    let sandbox = Sandbox::new();
    let text = ". : a @s/b tool\n a@1.0.0 : tool\n @s/b@1.0.0 :\n tool@1.0.0 :";
    let outside = sandbox.folder.join("outside");
    fs::create_dir(&outside).expect("made");
    fs::write(outside.join("file"), "theirs").expect("written");
    let plant = |target: &Path, place: &str| {
        let place = sandbox.path(place);
        fs::create_dir_all(place.parent().expect("a folder above")).expect("made");
        let _ = fs::remove_file(&place);
        symlink(target, place).expect("planted");
    };
    let plants: [&[(&str, &str)]; 4] = [
        &[("", "node_modules")],
        &[("", "node_modules/.deka"), ("", "node_modules/a"), ("", "node_modules/@s"), ("", "node_modules/.bin")],
        &[("", "node_modules/.deka/a@1.0.0"), ("", "node_modules/.deka/node_modules"), ("file", "node_modules/.deka/tree")],
        &[("", "node_modules/.deka/@s+b@1.0.0"), ("file", "node_modules/.bin/tool")],
    ];
    for plants in plants {
        crate::fs::remove_all(&sandbox.path("node_modules")).expect("removed");
        plants.iter().for_each(|(target, place)| plant(&outside.join(target), place));
        sandbox.install(text);
        assert_eq!(entries(&outside).into_keys().collect::<Vec<_>>(), ["file"], "{plants:?}");
        assert_eq!(fs::read(outside.join("file")).expect("it is there"), b"theirs");
        assert!(sandbox.path("node_modules/@s/b/index.js").exists() && sandbox.path("node_modules/a/index.js").exists());
        assert!(sandbox.path("node_modules/.deka/a@1.0.0/node_modules/tool/cli.js").exists());
    }
}

#[test]
fn planted_links_are_not_followed_by_a_later_install_either() {
    let sandbox = Sandbox::new();
    sandbox.install(". : a\n a@1.0.0 : @s/b\n @s/b@1.0.0 :\n");
    let outside = sandbox.folder.join("outside");
    fs::create_dir(&outside).expect("made");
    let scope = sandbox.path("node_modules/.deka/a@1.0.0/node_modules/@s");
    fs::remove_dir_all(&scope).expect("removed");
    symlink(&outside, &scope).expect("planted");
    sandbox.install(". : a\n a@1.0.0 : @s/b @s/c\n @s/b@1.0.0 :\n @s/c@1.0.0 :");
    assert!(entries(&outside).is_empty());
    assert!(scope.join("c/index.js").exists());
}

#[test]
fn what_others_installed_is_left_alone_or_moved_aside() {
    let sandbox = Sandbox::new();
    for place in ["node_modules/a/theirs", "node_modules/@s/b/theirs", "node_modules/other/theirs", "node_modules/@s/c/theirs"] {
        let place = sandbox.path(place);
        fs::create_dir_all(place.parent().expect("a folder above")).expect("made");
        fs::write(place, "").expect("written");
    }
    let done = sandbox.install(". : a @s/b\n a@1.0.0 :\n @s/b@1.0.0 :");
    let moved = |place: &str| Warning::MovedAside { path: sandbox.path(place) };
    assert_eq!(done.warnings, [moved("node_modules/@s/b"), moved("node_modules/a")]);
    for place in [".ignored/a/theirs", ".ignored/@s/b/theirs", "other/theirs", "@s/c/theirs", "a/index.js", "@s/b/index.js"] {
        assert!(sandbox.path("node_modules").join(place).exists(), "{place}");
    }
    sandbox.install(". : @s/b\n @s/b@1.0.0 :");
    assert!(sandbox.path("node_modules/other/theirs").exists() && !sandbox.path("node_modules/a").exists());
}
