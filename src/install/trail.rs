//! The shortest way from a project to a package, for messages.

use crate::resolve::graph::{InstanceIndex, PackageIndex, Resolution, Target};
use std::collections::VecDeque;

/// Returns `. > a@1.0.0 > b@2.0.0` for the shortest chain of dependencies that leads to a package.
pub(super) fn to_package(resolution: &Resolution, package: PackageIndex) -> String {
    let mut above: Vec<Option<Above>> = vec![None; resolution.instances.len()];
    let mut queue = VecDeque::new();
    for importer in &resolution.importers {
        for direct in &importer.dependencies {
            visit(&direct.target, Above::Importer(&importer.path), &mut above, &mut queue);
        }
    }
    while let Some(index) = queue.pop_front() {
        if resolution.instance(index).package == package {
            return describe(resolution, index, &above);
        }
        for edge in &resolution.instance(index).dependencies {
            visit(&Some(edge.target.clone()), Above::Instance(index), &mut above, &mut queue);
        }
    }
    resolution.package(package).id.clone()
}

/// What led to an instance first.
#[derive(Clone, Copy)]
enum Above<'a> {
    Importer(&'a str),
    Instance(InstanceIndex),
}

fn visit<'a>(target: &Option<Target>, from: Above<'a>, above: &mut [Option<Above<'a>>], queue: &mut VecDeque<InstanceIndex>) {
    if let Some(Target::Instance(index)) = target
        && above[index.0 as usize].is_none()
    {
        above[index.0 as usize] = Some(from);
        queue.push_back(*index);
    }
}

fn describe(resolution: &Resolution, last: InstanceIndex, above: &[Option<Above<'_>>]) -> String {
    let mut steps = Vec::new();
    let mut at = last;
    loop {
        steps.push(resolution.package_of(at).id.as_str());
        match above[at.0 as usize] {
            Some(Above::Instance(index)) => at = index,
            Some(Above::Importer(path)) => {
                steps.push(if path == "." { "the project" } else { path });
                break;
            }
            None => break,
        }
    }
    steps.reverse();
    steps.join(" > ")
}
