//! Packuments: what is asked, what is cached, and when it is asked again.

use super::server::{Asked, Server, reply, with_length};
use super::{Bench, PATIENCE, name, on_loopback, versions};
use crate::registry::config::{Auth, Credentials, Freshness};
use crate::registry::{Age, RegistryError};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const GOOD: &[u8] = br#"{"name":"a","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"version":"1.0.0"}}}"#;

fn packed(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn bearer(prefix: &str) -> Auth {
    Auth { prefix: prefix.to_owned(), credentials: Some(Credentials::Bearer("secret".to_owned())), certificate: None }
}

#[test]
fn asks_for_the_short_form_and_reads_gzip() {
    let (server, mut bench) = on_loopback(|_| reply(200, &["content-encoding: gzip"], &packed(GOOD)));
    assert_eq!(versions(&bench.packument("a").expect("a packument")), ["1.0.0"]);
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/a");
    assert!(asked.header("accept").is_some_and(|accept| accept.starts_with("application/vnd.npm.install-v1+json")));
    assert_eq!(asked.header("accept-encoding"), Some("gzip"));
    assert!(asked.header("authorization").is_none() && asked.header("if-none-match").is_none());
    let full = Server::start(|_| reply(200, &[], GOOD));
    let mut bench = Bench::new(&full.url);
    bench.config.full_metadata = true;
    bench.packument("a").expect("a packument");
    assert_eq!(full.asked()[0].header("accept"), Some("application/json"));
}

#[test]
fn a_scoped_name_is_one_segment() {
    let (server, mut bench) = on_loopback(|_| reply(200, &[], &String::from_utf8_lossy(GOOD).replace("\"a\"", "\"@s/a\"").into_bytes()));
    bench.packument("@s/a").expect("a packument");
    assert_eq!(server.asked()[0].path, "/@s%2fa");
}

#[test]
fn a_fresh_answer_is_not_asked_for_again_and_a_stale_one_is_confirmed() {
    let (server, mut bench) = on_loopback(|asked: &Asked| match asked.header("if-none-match") {
        Some("\"v1\"") => reply(304, &["cache-control: max-age=100"], b""),
        _ => reply(200, &["etag: \"v1\"", "cache-control: max-age=0"], GOOD),
    });
    bench.packument("a").expect("a packument");
    assert_eq!(versions(&bench.packument("a").expect("a packument")), ["1.0.0"]);
    assert_eq!(server.count(), 2);
    // The second answer made it fresh.
    bench.packument("a").expect("a packument");
    assert_eq!(server.count(), 2);
    let mut bench = bench.with(Freshness::Revalidate);
    bench.packument("a").expect("a packument");
    assert_eq!(server.count(), 3);
}

#[test]
fn offline_takes_what_is_there_and_prefer_offline_asks_for_the_rest() {
    let (server, mut bench) = on_loopback(|_| reply(200, &["cache-control: no-cache"], GOOD));
    bench.packument("a").expect("a packument");
    let mut bench = bench.with(Freshness::Offline);
    bench.packument("a").expect("a packument");
    let error = bench.packument("b").expect_err("nothing is cached");
    assert!(matches!(&error, RegistryError::Offline { .. }) && error.to_string().contains("`b`"), "{error}");
    let mut bench = bench.with(Freshness::PreferOffline);
    bench.packument("a").expect("a packument");
    assert_eq!(server.count(), 1);
    assert!(bench.packument("b").is_err());
    assert_eq!(server.count(), 2);
}

#[test]
fn an_unchanged_answer_that_is_gone_is_asked_for_whole() {
    let (server, mut bench) = on_loopback(|asked: &Asked| match asked.header("if-none-match") {
        Some(_) => reply(304, &[], b""),
        None => reply(200, &["etag: x", "cache-control: no-cache"], GOOD),
    });
    bench.packument("a").expect("a packument");
    // The header of the cached file stays; what follows is damaged.
    let folder = std::fs::read_dir(bench.config.cache_dir.join("packuments-v1")).expect("a folder").flatten().next().expect("a registry");
    let path = folder.path().join("a");
    let mut bytes = std::fs::read(&path).expect("a cached answer");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, &bytes).expect("it is ours");
    assert_eq!(versions(&bench.packument("a").expect("a packument")), ["1.0.0"]);
    assert_eq!(server.count(), 3);
}

#[test]
fn unchanged_without_being_asked_is_asked_again() {
    let (server, mut bench) = on_loopback(|_| reply(304, &[], b""));
    assert!(matches!(bench.packument("a"), Err(RegistryError::Unreachable { .. })));
    assert_eq!(server.count(), 3);
}

#[test]
fn tries_again_what_may_pass_and_nothing_else() {
    for (first, wanted) in [
        (reply(503, &["retry-after: 0"], b""), 2),
        (reply(429, &[], b""), 2),
        (reply(408, &[], b""), 2),
        (with_length(200, &[], b"{", 100), 2),
        (Vec::new(), 2),
        (reply(200, &[], GOOD), 1),
    ] {
        let (server, mut bench) = on_loopback(move |asked| if asked.before == 0 { first.clone() } else { reply(200, &[], GOOD) });
        bench.packument("a").expect("a packument");
        assert_eq!(server.count(), wanted);
    }
    for status in [400, 401, 403, 404, 410, 451] {
        let (server, mut bench) = on_loopback(move |_| reply(status, &[], b""));
        let error = bench.packument("a").expect_err("an error");
        assert_eq!((server.count(), error.is_not_found()), (1, matches!(status, 404 | 410)));
    }
}

#[test]
fn waits_as_long_as_it_is_asked_to_within_reason() {
    let (server, mut bench) =
        on_loopback(|asked| if asked.before == 0 { reply(429, &["retry-after: 1"], b"") } else { reply(200, &[], GOOD) });
    let start = Instant::now();
    bench.packument("a").expect("a packument");
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.count(), 2);
    let (server, mut bench) = on_loopback(|_| reply(503, &["retry-after: 86400"], b""));
    assert!(matches!(bench.packument("a"), Err(RegistryError::Throttled { .. })));
    assert_eq!(server.count(), 1);
}

#[test]
fn gives_up_after_the_attempts_and_says_why() {
    let (server, mut bench) = on_loopback(|_| reply(500, &[], b""));
    let error = bench.packument("a").expect_err("an error").to_string();
    assert!(error.contains("`a`") && error.contains("3 attempts") && error.contains("status 500"), "{error}");
    assert_eq!(server.count(), 3);
}

#[test]
fn a_registry_that_is_down_is_not_asked_for_every_package() {
    let (server, mut bench) = on_loopback(|_| reply(503, &[], b""));
    bench.config.concurrency = Some(4);
    bench.config.retry.min = Duration::from_millis(100);
    bench.config.retry.max = Duration::from_millis(200);
    let client = bench.client();
    let (send, receive) = mpsc::channel();
    let start = Instant::now();
    for index in 0..300 {
        let send = send.clone();
        client.packuments(vec![name(&format!("a{index}"))], Age::Current, move |answers| {
            send.send(answers[0].1.is_err()).expect("the test waits")
        });
    }
    drop(send);
    let outcomes: Vec<bool> = std::iter::from_fn(|| receive.recv_timeout(PATIENCE).ok()).collect();
    assert!(outcomes.len() == 300 && outcomes.iter().all(|failed| *failed));
    assert!(server.count() <= 3 * 300 && start.elapsed() < Duration::from_secs(10), "{} in {:?}", server.count(), start.elapsed());
}

#[test]
fn follows_redirects_and_leaves_credentials_behind() {
    let other = Server::start(|_| reply(200, &[], GOOD));
    let target = other.url.join("moved/a").expect("an address");
    let (server, mut bench) = on_loopback(move |asked| match asked.path.as_str() {
        "/a" => reply(302, &["location: /b"], b""),
        _ => reply(307, &[&format!("location: {target}")], b""),
    });
    bench.config.auth.push(bearer(&format!("//127.0.0.1:{}/", server.url.port().expect("a port"))));
    bench.packument("a").expect("a packument");
    let sent = |asked: &Asked| asked.header("authorization").map(str::to_owned);
    assert_eq!(server.asked().iter().map(sent).collect::<Vec<_>>(), vec![Some("Bearer secret".to_owned()); 2]);
    assert_eq!(other.asked().iter().map(sent).collect::<Vec<_>>(), [None]);
}

#[test]
fn credentials_are_for_their_path_only() {
    let (server, mut bench) =
        on_loopback(|asked| if asked.path == "/npm/a" { reply(301, &["location: /npm2/a"], b"") } else { reply(200, &[], GOOD) });
    bench.config.auth.push(bearer(&format!("//127.0.0.1:{}/npm/", server.url.port().expect("a port"))));
    bench.config.default = server.url.join("npm/").expect("an address");
    bench.packument("a").expect("a packument");
    let sent: Vec<bool> = server.asked().iter().map(|asked| asked.header("authorization").is_some()).collect();
    assert_eq!(sent, [true, false]);
}

#[test]
fn redirects_that_lead_nowhere_are_errors() {
    for location in ["location: /a", "location: file:///etc/passwd", "location: http://169.254.169.254/x", "x: y"] {
        let (server, mut bench) = on_loopback(move |_| reply(302, &[location], b""));
        let error = bench.packument("a").expect_err("an error");
        assert!(matches!(error, RegistryError::Redirect { .. } | RegistryError::Address { .. }), "{error}");
        assert_eq!(server.count(), 1);
    }
    let (server, mut bench) = on_loopback(|asked| reply(302, &[&format!("location: {}x", asked.path)], b""));
    assert!(matches!(bench.packument("a"), Err(RegistryError::Redirect { .. })));
    assert_eq!(server.count(), 11);
}

#[test]
fn says_what_a_wrong_answer_is() {
    for (answer, wanted) in [
        (reply(200, &["content-type: text/html"], b"<html>"), "text/html"),
        (reply(200, &[], b"{}"), "no versions"),
        (reply(200, &[], b"[]"), "no versions"),
        (reply(200, &[], br#"{"name":"evil","versions":{"1.0.0":{}}}"#), "about `evil`"),
        (reply(200, &["content-encoding: gzip"], b"rubbish"), "compression is damaged"),
        (reply(200, &["content-encoding: gzip"], &packed(GOOD)[..40]), "compression is damaged"),
        (reply(200, &["content-encoding: br"], b"x"), "encoded with `br`"),
    ] {
        let (_server, mut bench) = on_loopback(move |_| answer.clone());
        let error = bench.packument("a").expect_err("an error").to_string();
        assert!(error.contains(wanted) && error.contains("`a`"), "{error}");
    }
}

#[test]
fn a_bomb_of_a_packument_is_not_inflated() {
    let bomb = packed(&vec![b' '; 8 << 20]).repeat(33);
    let (_server, mut bench) = on_loopback(move |_| reply(200, &["content-encoding: gzip"], &bomb));
    let error = bench.packument("a").expect_err("an error").to_string();
    assert!(error.contains("larger than"), "{error}");
}

#[test]
fn errors_tell_no_secrets() {
    let (server, mut bench) = on_loopback(|_| reply(403, &[], b""));
    let mut registry = server.url.clone();
    registry.set_username("me").and_then(|()| registry.set_password(Some("hunter2"))).expect("an address");
    bench.config.default = registry;
    let error = bench.packument("a").expect_err("an error");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("hunter2") && shown.contains("log in again"), "{shown}");
    assert!(server.asked()[0].header("authorization").is_some_and(|value| value.starts_with("Basic ")));
}

#[test]
fn nobody_there_is_an_error_without_panic() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = url::Url::parse(&format!("http://{}/?token=secret", listener.local_addr().expect("an address"))).expect("an address");
    drop(listener);
    let error = Bench::new(&url).packument("a").expect_err("an error").to_string();
    assert!(error.contains("refused") && !error.contains("secret"), "{error}");
}
