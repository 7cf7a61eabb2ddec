//! A made-up registry about as large as what a real project of 1,200 packages sees: 40 versions a package, three or
//! four dependencies, and peers on a few names that the project has.

use deka::package::manifest::Manifest;
use deka::package::name::PackageName;
use deka::package::packument::Packument;
use deka::resolve::graph::Resolution;
use deka::resolve::request::{Failure, ImporterRequest, Need, Request};
use deka::resolve::solve::Solver;
use std::collections::HashMap;
use std::sync::Arc;

/// How many packages there are.
const PACKAGES: usize = 1200;
/// How many versions each has.
const VERSIONS: usize = 40;

/// Packuments by name, in memory.
pub struct Registry(HashMap<PackageName, Arc<Packument>>);

impl Registry {
    /// Makes the registry.
    pub fn new() -> Registry {
        Registry((0..PACKAGES).map(packument).collect())
    }

    /// Resolves a project with a few direct dependencies.
    pub fn resolve(&self) -> Resolution {
        let manifest = br#"{"name":"app","dependencies":{"p0":"^1.0.0","p1":"^1.0.0","p2":"~1.3.0","p7":"1.x"}}"#;
        let manifest = Manifest::parse(manifest).expect("a manifest");
        let importers = vec![ImporterRequest { path: ".".to_owned(), manifest: manifest.into(), ..ImporterRequest::default() }];
        let mut solver = Solver::new(Request { importers, ..Request::default() }).expect("a request");
        loop {
            let needs = solver.wants();
            solver.chosen().for_each(drop);
            if solver.is_done() {
                return solver.finish().expect("a resolution").0;
            }
            for need in needs {
                if let Need::Packument(name) | Need::Remembered(name) = need {
                    solver.packument(&name, self.0.get(&name).cloned().ok_or(Failure::NotFound));
                }
            }
        }
    }
}

fn packument(index: usize) -> (PackageName, Arc<Packument>) {
    let name = PackageName::parse(&format!("p{index}")).expect("a name");
    let dependencies: Vec<String> = (1..5)
        .map(|step| index * 3 + step)
        .filter(|next| *next < PACKAGES)
        .map(|next| format!("\"p{next}\":\"^1.{}.0\"", next % 9))
        .collect();
    let dependencies = dependencies.join(",");
    let versions: Vec<String> = (0..VERSIONS)
        .map(|minor| {
            format!(
                r#""1.{minor}.0":{{"name":"p{index}","version":"1.{minor}.0","dependencies":{{{dependencies}}},
                "peerDependencies":{{"p{}":"^1.0.0"}},"engines":{{"node":">=18"}},
                "dist":{{"tarball":"https://registry.test/p{index}/-/p{index}-1.{minor}.0.tgz","shasum":"{minor:040x}",
                "integrity":"sha512-CFjzYYAi4ThfiQvizrFQevTTXHtnCqWfe7x1AhgEscTz6ZbLbfoLRLPugTQyBth6f8ZERVUSyWHFD/7Wu4t1XQ=="}}}}"#,
                index % 8
            )
        })
        .collect();
    let text = format!(r#"{{"name":"{name}","dist-tags":{{"latest":"1.{}.0"}},"versions":{{{}}}}}"#, VERSIONS - 1, versions.join(","));
    let packument = Packument::parse(text.as_bytes(), &name).expect("a packument");
    (name, Arc::new(packument))
}
