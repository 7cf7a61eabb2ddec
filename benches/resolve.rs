//! How long choosing versions takes once all packuments are in memory.

mod registry;

use deka::package::range::Range;
use deka::package::version::Version;
use divan::Bencher;
use registry::Registry;

fn main() {
    divan::main();
}

#[divan::bench]
fn twelve_hundred_packages(bencher: Bencher<'_, '_>) {
    let registry = Registry::new();
    assert!(registry.resolve().packages.len() > 1000);
    bencher.bench(|| registry.resolve());
}

#[divan::bench(args = ["^1.2.3", "1.x || >=2.5.0 <3", "1.2.3 - 2.3.4", "1.2.3"])]
fn read_a_range(text: &str) -> Option<Range> {
    Range::parse(divan::black_box(text))
}

#[divan::bench]
fn ask_a_range(bencher: Bencher<'_, '_>) {
    let range = Range::parse("^1.2.3 || ^2.0.0").expect("a range");
    let versions: Vec<Version> = (0..100).map(|minor| Version::new(minor % 4, minor, 0)).collect();
    bencher.bench(|| versions.iter().filter(|version| range.contains(divan::black_box(version))).count());
}
