//! How long it takes to unpack a tarball, with and without the checks around it.

use deka::package::integrity::{Integrity, Together};
use deka::package::path::RelPath;
use deka::registry::tarball::{Content, Limits, Sink, unpack_bytes, unpack_stream};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::sync::Arc;

fn main() {
    divan::main();
}

/// Looks at every file and keeps none.
struct Nowhere;

impl Sink for Nowhere {
    type Error = Infallible;

    fn file(&mut self, path: &RelPath, executable: bool, content: Content<'_>) -> Result<(), Infallible> {
        black_box((path, executable));
        match content {
            Content::Whole(bytes) => drop(black_box(bytes)),
            // A reader that fails is noticed by whoever owns it.
            Content::Stream { reader, .. } => drop(io::copy(reader, &mut io::sink())),
        }
        Ok(())
    }
}

/// A package of `files` files of about `size` bytes each, of words as code has them.
fn package(files: usize, size: usize) -> Vec<u8> {
    const WORDS: [&str; 12] =
        ["const ", "export ", "function ", "return ", "() => ", "{\n  ", "}\n", "value", "index", " = ", "require('./", "');\n"];
    let mut state = 7u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut builder = tar::Builder::new(Vec::new());
    for index in 0..files {
        let mut text = String::new();
        while text.len() < size {
            text.push_str(WORDS[next() % WORDS.len()]);
            if next() % 4 == 0 {
                text.push_str(&(next() % 10_000).to_string());
            }
        }
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        let path = format!("package/lib/part{}/file{index}.js", index % 10);
        builder.append_data(&mut header, path, text.as_bytes()).expect("memory");
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&builder.into_inner().expect("memory")).expect("memory");
    encoder.finish().expect("memory")
}

/// Files and bytes per file: a small package, a usual one, one of a few large files.
const SHAPES: [(usize, usize); 3] = [(5, 2_000), (200, 8_000), (6, 2_000_000)];

/// Shapes of bodies that are unpacked as they arrive: some large files, many usual ones.
const LARGE: [(usize, usize); 2] = [(6, 8_000_000), (4_000, 12_000)];

#[divan::bench(args = SHAPES)]
fn whole(bencher: Bencher<'_, '_>, (files, size): (usize, usize)) {
    let body = package(files, size);
    let integrity = Integrity::of(&body);
    bencher.counter(BytesCount::new(files * size)).bench_local(|| {
        unpack_bytes(&body, None, Some(&integrity), &Limits::default(), &mut Nowhere).expect("a tarball");
    });
}

#[divan::bench(args = SHAPES)]
fn stream(bencher: Bencher<'_, '_>, (files, size): (usize, usize)) {
    let body = package(files, size);
    let integrity = Integrity::of(&body);
    bencher.counter(BytesCount::new(files * size)).bench_local(|| {
        unpack_stream(&mut body.as_slice(), Some(&integrity), &Arc::default(), &Limits::default(), &mut Nowhere).expect("a tarball");
    });
}

/// Unpacks a large body in a window. The hash is part of it, see `integrity_alone`.
#[divan::bench(args = LARGE)]
fn stream_large(bencher: Bencher<'_, '_>, (files, size): (usize, usize)) {
    let body = package(files, size);
    let limits = Limits { whole_bytes: 0, ..Limits::default() };
    let integrity = Integrity::of(&body);
    bencher.counter(BytesCount::new(files * size)).bench_local(|| {
        unpack_bytes(&body, None, Some(&integrity), &limits, &mut Nowhere).expect("a tarball");
    });
}

/// Reads the tarballs in the folder that `DEKA_BENCH_TARBALLS` names, and how much each unpacks to; none without it.
fn real() -> Vec<(Vec<u8>, usize)> {
    let folder = std::env::var_os("DEKA_BENCH_TARBALLS").into_iter();
    let files = folder.flat_map(walkdir::WalkDir::new).map(|entry| entry.expect("a folder")).filter(|entry| entry.file_type().is_file());
    let bodies = files.map(|entry| std::fs::read(entry.path()).expect("a file")).filter(|body| body.starts_with(&[0x1f, 0x8b]));
    let size = |body: &[u8]| body.last_chunk().map_or(0, |size| u32::from_le_bytes(*size) as usize);
    bodies
        .map(|body| {
            let size = size(&body);
            (body, size)
        })
        .collect()
}

/// Inflates real tarballs by our own decoder, and walks through them; they are not hashed.
#[divan::bench]
fn real_inflated(bencher: Bencher<'_, '_>) {
    let (bodies, limits) = (real(), Limits::default());
    bencher.counter(BytesCount::new(bodies.iter().map(|(_, size)| size).sum::<usize>())).bench_local(|| {
        for (body, _) in &bodies {
            unpack_bytes(body, Some([0; 64]), None, &limits, &mut Nowhere).expect("a tarball");
        }
    });
}

/// The same by libdeflate, which does not walk.
#[divan::bench]
fn real_inflated_libdeflate(bencher: Bencher<'_, '_>) {
    let bodies = real();
    let mut room = vec![1; bodies.iter().map(|(_, size)| *size).max().unwrap_or(0)];
    bencher.counter(BytesCount::new(bodies.iter().map(|(_, size)| size).sum::<usize>())).bench_local(|| {
        let mut decoder = libdeflater::Decompressor::new();
        for (body, _) in &bodies {
            decoder.gzip_decompress(black_box(body), &mut room).expect("gzip");
        }
    });
}

/// Inflates a large body by libdeflate, which needs room for all of it.
#[divan::bench(args = LARGE)]
fn inflate_alone_libdeflate(bencher: Bencher<'_, '_>, (files, size): (usize, usize)) {
    let body = package(files, size);
    let mut room = vec![1; files * (size + 2000) + 2048];
    bencher
        .counter(BytesCount::new(files * size))
        .bench_local(|| libdeflater::Decompressor::new().gzip_decompress(black_box(&body), &mut room).expect("gzip"));
}

/// Inflates a large body by flate2.
#[divan::bench(args = LARGE)]
fn inflate_alone_flate2(bencher: Bencher<'_, '_>, (files, size): (usize, usize)) {
    let body = package(files, size);
    let mut buffer = vec![0; 256 << 10];
    bencher.counter(BytesCount::new(files * size)).bench_local(|| {
        let mut decoder = flate2::bufread::MultiGzDecoder::new(black_box(body.as_slice()));
        while decoder.read(&mut buffer).expect("gzip") != 0 {}
    });
}

#[divan::bench(args = SHAPES.iter().chain(&LARGE))]
fn integrity_alone(bencher: Bencher<'_, '_>, &(files, size): &(usize, usize)) {
    let body = package(files, size);
    bencher.counter(BytesCount::new(files * size)).bench_local(|| Integrity::of(black_box(&body)));
}

/// Bodies that are there at the same time.
const BODIES: usize = 12;

#[divan::bench(args = [20_000, 400_000])]
fn integrity_one_by_one(bencher: Bencher<'_, '_>, bytes: usize) {
    let body = vec![7; bytes];
    bencher.counter(BytesCount::new(BODIES * bytes)).bench_local(|| {
        (0..BODIES).for_each(|_| drop(black_box(Integrity::of(black_box(&body)))));
    });
}

#[divan::bench(args = [20_000, 400_000])]
fn integrity_side_by_side(bencher: Bencher<'_, '_>, bytes: usize) {
    let bodies = || vec![vec![7; bytes]; BODIES];
    bencher.counter(BytesCount::new(BODIES * bytes)).with_inputs(bodies).bench_local_values(|bodies| {
        let together = Together::default();
        let check = |body: Vec<u8>, sha512: Option<[u8; 64]>| match sha512 {
            Some(sha512) => drop(black_box(sha512)),
            None => drop(black_box(Integrity::of(&body))),
        };
        bodies.into_iter().for_each(|body| together.add(body, check));
        while together.hash_some(1) {}
    });
}
