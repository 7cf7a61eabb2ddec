//! Tarballs over HTTP: damage, redirects, and what is sent to whom.

use super::server::{Asked, Server, reply, with_length, without_length};
use super::{Bench, PATIENCE, name, on_loopback};
use crate::package::integrity::{Algorithm, Integrity};
use crate::package::path::RelPath;
use crate::registry::tarball::{Content, Sink, Unpacked};
use crate::registry::{RegistryError, TarballRequest};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};

/// Notes the size of each file.
#[derive(Debug, Default)]
pub(super) struct Sizes(BTreeMap<String, u64>);

impl Sink for Sizes {
    type Error = io::Error;

    fn file(&mut self, path: &RelPath, _: bool, content: Content<'_>) -> io::Result<()> {
        let size = match content {
            Content::Whole(bytes) => bytes.len() as u64,
            Content::Stream { reader, .. } => io::copy(reader, &mut io::sink())?,
        };
        self.0.insert(path.as_str().to_owned(), size);
        Ok(())
    }
}

/// A tarball with a manifest and one file of bytes that do not compress.
pub(super) fn tarball(size: usize) -> Vec<u8> {
    let mut state = 1u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(size)
    .collect();
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in [("package/package.json", b"{}".as_slice()), ("package/noise", &noise)] {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, bytes).expect("memory");
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&builder.into_inner().expect("memory")).expect("memory");
    encoder.finish().expect("memory")
}

pub(super) fn wanted(integrity: Option<Integrity>) -> TarballRequest {
    TarballRequest { name: name("@s/a"), version: "1.0.0".to_owned(), url: None, integrity, weight_hint: 0 }
}

pub(super) fn fetch(bench: &Bench, request: TarballRequest) -> Result<(Sizes, Unpacked), RegistryError> {
    let (send, receive) = mpsc::channel();
    bench.client().tarball(request, |_| Sizes::default(), move |outcome| send.send(outcome).expect("the test waits"));
    let outcome = receive.recv_timeout(PATIENCE).expect("an outcome");
    assert!(receive.recv_timeout(PATIENCE).is_err(), "it is delivered once");
    outcome
}

#[test]
fn fetches_from_where_the_registry_keeps_it() {
    let body = tarball(5000);
    let integrity = Integrity::of(&body);
    let (server, bench) = on_loopback(move |_| reply(200, &[], &body));
    let (sizes, unpacked) = fetch(&bench, wanted(Some(integrity.clone()))).expect("a tarball");
    assert_eq!(sizes.0.into_iter().collect::<Vec<_>>(), [("noise".to_owned(), 5000), ("package.json".to_owned(), 2)]);
    assert_eq!(unpacked.integrity, integrity);
    assert_eq!(server.asked()[0].path, "/@s/a/-/a-1.0.0.tgz");
}

/// A tarball too large to be collected, made once.
fn large() -> &'static [u8] {
    static LARGE: OnceLock<Vec<u8>> = OnceLock::new();
    LARGE.get_or_init(|| tarball(9 << 20))
}

#[test]
fn unpacks_large_bodies_as_they_arrive() {
    let body = large();
    let integrity = Integrity::of(body);
    for (hint, has_length, requests) in [(100 << 20, true, 1), (0, true, 2), (100 << 20, false, 1), (0, false, 2)] {
        let (server, bench) = on_loopback(move |_| if has_length { reply(200, &[], body) } else { without_length(body) });
        let request = TarballRequest { weight_hint: hint, ..wanted(Some(integrity.clone())) };
        let (sizes, unpacked) = fetch(&bench, request).expect("a tarball");
        assert_eq!((sizes.0["noise"], unpacked.integrity), (9 << 20, integrity.clone()));
        assert_eq!(server.count(), requests, "hint {hint}, length {has_length}");
    }
}

#[test]
fn damaged_bytes_are_fetched_once_more() {
    for body in [tarball(5000), large().to_vec()] {
        let size = body.len();
        let integrity = Integrity::of(&body);
        let mut bent = body.clone();
        let middle = bent.len() / 2;
        bent[middle] ^= 1;
        let hint = size as u64 * 5;
        let (server, bench) = on_loopback({
            let bent = bent.clone();
            move |asked: &Asked| reply(200, &[], if asked.before == 0 { &bent } else { &body })
        });
        fetch(&bench, TarballRequest { weight_hint: hint, ..wanted(Some(integrity.clone())) }).expect("a tarball");
        assert_eq!(server.count(), 2);
        let (server, bench) = on_loopback(move |_| reply(200, &[], &bent));
        let error = fetch(&bench, TarballRequest { weight_hint: hint, ..wanted(Some(integrity)) }).expect_err("an error");
        assert!(matches!(&error, RegistryError::Tarball { .. }) && error.to_string().contains("sha512-"), "{error}");
        assert_eq!(server.count(), 2);
    }
}

#[test]
fn a_new_sink_is_made_for_every_attempt() {
    let body = tarball(100);
    let (_server, bench) = on_loopback(move |asked: &Asked| reply(200, &[], if asked.before == 0 { b"rubbish" } else { &body }));
    let (send, receive) = mpsc::channel();
    let made = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&made);
    let make_sink = move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Sizes::default()
    };
    bench.client().tarball(wanted(None), make_sink, move |outcome| send.send(outcome.is_ok()).expect("the test waits"));
    assert!(receive.recv_timeout(PATIENCE).expect("an outcome"));
    assert_eq!(made.load(Ordering::Relaxed), 2);
}

#[test]
fn bodies_of_the_wrong_length_are_not_accepted() {
    for body in [tarball(5000), large().to_vec()] {
        let size = body.len();
        let hint = size as u64 * 5;
        let (full, cut) = (body.len(), body.len() - 10);
        // Shorter than announced: a broken connection, tried as often as that.
        let short = body[..cut].to_vec();
        let (server, bench) = on_loopback(move |_| with_length(200, &[], &short, full));
        let request = TarballRequest { weight_hint: hint, ..wanted(None) };
        let error = fetch(&bench, request.clone()).expect_err("an error");
        assert!(matches!(error, RegistryError::Unreachable { attempts: 3, .. }), "{error}");
        assert_eq!(server.count(), 3);
        // Longer than announced: what is beyond is no part of it, and what is left is damaged.
        let (server, bench) = on_loopback(move |_| with_length(200, &[], &body, cut));
        let error = fetch(&bench, request).expect_err("an error");
        assert!(matches!(error, RegistryError::Tarball { .. }), "{error}");
        assert_eq!(server.count(), 2);
    }
}

#[test]
fn what_is_hostile_is_not_fetched_again() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..15].copy_from_slice(b"package/../../x");
    header.set_size(0);
    header.set_cksum();
    builder.append(&header, io::empty()).expect("memory");
    let body = builder.into_inner().expect("memory");
    let (server, bench) = on_loopback(move |_| reply(200, &[], &body));
    let error = fetch(&bench, wanted(None)).expect_err("an error").to_string();
    assert!(error.contains("@s/a@1.0.0") && error.contains("package/../../x"), "{error}");
    assert_eq!(server.count(), 1);
}

#[test]
fn takes_any_address_and_no_credentials_along() {
    let body = tarball(10);
    let other = Server::start(move |_| reply(200, &[], &body));
    let (server, mut bench) = on_loopback(|_| reply(404, &[], b""));
    bench.config.auth.push(crate::registry::config::Auth {
        prefix: format!("//127.0.0.1:{}/", server.url.port().expect("a port")),
        credentials: Some(crate::registry::config::Credentials::Basic("c2VjcmV0".to_owned())),
        certificate: None,
    });
    let url = Some(other.url.join("x.tgz?token=secret").expect("an address").to_string());
    fetch(&bench, TarballRequest { url, ..wanted(None) }).expect("a tarball");
    assert!(other.asked()[0].header("authorization").is_none());
    let error = fetch(&bench, wanted(None)).expect_err("an error");
    assert!(error.is_not_found());
    assert_eq!(server.asked()[0].header("authorization"), Some("Basic c2VjcmV0"));
    for url in ["no address", "file:///etc/passwd", "http://169.254.169.254/latest", "ftp://me:secret@x.test/"] {
        let error = fetch(&bench, TarballRequest { url: Some(url.to_owned()), ..wanted(None) }).expect_err("an error");
        assert!(matches!(&error, RegistryError::Address { .. }) && !error.to_string().contains("secret"), "{error}");
    }
}

/// How many bodies the next test has.
const MANY: usize = 90;

#[test]
fn many_at_once_all_arrive() {
    let size = |number: usize| match number {
        10 | 45 => 9 << 20,
        _ if number.is_multiple_of(2) => 50 + number,
        _ => number * 4_000,
    };
    let bodies: Arc<Vec<Vec<u8>>> = Arc::new((0..MANY).map(|number| tarball(size(number))).collect());
    let number_of = |path: &str| path.trim_end_matches(".tgz").rsplit('.').next().and_then(|number| number.parse::<usize>().ok());
    let (is_bent_once, is_bent) = (|number: usize| number % 7 == 3, |number: usize| number % 20 == 9);
    let served = Arc::clone(&bodies);
    let (_server, mut bench) = on_loopback(move |asked: &Asked| {
        let number = number_of(&asked.path).expect("a version");
        let is_wrong = is_bent(number) || is_bent_once(number) && asked.before == 0;
        reply(200, &[], &served[(number + usize::from(is_wrong)) % MANY])
    });
    bench.config.concurrency = Some(8);
    let client = bench.client();
    let (send, receive) = mpsc::channel();
    for number in 0..MANY {
        let send = send.clone();
        let algorithm = if number % 4 == 1 { Algorithm::Sha1 } else { Algorithm::Sha512 };
        let integrity = Some(algorithm.hash(&bodies[number]));
        let weight_hint = size(number) as u64 * 5;
        let request = TarballRequest { version: format!("1.0.{number}"), weight_hint, ..wanted(integrity) };
        client.tarball(request, |_| Sizes::default(), move |outcome| send.send((number, outcome)).expect("the test waits"));
    }
    drop((send, client));
    let mut outcomes: Vec<_> = std::iter::from_fn(|| receive.recv_timeout(PATIENCE).ok()).collect();
    outcomes.sort_by_key(|(number, _)| *number);
    assert_eq!(outcomes.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (0..MANY).collect::<Vec<_>>(), "each once");
    for (number, outcome) in outcomes {
        match outcome {
            Ok((sizes, _)) => assert_eq!((sizes.0["noise"], is_bent(number)), (size(number) as u64, false), "{number}"),
            Err(error) => assert!(is_bent(number) && error.to_string().contains("1.0."), "{number}: {error}"),
        }
    }
}
