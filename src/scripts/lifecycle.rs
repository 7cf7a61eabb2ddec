//! Which scripts of a package an install runs, and in what order.
//!
//! The lists are npm's. A package with a `binding.gyp` and neither `install` nor `preinstall` of its own is built with
//! node-gyp, since that is what the file means.

use std::collections::BTreeMap;

/// A script to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// The event that it runs on: `postinstall`.
    pub event: &'static str,
    /// The command line.
    pub script: &'a str,
}

const OF_DEPENDENCIES: [&str; 3] = ["preinstall", "install", "postinstall"];
const OF_ROOT: [&str; 7] = ["preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"];
/// What a `binding.gyp` asks for.
const BUILD: &str = "node-gyp rebuild";

/// When scripts of the project run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before its dependencies are put in place.
    Before,
    /// When they are.
    After,
}

/// Returns the scripts that the project itself runs.
pub fn of_root(scripts: &BTreeMap<String, String>, has_binding_gyp: bool, moment: Moment) -> Vec<Step<'_>> {
    let mut steps = steps(&OF_ROOT, scripts, has_binding_gyp);
    steps.retain(|step| (step.event == "preinstall") == (moment == Moment::Before));
    steps
}

/// Returns the scripts that an allowed dependency runs.
pub fn of_dependency(scripts: &BTreeMap<String, String>, has_binding_gyp: bool) -> Vec<Step<'_>> {
    steps(&OF_DEPENDENCIES, scripts, has_binding_gyp)
}

fn steps<'a>(events: &[&'static str], scripts: &'a BTreeMap<String, String>, has_binding_gyp: bool) -> Vec<Step<'a>> {
    let builds = has_binding_gyp && !scripts.contains_key("install") && !scripts.contains_key("preinstall");
    let script = |event: &str| match scripts.get(event) {
        Some(script) if !script.trim().is_empty() => Some(script.as_str()),
        None if builds && event == "install" => Some(BUILD),
        _ => None,
    };
    events.iter().filter_map(|&event| script(event).map(|script| Step { event, script })).collect()
}

#[cfg(test)]
mod tests {
    use super::{Moment, Step, of_dependency, of_root};
    use std::collections::BTreeMap;

    fn shown(steps: &[Step<'_>]) -> String {
        steps.iter().map(|step| format!("{}={}", step.event, step.script)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn picks_scripts_in_npms_order() {
        for (scripts, gyp, root, dependency) in [
            (
                &[("prepare", "p"), ("postinstall", "b"), ("preinstall", "a"), ("test", "t")][..],
                false,
                "preinstall=a postinstall=b prepare=p",
                "preinstall=a postinstall=b",
            ),
            (&[], true, "install=node-gyp rebuild", "install=node-gyp rebuild"),
            (&[("postinstall", "b")], true, "install=node-gyp rebuild postinstall=b", "install=node-gyp rebuild postinstall=b"),
            (&[("preinstall", "a")], true, "preinstall=a", "preinstall=a"),
            (&[("install", "")], true, "", ""),
            (
                &[("postprepare", "3"), ("prepare", "2"), ("preprepare", "1"), ("prepublish", "0")],
                false,
                "prepublish=0 preprepare=1 prepare=2 postprepare=3",
                "",
            ),
        ] {
            let scripts: BTreeMap<String, String> =
                scripts.iter().map(|(event, script)| ((*event).to_owned(), (*script).to_owned())).collect();
            let both = [of_root(&scripts, gyp, Moment::Before), of_root(&scripts, gyp, Moment::After)].concat();
            assert_eq!(shown(&both), root);
            assert_eq!(shown(&of_dependency(&scripts, gyp)), dependency);
        }
    }
}
