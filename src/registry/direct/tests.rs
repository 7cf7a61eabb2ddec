//! Exchanges with a server that sends any bytes.

use super::{Answer, Direct, Trouble, serves};
use crate::registry::config::{Certificate, Config};
use crate::registry::distance::Distance;
use crate::registry::names::Names;
use reqwest::header::{self, HeaderMap, HeaderValue};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;
use url::Url;

/// What a server does on a connection, one after the other.
#[derive(Clone)]
enum Act {
    /// Waits for a question and sends these bytes.
    Answer(Vec<u8>),
    /// The same, one byte at a time.
    Dribble(Vec<u8>),
    /// Sends without being asked.
    Blurt(&'static str),
    /// Says nothing for longer than anybody waits.
    Sleep,
}

fn answer(text: &str) -> Act {
    Act::Answer(text.into())
}

/// A server, with the heads of the questions that it was asked on each connection.
struct Server {
    url: Url,
    asked: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Server {
    /// Does on its first connection what the first script says, and so on. Behind the script it closes the connection.
    fn start(address: &str, scripts: Vec<Vec<Act>>) -> Option<Server> {
        let listener = TcpListener::bind(address).ok()?;
        let url = Url::parse(&format!("http://{}/", listener.local_addr().expect("an address"))).expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for (number, script) in scripts.into_iter().enumerate() {
                let Ok((connection, _)) = listener.accept() else { return };
                log.lock().expect("no test panics with it").push(Vec::new());
                let log = Arc::clone(&log);
                std::thread::spawn(move || {
                    act(&connection, script, |question| log.lock().expect("no test panics with it")[number].push(question))
                });
            }
        });
        Some(Server { url, asked })
    }

    fn local(scripts: Vec<Vec<Act>>) -> Server {
        Server::start("127.0.0.1:0", scripts).expect("a free port")
    }

    /// Returns how many questions came on each connection.
    fn counts(&self) -> Vec<usize> {
        self.asked.lock().expect("no test panics with it").iter().map(Vec::len).collect()
    }
}

fn act(mut connection: &TcpStream, script: Vec<Act>, note: impl Fn(String)) {
    let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
    for act in script {
        if matches!(act, Act::Answer(_) | Act::Dribble(_)) {
            let question: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            if question.is_empty() {
                return;
            }
            note(question.join("\n"));
        }
        // Whoever has heard enough may have gone.
        let _ = match act {
            Act::Answer(bytes) => connection.write_all(&bytes),
            Act::Dribble(bytes) => bytes.iter().try_for_each(|byte| connection.write_all(&[*byte])),
            Act::Blurt(text) => connection.write_all(text.as_bytes()),
            Act::Sleep => {
                std::thread::sleep(Duration::from_secs(5));
                Ok(())
            }
        };
    }
}

/// How a body is read.
#[derive(Clone, Copy, Debug)]
enum Way {
    Pieces,
    Whole,
}

/// Somebody who asks.
struct Asker {
    direct: Direct,
    config: Config,
    is_again: bool,
    runtime: Runtime,
}

impl Asker {
    fn new() -> Asker {
        let mut config = Config::new(Url::parse("http://registry.test/").expect("an address"), "cache".into());
        config.timeout = Duration::from_secs(2);
        config.user_agent = "deka/test".to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an event loop");
        Asker { direct: Direct::new(&Names::default(), &Distance::default()), config, is_again: false, runtime }
    }

    fn ask(&self, url: &Url, way: Way) -> Result<(u16, String), String> {
        self.runtime.block_on(async {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
            let mut answer = self.direct.ask(&self.config, url, headers, self.is_again).await.map_err(|trouble| match trouble {
                Trouble::Setup(reason) => format!("settings: {reason}"),
                Trouble::Connection(error) => error.to_string(),
            })?;
            let whole = read(&mut answer, way).await.map_err(|error| error.to_string())?;
            Ok((answer.status.as_u16(), String::from_utf8(whole).expect("a text")))
        })
    }
}

async fn read(answer: &mut Answer, way: Way) -> std::io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    match way {
        Way::Pieces => {
            while let Some(piece) = answer.piece().await? {
                whole.extend_from_slice(&piece);
            }
        }
        Way::Whole => while answer.append_to(&mut whole).await? > 0 {},
    }
    Ok(whole)
}

const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood";

#[test]
fn one_connection_serves_all_that_is_asked_one_after_the_other() {
    for way in [Way::Pieces, Way::Whole] {
        let chunks =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3;why=not\r\nabc\r\n0A\r\n0123456789\r\n0\r\nx: y\r\nz: \r\n\r\n";
        let script = vec![
            answer(GOOD),
            answer(chunks),
            answer("HTTP/1.1 304 Not Modified\r\ncontent-length: 1000\r\n\r\n"),
            answer("HTTP/1.1 204 No Content\r\n\r\n"),
            answer("HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n"),
            answer(
                "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\ncontent-length: 2, 2\r\n\r\nno",
            ),
            answer("HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 3\r\n\r\nold"),
            Act::Dribble(chunks.into()),
        ];
        let wanted =
            [(200, "good"), (200, "abc0123456789"), (304, ""), (204, ""), (200, ""), (404, "no"), (200, "old"), (200, "abc0123456789")];
        let (server, asker) = (Server::local(vec![script, vec![answer(GOOD)]]), Asker::new());
        for (status, body) in wanted {
            assert_eq!(asker.ask(&server.url, way), Ok((status, body.to_owned())), "{way:?}");
        }
        assert_eq!(server.counts(), [8], "{way:?}");
    }
}

#[test]
fn long_bodies_come_whole() {
    let body: String = (0..200_000).map(|number| char::from(b'a' + (number % 26) as u8)).collect();
    let plain = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let mut chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    for part in body.as_bytes().chunks(70_001) {
        chunks.push_str(&format!("{:x}\r\n{}\r\n", part.len(), String::from_utf8_lossy(part)));
    }
    chunks.push_str("0\r\n\r\n");
    let open = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
    for way in [Way::Pieces, Way::Whole] {
        let (server, asker) = (Server::local(vec![vec![answer(&plain), answer(&chunks), answer(&open)]]), Asker::new());
        for form in ["a length", "chunks", "nothing"] {
            assert_eq!(asker.ask(&server.url, way), Ok((200, body.clone())), "{way:?}, with {form}");
        }
    }
}

#[test]
fn a_connection_that_cannot_be_trusted_is_not_used_again() {
    for (text, body) in [
        ("HTTP/1.1 200 OK\r\nconnection: x, CLOSE\r\ncontent-length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", "ok"),
        // Somebody on the way may take the one for the end and somebody else the other.
        ("HTTP/1.1 200 OK\r\ncontent-length: 7\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok"),
        // What comes behind the end is no answer to anything.
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", "ok"),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 4\r\n\r\nevil", ""),
    ] {
        for way in [Way::Pieces, Way::Whole] {
            let (server, asker) = (Server::local(vec![vec![answer(text), answer(text)], vec![answer(GOOD)]]), Asker::new());
            assert_eq!(asker.ask(&server.url, way).map(|(_, body)| body), Ok(body.to_owned()), "{text}");
            assert_eq!(asker.ask(&server.url, way), Ok((200, "good".to_owned())), "{text}");
            assert_eq!(server.counts(), [1, 1], "{text}");
        }
    }
}

#[test]
fn a_body_that_nobody_reads_leaves_the_connection_if_it_is_here() {
    let cut = "HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 6\r\n\r\nbelow";
    for (text, counts) in [(format!("{cut}!"), vec![2]), (cut.to_owned(), vec![1, 1])] {
        let (server, asker) = (Server::local(vec![vec![answer(&text), answer(GOOD)], vec![answer(GOOD)]]), Asker::new());
        let unread = asker.runtime.block_on(asker.direct.ask(&asker.config, &server.url, HeaderMap::new(), false));
        assert_eq!(unread.map(|answer| answer.status.as_u16()).ok(), Some(302));
        assert_eq!(asker.ask(&server.url, Way::Whole), Ok((200, "good".to_owned())));
        assert_eq!(server.counts(), counts);
    }
}

#[test]
fn the_end_of_the_connection_ends_what_has_no_other_end() {
    for text in ["HTTP/1.1 200 OK\r\n\r\nall of it", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nall of it"] {
        for way in [Way::Pieces, Way::Whole] {
            let server = Server::local(vec![vec![answer(text)]]);
            assert_eq!(Asker::new().ask(&server.url, way), Ok((200, "all of it".to_owned())), "{text}");
        }
    }
}

#[test]
fn what_is_not_as_it_should_be_is_an_error() {
    let fields = "x: y\r\n".repeat(101);
    let head = "x".repeat(70_000);
    let chunks = |rest: &str| format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{rest}");
    let length = |length: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n12345");
    let not_closed = "before the end of the answer";
    for (text, reason) in [
        ("SSH-2.0-OpenSSH_9.6\r\n\r\n".to_owned(), "not HTTP"),
        ("HTTP/2.0 200 OK\r\n\r\n".to_owned(), "not HTTP"),
        ("HTTP/1.1 99999 OK\r\n\r\n".to_owned(), "not HTTP"),
        ("HTTP/1.1 200 OK\r\n: x\r\n\r\n".to_owned(), "not HTTP"),
        ("HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n".to_owned(), "another protocol"),
        ("HTTP/1.1 100 Continue\r\n\r\n".repeat(100), "another protocol"),
        (format!("HTTP/1.1 200 OK\r\n{fields}\r\n"), "not HTTP"),
        (format!("HTTP/1.1 200 OK\r\nx: {head}\r\n\r\n"), "longer than 65536"),
        ("HTTP/1.1 200 OK\r\ncontent-le".to_owned(), not_closed),
        (length("5\r\ncontent-length: 6"), "two lengths"),
        (length("5, 6"), "two lengths"),
        (length("-5"), "no number"),
        (length("+5"), "no number"),
        (length("0x5"), "no number"),
        (length(""), "no number"),
        (length("\u{e9}"), "no number"),
        (length("99999999999999999999999"), "no number"),
        (length("6"), not_closed),
        (chunks("5\r\n1234"), not_closed),
        (chunks("5\r\n12345"), not_closed),
        (chunks("5\r\n12345\r\n"), not_closed),
        (chunks("5\r\n12345\r\n0\r\n"), not_closed),
        (chunks("5\r\n12345\r\n0\r\nx: y\r\n"), not_closed),
        (chunks("4\r\n12345\r\n0\r\n\r\n"), "longer than it says"),
        (chunks("five\r\n12345\r\n0\r\n\r\n"), "no number"),
        (chunks("\r\n12345\r\n0\r\n\r\n"), "no number"),
        (chunks("-1\r\n12345\r\n0\r\n\r\n"), "no number"),
        (chunks("fffffffffffffffff\r\n12345"), "no number"),
        (chunks("5\n12345\n0\n\n"), "carriage return"),
        (chunks(&format!("5;{head}\r\n12345\r\n0\r\n\r\n")), "no end"),
        (chunks(&format!("0\r\n{}\r\n", "x: yyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(1000))), "too much behind"),
    ] {
        for way in [Way::Pieces, Way::Whole] {
            let server = Server::local(vec![vec![answer(&text)], vec![answer(GOOD)]]);
            let shown = &text[..text.len().min(90)];
            let error = Asker::new().ask(&server.url, way).expect_err(shown);
            assert!(error.contains(reason), "{error}, {shown}");
            assert_eq!(server.counts(), [1], "an answer that is wrong is not asked for again here: {shown}");
        }
    }
}

#[test]
fn what_was_closed_or_complains_while_it_was_idle_is_left() {
    for rest in [vec![], vec![Act::Blurt("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"), Act::Sleep]] {
        let script = [vec![answer(GOOD)], rest].concat();
        let (server, asker) = (Server::local(vec![script, vec![answer(GOOD)]]), Asker::new());
        asker.ask(&server.url, Way::Whole).expect("an answer");
        // The event loop has to hear of it.
        asker.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(100)).await });
        assert_eq!(asker.ask(&server.url, Way::Whole), Ok((200, "good".to_owned())));
        assert_eq!(server.counts(), [1, 1]);
    }
}

#[test]
fn a_question_that_meets_the_end_of_a_connection_is_asked_again() {
    // It is read, and nobody answers.
    let (server, asker) = (Server::local(vec![vec![answer(GOOD), answer("")], vec![answer(GOOD)]]), Asker::new());
    asker.ask(&server.url, Way::Whole).expect("an answer");
    assert_eq!(asker.ask(&server.url, Way::Whole), Ok((200, "good".to_owned())));
    assert_eq!(server.counts(), [2, 1]);
}

#[test]
fn what_failed_before_is_asked_on_a_new_connection() {
    let (server, mut asker) = (Server::local(vec![vec![answer(GOOD), answer("")], vec![answer(GOOD)]]), Asker::new());
    asker.ask(&server.url, Way::Whole).expect("an answer");
    asker.is_again = true;
    assert_eq!(asker.ask(&server.url, Way::Whole), Ok((200, "good".to_owned())));
    assert_eq!(server.counts(), [1, 1]);
}

#[test]
fn what_is_asked_after_all_are_closed_comes_over_a_new_connection() {
    let (server, asker) = (Server::local(vec![vec![answer(GOOD), answer(GOOD)], vec![answer(GOOD)]]), Asker::new());
    for _ in 0..2 {
        assert_eq!(asker.ask(&server.url, Way::Whole), Ok((200, "good".to_owned())));
        // Outside of the event loop, as whoever tidies up is.
        asker.direct.close_idle();
    }
    assert_eq!(server.counts(), [1, 1]);
}

#[test]
fn a_new_connection_that_ends_without_an_answer_is_an_error() {
    for script in [vec![], vec![answer("")]] {
        let server = Server::local(vec![script, vec![answer(GOOD)]]);
        let error = Asker::new().ask(&server.url, Way::Whole).expect_err("an error");
        assert!(error.contains("closed") || error.contains("reset"), "{error}");
        assert_eq!(server.counts().len(), 1);
    }
}

#[test]
fn silence_is_put_up_with_for_a_while_only() {
    for script in [vec![Act::Sleep], vec![answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12"), Act::Sleep]] {
        let (server, mut asker) = (Server::local(vec![script]), Asker::new());
        asker.config.timeout = Duration::from_millis(150);
        assert_eq!(asker.ask(&server.url, Way::Whole), Err("it took too long".to_owned()));
    }
}

#[test]
fn asks_as_the_protocol_has_it() {
    let (server, mut asker) = (Server::local(vec![vec![answer(GOOD)]]), Asker::new());
    let mut url = server.url.join("a%2fb/c d\r\nx: y?q=1&r=\r\n#part").expect("an address");
    url.set_username("me").and_then(|()| url.set_password(Some("pw"))).expect("an address");
    asker.ask(&url, Way::Whole).expect("an answer");
    let host = format!("127.0.0.1:{}", url.port().expect("a port"));
    let wanted = format!("GET /a%2fb/c%20dx:%20y?q=1&r= HTTP/1.1\nhost: {host}\naccept: */*\nuser-agent: deka/test");
    assert_eq!(*server.asked.lock().expect("nobody panicked"), [[wanted]]);
    asker.config.user_agent = "a\r\nb: c".to_owned();
    assert!(asker.ask(&url, Way::Whole).expect_err("an error").starts_with("settings: "));
}

#[test]
fn connections_are_for_one_server() {
    let (one, other, asker) = (Server::local(vec![vec![answer(GOOD)]]), Server::local(vec![vec![answer(GOOD)]]), Asker::new());
    for server in [&one, &other] {
        asker.ask(&server.url, Way::Whole).expect("an answer");
        assert_eq!(server.counts(), [1]);
    }
    // Not every machine has this address.
    if let Some(server) = Server::start("[::1]:0", vec![vec![answer(GOOD)]]) {
        asker.ask(&server.url, Way::Whole).expect("an answer");
        assert_eq!(
            server.asked.lock().expect("nobody panicked")[0][0].lines().nth(1),
            Some(format!("host: [::1]:{}", server.url.port().expect("a port")).as_str())
        );
    }
}

#[test]
fn leaves_proxies_certificates_and_http_2_to_the_library() {
    let config = Asker::new().config;
    let certificate = Certificate { cert: Vec::new(), key: Vec::new() };
    let url = |text: &str| Url::parse(text).expect("an address");
    let (plain, secure) = (url("http://registry.test/a"), url("https://registry.test/a"));
    assert!(serves(&config, &plain, None, false) && serves(&config, &plain, None, true) && serves(&config, &secure, None, true));
    assert!(!serves(&config, &secure, None, false) && !serves(&config, &secure, Some(&certificate), true));
    let lax = Config { strict_ssl: false, ..config.clone() };
    assert!(!serves(&lax, &secure, None, true) && serves(&lax, &plain, None, true));
    let mut proxied = config;
    proxied.proxy.http = Some("http://proxy.test/".to_owned());
    assert!(!serves(&proxied, &plain, None, true) && serves(&proxied, &secure, None, true));
    proxied.proxy.https = Some("http://proxy.test/".to_owned());
    assert!(!serves(&proxied, &secure, None, true));
}
