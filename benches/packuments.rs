//! How long it takes to read the packuments of a large project from a fresh cache.

use deka::package::name::PackageName;
use deka::package::packument::Packument;
use deka::pool::Pool;
use deka::registry::config::Config;
use deka::registry::{Age, Client};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc;
use url::Url;

const PACKAGES: usize = 1200;
/// How many are asked for at a time.
const BATCH: usize = 16;

fn main() {
    divan::main();
}

/// Answers every question with a packument of `versions` versions.
fn serve(connection: TcpStream, versions: usize) {
    let mut lines = BufReader::new(&connection).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let name = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let mut body = format!("{{\"name\":\"{name}\",\"dist-tags\":{{\"latest\":\"1.0.0\"}},\"versions\":{{");
    for minor in 0..versions {
        let comma = if minor == 0 { "" } else { "," };
        let _ = write!(
            body,
            r#"{comma}"1.{minor}.0":{{"name":"{name}","version":"1.{minor}.0","dependencies":{{"left":"^1.0.0","right":"^2.0.0"}},
            "dist":{{"integrity":"sha512-{}","shasum":"{}","unpackedSize":12345}},"engines":{{"node":">=18"}}}}"#,
            "a".repeat(88),
            "0".repeat(40)
        );
    }
    body.push_str("}}");
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncache-control: max-age=36000\r\ncontent-length: {}\r\n\r\n", body.len());
    let _ = (&connection).write_all(head.as_bytes()).and_then(|()| (&connection).write_all(body.as_bytes()));
}

fn read_all(registry: &Url, cache: &Path) {
    let pool = Pool::new(2);
    let client = Client::new(Config::new(registry.clone(), cache.to_owned()), pool.spawner(), |_| {});
    let (send, receive) = mpsc::channel();
    let names: Vec<PackageName> = (0..PACKAGES).map(|index| PackageName::parse(&format!("package-{index}")).expect("a name")).collect();
    for names in names.chunks(BATCH) {
        let send = send.clone();
        client.packuments(names.to_vec(), Age::Current, move |answers| {
            answers.iter().for_each(|(_, outcome)| send.send(outcome.is_ok()).expect("it is waited for"));
        });
    }
    drop(send);
    assert_eq!(receive.iter().filter(|good| *good).count(), PACKAGES);
}

#[divan::bench(args = [5, 50, 200], sample_count = 20, sample_size = 1)]
fn fresh_cache(bencher: Bencher<'_, '_>, versions: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let registry = Url::parse(&format!("http://{}/", listener.local_addr().expect("an address"))).expect("an address");
    std::thread::spawn(move || listener.incoming().flatten().for_each(|connection| serve(connection, versions)));
    let cache = tempfile::tempdir().expect("a folder");
    read_all(&registry, cache.path());
    bencher.bench_local(|| read_all(&registry, cache.path()));
}

/// Puts real packuments into their compact form: the JSON files in the folder that `DEKA_BENCH_PACKUMENTS` names; none
/// without it.
#[divan::bench]
fn real_parsed(bencher: Bencher<'_, '_>) {
    let folder = std::env::var_os("DEKA_BENCH_PACKUMENTS").into_iter();
    let files = folder.flat_map(walkdir::WalkDir::new).map(|entry| entry.expect("a folder").into_path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let texts = files.map(|path| std::fs::read(path).expect("a file")).filter_map(|text| {
        let found: serde_json::Value = serde_json::from_slice(&text).ok()?;
        Some((PackageName::parse(found.get("name")?.as_str()?).ok()?, text))
    });
    let texts: Vec<(PackageName, Vec<u8>)> = texts.collect();
    bencher.counter(BytesCount::new(texts.iter().map(|(_, text)| text.len()).sum::<usize>())).bench_local(|| {
        for (name, text) in &texts {
            drop(black_box(Packument::parse(text, name)));
        }
    });
}
