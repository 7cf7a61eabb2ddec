//! How long it takes to read and write the lockfile of 1,200 packages.

mod registry;

use deka::lockfile::{self, Lockfile};
use divan::Bencher;
use registry::Registry;

fn main() {
    divan::main();
}

fn sample() -> Lockfile {
    Lockfile { resolution: Registry::new().resolve(), ..Lockfile::default() }
}

#[divan::bench]
fn read(bencher: Bencher<'_, '_>) {
    let text = lockfile::write(sample().borrowed());
    bencher.bench(|| lockfile::read(divan::black_box(text.as_bytes())).expect("a lockfile"));
}

#[divan::bench]
fn write(bencher: Bencher<'_, '_>) {
    let lockfile = sample();
    bencher.bench(|| lockfile::write(divan::black_box(lockfile.borrowed())));
}
