//! One HTTP/1.1 exchange on a connection of its own → the response body's bytes, as they come.
//!
//! The engine flushes each log message as an HTTP chunk of its own, about 170 bytes. A general
//! client hands each chunk over as an object of its own, between two tasks; here a read of many
//! messages is taken apart in place, which is what lets a tailer keep up with the engine.

use std::io;

use tokio::io::AsyncWriteExt;

use super::socket::{Reader, Socket};

const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
const MAX_CHUNK_LINE_BYTES: usize = 256;

#[derive(Debug)]
enum Length {
    /// Inside a chunk, or between two.
    Chunked(Chunk),
    /// So many bytes are left.
    Fixed(u64),
    /// Until the connection closes.
    Close,
}

#[derive(Debug, Clone, Copy)]
enum Chunk {
    /// The size line is next.
    Size,
    /// So many bytes of data are left.
    Data(u64),
    /// The line end after the data is next.
    DataEnd,
    /// Trailers, until an empty line.
    Trailer,
    /// The last chunk was read.
    Ended,
}

/// What one read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Bytes, all handed over.
    More,
    /// The body ended as HTTP says that it should.
    End,
}

/// A response whose body is still to be read.
pub struct Response {
    /// The HTTP status code.
    pub status: u16,
    reader: Reader,
    buffer: Vec<u8>,
    /// The buffer was taken apart: what is left in it, the beginning of a line, needs more.
    is_taken: bool,
    length: Length,
}

impl Response {
    /// Sends `GET target` and reads the head of the answer.
    ///
    /// # Errors
    /// `UnexpectedEof` where the connection closes early, `InvalidData` for what is no HTTP.
    pub async fn get(mut socket: Socket, host: &str, target: &str) -> io::Result<Self> {
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: foghorn\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await?;
        let mut reader = Reader::new(socket);
        let mut buffer = Vec::new();
        loop {
            if reader.read(&mut buffer).await? == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the engine closed the connection without an answer",
                ));
            }
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut head = httparse::Response::new(&mut headers);
            let status = head.parse(&buffer).map_err(|e| invalid(format!("the answer is no HTTP: {e}")))?;
            if let httparse::Status::Complete(used) = status {
                let status = head.code.unwrap_or_default();
                let length = body_length(status, head.headers)?;
                buffer.drain(..used);
                let is_taken = buffer.is_empty();
                return Ok(Self { status, reader, buffer, is_taken, length });
            }
            if buffer.len() >= MAX_HEAD_BYTES {
                return Err(invalid("the answer's head is longer than 16 KiB".into()));
            }
        }
    }

    /// Hands over what is buffered, else waits for one read and hands over that.
    ///
    /// Cancel safe: bytes are either handed over or still to come.
    ///
    /// # Errors
    /// `UnexpectedEof` where the connection closes before the body ended, and whatever `sink`
    /// answers, as it is.
    pub async fn read<E: From<io::Error>>(
        &mut self,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Progress, E> {
        if self.is_taken && !self.ended() && self.reader.read(&mut self.buffer).await? == 0 {
            let is_end = matches!(self.length, Length::Close) && self.buffer.is_empty();
            return if is_end { Ok(Progress::End) } else { Err(cut().into()) };
        }
        let used = self.take_apart(&mut sink)?;
        self.buffer.drain(..used);
        self.is_taken = true;
        Ok(if self.ended() { Progress::End } else { Progress::More })
    }

    /// Reads a short body whole, up to `limit` bytes.
    ///
    /// # Errors
    /// As [`Response::read`].
    pub async fn text(&mut self, limit: usize) -> io::Result<String> {
        let mut text = Vec::new();
        while text.len() < limit {
            let progress = self.read(|bytes| {
                text.extend_from_slice(bytes);
                Ok::<(), io::Error>(())
            });
            if progress.await? == Progress::End {
                break;
            }
        }
        text.truncate(limit);
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn ended(&self) -> bool {
        matches!(self.length, Length::Chunked(Chunk::Ended) | Length::Fixed(0))
    }

    /// Hands over the body bytes of the buffer and answers how much of it was used.
    fn take_apart<E: From<io::Error>>(&mut self, sink: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<usize, E> {
        let bytes = self.buffer.as_slice();
        match &mut self.length {
            Length::Close => {
                sink(bytes)?;
                Ok(bytes.len())
            }
            Length::Fixed(left) => {
                let length = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                sink(&bytes[..length])?;
                *left -= length as u64;
                Ok(length)
            }
            Length::Chunked(state) => {
                let mut used = 0;
                while let Some((next, step)) = chunk_step(*state, &bytes[used..], sink)? {
                    used += step;
                    *state = next;
                }
                Ok(used)
            }
        }
    }
}

/// One step through the chunked coding (RFC 9112, 7.1): the state after it and the bytes used;
/// none where more bytes are needed.
fn chunk_step<E: From<io::Error>>(
    state: Chunk,
    bytes: &[u8],
    sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<Option<(Chunk, usize)>, E> {
    Ok(match state {
        Chunk::Size => match memchr::memchr(b'\n', bytes) {
            Some(end) => {
                let size = chunk_size(&bytes[..end])?;
                Some((if size == 0 { Chunk::Trailer } else { Chunk::Data(size) }, end + 1))
            }
            None if bytes.len() > MAX_CHUNK_LINE_BYTES => {
                return Err(invalid("a chunk's size line is too long".into()).into());
            }
            None => None,
        },
        Chunk::Data(left) if !bytes.is_empty() => {
            let length = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            sink(&bytes[..length])?;
            let left = left - length as u64;
            Some((if left == 0 { Chunk::DataEnd } else { Chunk::Data(left) }, length))
        }
        Chunk::DataEnd => match bytes {
            [b'\r', b'\n', ..] => Some((Chunk::Size, 2)),
            [b'\n', ..] => Some((Chunk::Size, 1)),
            [] | [b'\r'] => None,
            _ => return Err(invalid("a chunk is longer than its size".into()).into()),
        },
        Chunk::Trailer => match memchr::memchr(b'\n', bytes) {
            Some(end) if matches!(&bytes[..end], [] | [b'\r']) => Some((Chunk::Ended, end + 1)),
            Some(end) => Some((Chunk::Trailer, end + 1)),
            None if bytes.len() > MAX_HEAD_BYTES => return Err(invalid("a trailer is too long".into()).into()),
            None => None,
        },
        Chunk::Data(_) | Chunk::Ended => None,
    })
}

fn chunk_size(line: &[u8]) -> io::Result<u64> {
    let digits = line.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
    std::str::from_utf8(digits)
        .ok()
        .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|d| u64::from_str_radix(d, 16).ok())
        .ok_or_else(|| invalid(format!("{:?} is not a chunk size", String::from_utf8_lossy(line))))
}

fn body_length(status: u16, headers: &[httparse::Header<'_>]) -> io::Result<Length> {
    if status == 204 || status == 304 {
        return Ok(Length::Fixed(0));
    }
    let header = |name: &str| headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value);
    if header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case(b"chunked")) {
        return Ok(Length::Chunked(Chunk::Size));
    }
    match header("content-length") {
        Some(value) => std::str::from_utf8(value)
            .ok()
            .and_then(|v| v.trim().parse().ok())
            .map(Length::Fixed)
            .ok_or_else(|| invalid("the answer's content-length is no number".into())),
        None => Ok(Length::Close),
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was cut before the answer ended")
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// Answers with `answer` in pieces of `piece` bytes, and reads it.
    async fn exchange(answer: &[u8], piece: usize) -> io::Result<(u16, Vec<u8>)> {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let answer = answer.to_vec();
        let server = tokio::spawn(async move {
            let mut request = [0; 1024];
            let _ = theirs.read(&mut request).await;
            for bytes in answer.chunks(piece) {
                let _ = theirs.write_all(bytes).await;
                tokio::task::yield_now().await;
            }
        });
        let mut response = Response::get(Socket::Other(Box::new(ours)), "docker", "/x").await?;
        let mut body = Vec::new();
        loop {
            let progress = response.read(|bytes| {
                body.extend_from_slice(bytes);
                Ok::<(), io::Error>(())
            });
            if progress.await? == Progress::End {
                break;
            }
        }
        server.await.unwrap();
        Ok((response.status, body))
    }

    #[tokio::test]
    async fn bodies_of_each_kind_in_pieces_of_any_size() {
        let answers: [(&str, u16, &str); 4] = [
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX: y\r\n\r\n",
                200,
                "hello world",
            ),
            ("HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\nhello", 404, "hello"),
            ("HTTP/1.0 200 OK\r\n\r\nhello", 200, "hello"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, ""),
        ];
        for (answer, status, body) in answers {
            for piece in [1, 2, 3, 7, 1000] {
                let got = exchange(answer.as_bytes(), piece).await.unwrap();
                assert_eq!(got, (status, body.as_bytes().to_vec()), "{answer:?} in pieces of {piece}");
            }
        }
    }

    #[tokio::test]
    async fn a_cut_answer_is_an_error_and_no_end() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for answer in [
            String::new(),
            "HTTP/1.1 2".into(),
            format!("{head}5\r\nhel"),
            format!("{head}5\r\nhello\r\n"),
            format!("{head}5\r\nhello\r\n0\r\n"),
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello".into(),
        ] {
            let error = exchange(answer.as_bytes(), 3).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{answer:?}");
        }
        for answer in [
            format!("{head}zz\r\n"),
            format!("{head}2\r\nhello\r\n"),
            "SSH-2.0-x\r\n\r\n".into(),
            format!("{head}-5\r\n"),
            format!("{head}0\r\n{}", "x".repeat(2 * MAX_HEAD_BYTES)),
        ] {
            let error = exchange(answer.as_bytes(), 3).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{answer:?}");
        }
    }
}
