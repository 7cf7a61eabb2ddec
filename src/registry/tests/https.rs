//! The same over TLS, with a certificate for the loopback that nobody else trusts. Its key is public: it stands here.

use super::server::{Server, reply};
use super::tarballs::{fetch, tarball, wanted};
use super::{Bench, PATIENCE, on_loopback, versions};
use crate::registry::RegistryError;
use crate::registry::config::{Authorities, Certificate};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use url::Url;

const CERT: &[u8] = include_bytes!("loopback.cert.pem");
const KEY: &[u8] = include_bytes!("loopback.key.pem");
const GOOD: &[u8] = br#"{"name":"a","versions":{"1.0.0":{}}}"#;

/// A server that speaks TLS; it may ask for a certificate, and counts connections.
fn start(with_client_certificate: bool, answer: impl Fn() -> Vec<u8> + Send + 'static) -> (Url, Arc<AtomicUsize>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let cert = CertificateDer::from_pem_slice(CERT).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(cert.clone()).expect("a root");
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.expect("known versions");
    let builder = if with_client_certificate {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().expect("a verifier");
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let config = Arc::new(builder.with_single_cert(vec![cert], key).expect("they fit"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = Url::parse(&format!("https://{}/", listener.local_addr().expect("an address"))).expect("an address");
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::Relaxed);
            let Ok(session) = rustls::ServerConnection::new(Arc::clone(&config)) else { continue };
            let mut stream = rustls::StreamOwned::new(session, connection);
            let asked = BufReader::new(&mut stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).count();
            if asked > 0 {
                let _ = stream.write_all(&answer());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    (url, count)
}

#[test]
fn trusts_the_configured_roots() {
    let (url, _) = start(false, || reply(200, &[], GOOD));
    let mut bench = Bench::new(&url);
    bench.config.ca = vec![Authorities::Text(CERT.to_vec())];
    assert_eq!(versions(&bench.packument("a").expect("a packument")), ["1.0.0"]);
}

#[test]
fn a_certificate_that_is_not_trusted_is_no_reason_to_try_again() {
    let (url, count) = start(false, || reply(200, &[], GOOD));
    let mut bench = Bench::new(&url);
    // Some other root, so that the system's need not be there.
    bench.config.ca = vec![Authorities::Text(include_bytes!("other.cert.pem").to_vec())];
    let error = bench.packument("a").expect_err("an error");
    assert!(matches!(&error, RegistryError::Unreachable { attempts: 1, .. }) && error.to_string().contains("certificate"), "{error}");
    assert_eq!(count.load(Ordering::Relaxed), 1);
    bench.config.strict_ssl = false;
    bench.packument("a").expect("a packument");
}

#[test]
fn shows_its_own_certificate_where_it_belongs() {
    let (url, _) = start(true, || reply(200, &[], GOOD));
    let mut bench = Bench::new(&url);
    bench.config.ca = vec![Authorities::Text(CERT.to_vec())];
    assert!(bench.packument("a").is_err());
    bench.config.auth.push(crate::registry::config::Auth {
        prefix: format!("//127.0.0.1:{}/", url.port().expect("a port")),
        credentials: None,
        certificate: Some(Certificate { cert: CERT.to_vec(), key: KEY.to_vec() }),
    });
    bench.packument("a").expect("a packument");
}

/// A server that has HTTP/2, which hands its sessions over when they stand.
fn start_http_2(mut serve: impl FnMut(rustls::ServerConnection, TcpStream) + Send + 'static) -> Url {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("known versions");
    let cert = CertificateDer::from_pem_slice(CERT).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
    let mut config = builder.with_no_client_auth().with_single_cert(vec![cert], key).expect("they fit");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = Url::parse(&format!("https://{}/", listener.local_addr().expect("an address"))).expect("an address");
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut session = rustls::ServerConnection::new(Arc::clone(&config)).expect("a session");
            while session.is_handshaking() && session.complete_io(&mut connection).is_ok() {}
            serve(session, connection);
        }
    });
    url
}

/// Says over which protocol each connection comes. Nobody gets an answer.
fn protocols() -> (Url, mpsc::Receiver<Option<Vec<u8>>>) {
    let (send, receive) = mpsc::channel();
    let url = start_http_2(move |session, _| drop(send.send(session.alpn_protocol().map(<[u8]>::to_vec))));
    (url, receive)
}

/// A frame of HTTP/2 on the first stream, or on none: RFC 9113, section 4.1.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short frame");
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
}

#[test]
fn a_packument_comes_in_frames_of_http_2_empty_ones_among_them() {
    let url = start_http_2(|session, connection| {
        let mut stream = rustls::StreamOwned::new(session, connection);
        let mut preface_and_head = [0; 24 + 9];
        let (status_200, end_of_headers, end_of_stream) = (0x88, 4, 1);
        let answer = [
            frame(4, 0, 0, &[]),
            frame(1, end_of_headers, 1, &[status_200]),
            frame(0, 0, 1, &GOOD[..10]),
            frame(0, 0, 1, &[]),
            frame(0, end_of_stream, 1, &GOOD[10..]),
        ];
        let asked = stream.read_exact(&mut preface_and_head);
        // What else is said is of no interest, but has to be heard before the connection ends.
        let _ = asked.and_then(|()| stream.write_all(&answer.concat())).and_then(|()| stream.flush());
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut bench = Bench::new(&url);
    bench.config.ca = vec![Authorities::Text(CERT.to_vec())];
    assert_eq!(versions(&bench.packument("a").expect("a packument")), ["1.0.0"]);
}

#[test]
fn packuments_share_a_connection_and_tarballs_have_their_own() {
    let (url, protocols) = protocols();
    let mut bench = Bench::new(&url);
    bench.config.ca = vec![Authorities::Text(CERT.to_vec())];
    bench.config.retry.count = 0;
    assert!(bench.packument("a").is_err());
    assert_eq!(protocols.recv_timeout(PATIENCE).expect("a connection").as_deref(), Some(&b"h2"[..]));
    assert!(fetch(&bench, wanted(None)).is_err());
    let of_tarball = protocols.try_iter().last().expect("a connection");
    assert_eq!(of_tarball.as_deref(), Some(&b"http/1.1"[..]));
}

#[test]
fn a_redirect_does_not_leave_https() {
    let plain = Server::start(|_| reply(200, &[], GOOD));
    let target = format!("location: {}a", plain.url);
    let (url, _) = start(false, move || reply(302, &[&target], b""));
    let mut bench = Bench::new(&url);
    bench.config.ca = vec![Authorities::Text(CERT.to_vec())];
    let error = bench.packument("a").expect_err("an error");
    assert!(matches!(&error, RegistryError::Redirect { .. }) && error.to_string().contains("https"), "{error}");
    assert_eq!(plain.count(), 0);
}

#[test]
fn settings_that_cannot_be_read_are_errors() {
    let (url, _) = start(false, || reply(200, &[], GOOD));
    let mut bench = Bench::new(&url);
    bench.config.ca = vec![Authorities::Text(b"-----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----\n".to_vec())];
    assert!(matches!(bench.packument("a"), Err(RegistryError::Setup { .. })));
    bench.config.ca = vec![Authorities::File("/no/such/roots.pem".into())];
    let error = bench.packument("a").expect_err("an error").to_string();
    assert!(error.contains("/no/such/roots.pem"), "{error}");
    let (_server, mut bench) = on_loopback(|_| reply(200, &[], GOOD));
    bench.config.proxy.http = Some("::no address".to_owned());
    assert!(matches!(bench.packument("a"), Err(RegistryError::Setup { .. })));
}

#[test]
fn files_of_roots_are_for_encryption_only() {
    let (_server, mut bench) = on_loopback(|_| reply(200, &[], GOOD));
    bench.config.ca = vec![Authorities::File("/no/such/roots.pem".into())];
    bench.packument("a").expect("a packument");
    let (url, _) = start(false, || reply(200, &[], GOOD));
    let mut bench = Bench::new(&url);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("roots.pem");
    std::fs::write(&file, CERT).expect("a file");
    bench.config.ca = vec![Authorities::File(file)];
    bench.packument("a").expect("a packument");
}

#[test]
fn goes_through_the_proxy_unless_the_host_is_excepted() {
    let (proxy, mut bench) = on_loopback(|_| reply(200, &[], GOOD));
    // Nobody listens there.
    bench.config.default = Url::parse("http://127.0.0.1:1/").expect("an address");
    let mut address = proxy.url.clone();
    address.set_username("me").and_then(|()| address.set_password(Some("pw"))).expect("an address");
    bench.config.proxy.http = Some(address.to_string());
    bench.packument("a").expect("a packument");
    let asked = &proxy.asked()[0];
    assert_eq!(asked.path, "http://127.0.0.1:1/a");
    assert!(asked.header("proxy-authorization").is_some() && asked.header("authorization").is_none());
    bench.config.proxy.no_proxy = Some("example.test,127.0.0.1".to_owned());
    bench.config.retry.count = 0;
    assert!(bench.packument("b").is_err());
    assert_eq!(proxy.count(), 1);
}

#[test]
fn tarballs_come_encrypted_from_who_shows_a_trusted_certificate() {
    let (url, count) = start(false, || reply(200, &[], &tarball(1000)));
    let mut bench = Bench::new(&url);
    bench.config.ca = vec![Authorities::Text(CERT.to_vec())];
    fetch(&bench, wanted(None)).expect("a package");
    bench.config.ca = vec![Authorities::Text(include_bytes!("other.cert.pem").to_vec())];
    let error = fetch(&bench, wanted(None)).map(drop).expect_err("an error");
    assert!(matches!(&error, RegistryError::Unreachable { attempts: 1, .. }) && error.to_string().contains("certificate"), "{error}");
    assert_eq!(count.load(Ordering::Relaxed), 2);
    bench.config.ca = vec![Authorities::File("/no/such/roots.pem".into())];
    let error = fetch(&bench, wanted(None)).map(drop).expect_err("an error");
    assert!(matches!(&error, RegistryError::Setup { .. }) && error.to_string().contains("/no/such/roots.pem"), "{error}");
}
