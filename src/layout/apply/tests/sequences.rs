//! Any sequence of installs ends where a single one would.

use super::{Sandbox, no_dangling_links, tree};
use crate::layout::testing::resolution;
use proptest::prelude::*;

const PACKAGES: [&str; 6] = ["a@1.0.0", "a@2.0.0", "@s/b@1.0.0", "tool@1.0.0", "toolbox@1.0.0", "c@1.0.0"];

/// A resolution of some packages: bit sets of what the project and each package depends on.
fn text(direct: u8, edges: [u8; 6]) -> String {
    let list = |bits: u8| -> String {
        let chosen = PACKAGES.iter().enumerate().filter(|(index, _)| bits & 1 << index != 0).map(|(_, id)| *id);
        // One alias stands once: of the two versions of `a` the first that is chosen.
        let mut seen = Vec::new();
        let mut list = String::new();
        for id in chosen {
            let name = &id[..id.rfind('@').expect("a version")];
            if !seen.contains(&name) {
                seen.push(name);
                list.push_str(&format!(" {name}={id}"));
            }
        }
        list
    };
    let mut text = format!(". :{}\npackages/p :{}\n", list(direct), list(direct.rotate_left(3)));
    for (id, bits) in PACKAGES.iter().zip(edges) {
        text.push_str(&format!("{id} :{}\n", list(bits)));
    }
    text
}

#[derive(Clone, Debug)]
struct Step {
    text: String,
    shared: bool,
    /// How many slots are built before the install is given up; all and the rest of the work, when it is large.
    builds: usize,
}

fn step() -> impl Strategy<Value = Step> {
    (any::<u8>(), any::<[u8; 6]>(), prop::bool::weighted(0.3), 0..12_usize).prop_map(|(direct, edges, shared, builds)| Step {
        text: text(direct, edges),
        shared,
        builds,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn the_way_does_not_matter(steps in prop::collection::vec(step(), 1..5), last in step()) {
        let mut sandbox = Sandbox::with_shared_slots();
        let slots = sandbox.places.shared.clone();
        for step in &steps {
            sandbox.places.shared = slots.clone().filter(|_| step.shared);
            if step.builds > 6 {
                sandbox.install(&step.text);
                continue;
            }
            let resolution = resolution(&step.text);
            let builder = sandbox.begin(&resolution);
            for (slot, package) in sandbox.packages(&builder, &resolution).iter().take(step.builds) {
                builder.build(*slot, &sandbox.store, package).expect("built");
            }
        }
        sandbox.places.shared = slots.filter(|_| last.shared);
        sandbox.install(&last.text);
        no_dangling_links(&sandbox.places.root);
        let reached = tree(&sandbox.places.root);
        sandbox.move_to("fresh");
        sandbox.install(&last.text);
        let ignore_empty = |tree: &str| tree.lines().filter(|line| !line.ends_with('/')).map(|line| format!("{line}\n")).collect::<String>();
        prop_assert_eq!(ignore_empty(&reached), ignore_empty(&tree(&sandbox.places.root)));
    }
}
