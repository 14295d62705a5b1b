//! `foghorn healthcheck`: the address of a running Foghorn to an exit code, for a container's
//! health check in an image that has no shell and no curl.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::config::Config;

/// How long the whole question may take, connecting included.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The longest status line that is read.
const STATUS_BYTES: usize = 256;

/// Asks `/healthz` of the Foghorn that listens where this configuration says. Exits 0 for status
/// 200, else 1 with one line on standard error. Blocks for 3 seconds at most.
pub fn run(config: &Config) -> ExitCode {
    let address = reachable(config.http.listen);
    match ask(address, TIMEOUT) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed; the exit code still says it.
            let _ = writeln!(io::stderr(), "foghorn: http://{address}/healthz {error}");
            ExitCode::FAILURE
        }
    }
}

/// Why Foghorn is not known to be well.
#[derive(Debug, thiserror::Error)]
enum HealthError {
    /// No answer, or not in time.
    #[error("does not answer: {0}")]
    Silent(#[from] io::Error),
    /// An answer that is not HTTP.
    #[error("answers {0:?}, which is not HTTP")]
    NotHttp(String),
    /// Another status than 200.
    #[error("answers {0}")]
    Status(String),
}

/// An address to connect to for one that is listened on.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn ask(address: SocketAddr, timeout: Duration) -> Result<(), HealthError> {
    let deadline = Instant::now() + timeout;
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') && answer.len() < STATUS_BYTES {
        stream.set_read_timeout(Some(left(deadline)?))?;
        let mut buffer = [0; STATUS_BYTES];
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            // What an elapsed read timeout is called on Unix.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::Error::from(io::ErrorKind::TimedOut).into());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    status(&answer)
}

fn status(answer: &[u8]) -> Result<(), HealthError> {
    let line = answer.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line).trim_end().to_owned();
    match line.strip_prefix("HTTP/1.").and_then(|rest| rest.split_once(' ')) {
        Some((_, status)) if status == "200" || status.starts_with("200 ") => Ok(()),
        Some((_, status)) => Err(HealthError::Status(status.to_owned())),
        None => Err(HealthError::NotHttp(line)),
    }
}

/// The time until `deadline`; an error once it has passed, because a timeout of zero means none.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Asks a server that answers once, in these pieces, and returns the request with the result.
    fn answered(pieces: &'static [&'static str]) -> (String, Result<(), String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            for piece in pieces {
                // The asker may have heard enough and gone.
                let _ = stream.write_all(piece.as_bytes());
            }
            String::from_utf8(request).unwrap()
        });
        let result = ask(address, Duration::from_secs(30)).map_err(|error| error.to_string());
        (server.join().unwrap(), result)
    }

    #[test]
    fn only_status_200_is_well() {
        let table: [(&'static [&'static str], Result<(), &str>); 7] = [
            (&["HTTP/1.1 200 OK\r\n\r\n"], Ok(())),
            (&["HTTP/1.", "0 200\r\n"], Ok(())),
            (&["HTTP/1.1 503 Service Unavailable\r\n\r\n"], Err("answers 503 Service Unavailable")),
            (&["HTTP/1.1 2000\r\n"], Err("answers 2000")),
            (&["SSH-2.0-x\r\n"], Err("answers \"SSH-2.0-x\", which is not HTTP")),
            (&["HTTP/1.1\r\n"], Err("answers \"HTTP/1.1\", which is not HTTP")),
            (&[], Err("answers \"\", which is not HTTP")),
        ];
        for (pieces, expected) in table {
            let (_, result) = answered(pieces);
            assert_eq!(result, expected.map_err(str::to_owned), "{pieces:?}");
        }
    }

    #[test]
    fn asks_in_plain_http() {
        let (request, _) = answered(&["HTTP/1.1 200 OK\r\n\r\n"]);
        assert!(request.starts_with("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
        assert!(request.contains("\r\nConnection: close\r\n"), "{request}");
    }

    #[test]
    fn nobody_or_a_silent_one_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // The system accepts for a listener that never does, so this connects and hears nothing.
        let error = ask(address, Duration::from_millis(20)).unwrap_err().to_string();
        assert_eq!(error, "does not answer: timed out");
        drop(listener);
        let error = ask(address, TIMEOUT).unwrap_err();
        assert!(matches!(&error, HealthError::Silent(e) if e.kind() == io::ErrorKind::ConnectionRefused), "{error}");
    }

    #[test]
    fn what_listens_everywhere_is_reached_on_loopback() {
        let table = [
            ("0.0.0.0:3644", "127.0.0.1:3644"),
            ("[::]:80", "[::1]:80"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("10.0.0.7:1", "10.0.0.7:1"),
        ];
        for (listen, expected) in table {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), expected);
        }
    }
}
