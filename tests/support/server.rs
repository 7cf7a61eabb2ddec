//! A small HTTP/1.1 server on loopback, one thread a connection.
//!
//! It writes its answers byte by byte itself, so that a test can make it lie: announce more than it sends, send more
//! than it announces, fall silent, hang up, or answer with what is no HTTP at all.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, mostly.
    pub method: String,
    /// The path with its percent-escapes undone and without the query.
    pub path: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// Returns the value of a header; its name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What goes over the wire.
pub enum Answer {
    /// A proper answer.
    Whole(Reply),
    /// A proper answer, with a pause in the middle of it.
    Halting(Reply, Duration),
    /// An answer that announces `length` bytes, sends what it has and hangs up.
    Announced {
        /// The answer.
        reply: Reply,
        /// What `Content-Length` says.
        length: usize,
    },
    /// These bytes, whatever they are, and then it hangs up.
    Raw(Vec<u8>),
    /// Nothing: it reads the request and hangs up.
    HangUp,
}

/// A proper answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers, without `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// Starts an answer without a body.
    pub fn status(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Reply {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: Vec<u8>) -> Reply {
        self.body = body;
        self
    }
}

/// A server; it stops to listen when it is dropped.
pub struct Server {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl Server {
    /// Starts on a port of the system's choice. `answer` may be asked from many threads at once; it may wait.
    pub fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let answer = Arc::clone(&answer);
                // A client that is killed breaks its connection; that is no failure of the test.
                std::thread::spawn(move || serve(stream, &*answer));
            }
        });
        Server { address, stopped }
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, answer: &dyn Fn(&Request) -> Answer) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(120))).ok()?;
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let request = read_request(&mut reader)?;
        match answer(&request) {
            Answer::Whole(reply) => {
                let length = reply.body.len();
                writer.write_all(&encode(&reply, length, request.method == "HEAD")).ok()?;
            }
            Answer::Halting(reply, pause) => {
                let bytes = encode(&reply, reply.body.len(), false);
                let (first, second) = bytes.split_at(bytes.len() / 2);
                writer.write_all(first).ok()?;
                std::thread::sleep(pause);
                writer.write_all(second).ok()?;
            }
            Answer::Announced { reply, length } => {
                writer.write_all(&encode(&reply, length, false)).ok()?;
                return writer.shutdown(std::net::Shutdown::Write).ok();
            }
            Answer::Raw(bytes) => {
                writer.write_all(&bytes).ok()?;
                return writer.shutdown(std::net::Shutdown::Write).ok();
            }
            Answer::HangUp => return writer.shutdown(std::net::Shutdown::Both).ok(),
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    let method = words.next()?.to_owned();
    let target = words.next()?.split('?').next()?;
    let path = percent_encoding::percent_decode_str(target).decode_utf8_lossy().into_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => return Some(Request { method, path, headers }),
        }
    }
}

fn encode(reply: &Reply, length: usize, head_only: bool) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status)).into_bytes();
    for (name, value) in &reply.headers {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if reply.status != 304 {
        out.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    if !head_only {
        out.extend_from_slice(&reply.body);
    }
    out
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        304 => "Not Modified",
        302 => "Found",
        401 => "Unauthorized",
        404 => "Not Found",
        429 => "Too Many Requests",
        _ => "Status",
    }
}
