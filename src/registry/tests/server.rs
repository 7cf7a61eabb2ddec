//! A registry on the loopback that answers from a script, wrong answers included.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use url::Url;

/// What was asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) path: String,
    headers: Vec<(String, String)>,
    /// How many requests for this path came before.
    pub(super) before: usize,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A server, and what it was asked.
pub(super) struct Server {
    pub(super) url: Url,
    log: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Starts a server; `answer` returns the bytes to send, after which the connection is closed.
    pub(super) fn start(answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = Url::parse(&format!("http://{}/", listener.local_addr().expect("an address"))).expect("an address");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (answer, kept) = (Arc::new(answer), Arc::clone(&log));
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&kept));
                std::thread::spawn(move || serve(connection, &log, &*answer));
            }
        });
        Server { url, log }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.log.lock().expect("no test panics with it").clone()
    }

    pub(super) fn count(&self) -> usize {
        self.asked().len()
    }
}

fn serve(connection: TcpStream, log: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked) -> Vec<u8>) {
    let mut lines = BufReader::new(&connection).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let headers = lines.take_while(|line| !line.is_empty());
    let headers = headers.filter_map(|line| line.split_once(": ").map(|(key, value)| (key.to_ascii_lowercase(), value.to_owned())));
    let mut asked = Asked { path, headers: headers.collect(), before: 0 };
    {
        let mut log = log.lock().expect("no test panics with it");
        asked.before = log.iter().filter(|other| other.path == asked.path).count();
        log.push(asked.clone());
    }
    let reply = answer(&asked);
    let _ = (&connection).write_all(&reply);
    let _ = connection.shutdown(Shutdown::Write);
    // Closing at once could take unread bytes of the answer with it.
    let _ = (&connection).take(1).read(&mut [0]);
}

/// An answer with a status, headers and a body of the right length.
pub(super) fn reply(status: u16, headers: &[&str], body: &[u8]) -> Vec<u8> {
    with_length(status, headers, body, body.len())
}

/// An answer that lies about its length.
pub(super) fn with_length(status: u16, headers: &[&str], body: &[u8], length: usize) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// A good answer that says nothing of its length.
pub(super) fn without_length(body: &[u8]) -> Vec<u8> {
    let mut whole = b"HTTP/1.1 200 X\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for piece in body.chunks(100_000) {
        whole.extend(format!("{:x}\r\n", piece.len()).bytes());
        whole.extend(piece);
        whole.extend(b"\r\n");
    }
    whole.extend(b"0\r\n\r\n");
    whole
}
