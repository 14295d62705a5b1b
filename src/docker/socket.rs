//! A connection to the engine → bytes, in few and large reads.
//!
//! The engine writes each log message by itself, and whoever waits on the socket is woken for each
//! of them: at full speed that costs both sides more than the bytes do. A connection that is busy
//! is therefore taken out of the event loop, and looked at every now and then instead.

use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;

/// Anything else that bytes come from: TLS, and what tests make.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// A connection to an engine.
pub enum Socket {
    /// The usual one.
    Unix(UnixStream),
    /// Without TLS.
    Tcp(TcpStream),
    /// Whatever cannot leave the event loop.
    Other(Box<dyn Connection>),
}

/// One read from a connection that is not busy.
const READ_BYTES: usize = 16 * 1024;
/// So much is gathered at most before it is handed over.
const GATHER_BYTES: usize = 128 * 1024;
/// How long is gathered at most; the price is paid in freshness.
const GATHER: Duration = Duration::from_millis(4);
/// Reads that wait less than this, so many in a row, make a connection busy.
const BUSY: Duration = Duration::from_millis(1);
const BUSY_READS: u32 = 4;
/// How often a busy connection is looked at. The kernel holds about 160 messages for us; an engine
/// that runs alone writes them in 1.4 ms, and has to wait once they are there.
const SHORTEST_PAUSE: Duration = Duration::from_micros(800);
const LONGEST_PAUSE: Duration = Duration::from_millis(2);
/// Reads of less make the pause longer, reads of more than twice as much shorter: 160 messages of
/// thirty bytes are 12 KiB on the wire.
const SMALL_READ_BYTES: usize = 3 * 1024;
/// What may still come into a gathering that is not full.
const ROOM_BYTES: usize = 32 * 1024;

/// How many connections are gathered from at a time: each takes a thread and 256 KiB. The others
/// stay in the event loop, and pause there.
static GATHERERS: Semaphore = Semaphore::const_new(16);

/// Reads from a [`Socket`].
pub struct Reader {
    link: Link,
    busy_reads: u32,
    pause: Duration,
    /// Memory for the next gathering.
    spare: Vec<u8>,
    /// What came after the last bytes that were gathered.
    error: Option<io::Error>,
}

type Permit = SemaphorePermit<'static>;

enum Link {
    /// In the event loop.
    Waiting(Socket),
    /// Out of it.
    Busy(Polled, Permit),
    /// Out of it, and being read by a thread of its own.
    Gathering(JoinHandle<Gathered>, Permit),
    Lost,
}

/// A socket that nobody waits on; reads do not block.
enum Polled {
    Unix(std::os::unix::net::UnixStream),
    Tcp(std::net::TcpStream),
}

struct Gathered {
    socket: Polled,
    bytes: Vec<u8>,
    pause: Duration,
    end: Option<io::Result<()>>,
}

impl Reader {
    /// Reads from `socket` from now on.
    pub fn new(socket: Socket) -> Self {
        Self { link: Link::Waiting(socket), busy_reads: 0, pause: SHORTEST_PAUSE, spare: Vec::new(), error: None }
    }

    /// Appends what comes next to `buffer` and answers how many bytes that were; 0 once the
    /// connection is closed.
    ///
    /// Cancel safe: bytes are either in `buffer` or still to come.
    ///
    /// # Errors
    /// Those of the system, after all bytes that came before.
    pub async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        loop {
            match &mut self.link {
                Link::Waiting(socket) => {
                    let mut want = READ_BYTES;
                    if self.busy_reads >= BUSY_READS {
                        let permit = GATHERERS.try_acquire().ok().filter(|_| !matches!(socket, Socket::Other(_)));
                        if let Some(permit) = permit {
                            self.link = self.link.take().leave_event_loop(permit)?;
                            self.pause = SHORTEST_PAUSE;
                            continue;
                        }
                        tokio::time::sleep(LONGEST_PAUSE).await;
                        (want, self.busy_reads) = (GATHER_BYTES / 2, BUSY_READS - 1);
                    }
                    let began = Instant::now();
                    buffer.reserve(want);
                    let read = socket.read_buf(buffer).await?;
                    self.busy_reads = if began.elapsed() < BUSY { self.busy_reads + 1 } else { 0 };
                    return Ok(read);
                }
                Link::Busy(..) => {
                    let Link::Busy(socket, permit) = self.link.take() else { unreachable!("the match says so") };
                    let (bytes, pause) = (std::mem::take(&mut self.spare), self.pause);
                    let thread = tokio::task::spawn_blocking(move || gather(socket, bytes, pause));
                    self.link = Link::Gathering(thread, permit);
                }
                Link::Gathering(thread, _) => {
                    let gathered = thread.await;
                    let Link::Gathering(_, permit) = self.link.take() else { unreachable!("the match says so") };
                    let Gathered { socket, mut bytes, pause, end } = match gathered {
                        Ok(gathered) => gathered,
                        Err(error) => return Err(io::Error::other(error)),
                    };
                    self.pause = pause;
                    self.link = Link::Busy(socket, permit);
                    let read = bytes.len();
                    if buffer.is_empty() {
                        std::mem::swap(buffer, &mut bytes);
                    } else {
                        buffer.append(&mut bytes);
                    }
                    bytes.clear();
                    self.spare = bytes;
                    match end {
                        None if read > 0 => return Ok(read),
                        None => {
                            self.link = self.link.take().enter_event_loop()?;
                            (self.busy_reads, self.spare) = (0, Vec::new());
                            buffer.shrink_to(READ_BYTES);
                        }
                        Some(Ok(())) => return Ok(read),
                        Some(Err(error)) if read == 0 => return Err(error),
                        Some(Err(error)) => {
                            self.error = Some(error);
                            return Ok(read);
                        }
                    }
                }
                Link::Lost => return Err(io::ErrorKind::NotConnected.into()),
            }
        }
    }
}

impl Link {
    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Lost)
    }

    fn leave_event_loop(self, permit: Permit) -> io::Result<Self> {
        Ok(match self {
            Self::Waiting(Socket::Unix(socket)) => Self::Busy(Polled::Unix(socket.into_std()?), permit),
            Self::Waiting(Socket::Tcp(socket)) => Self::Busy(Polled::Tcp(socket.into_std()?), permit),
            other => other,
        })
    }

    fn enter_event_loop(self) -> io::Result<Self> {
        Ok(match self {
            Self::Busy(Polled::Unix(socket), _) => Self::Waiting(Socket::Unix(UnixStream::from_std(socket)?)),
            Self::Busy(Polled::Tcp(socket), _) => Self::Waiting(Socket::Tcp(TcpStream::from_std(socket)?)),
            other => other,
        })
    }
}

/// Reads now and then, until there is enough or it took long enough.
fn gather(mut socket: Polled, mut bytes: Vec<u8>, mut pause: Duration) -> Gathered {
    let began = Instant::now();
    bytes.resize(GATHER_BYTES, 0);
    let mut filled = 0;
    let end = loop {
        match socket.read(&mut bytes[filled..]) {
            Ok(0) => break Some(Ok(())),
            Ok(read) => {
                filled += read;
                if read > 2 * SMALL_READ_BYTES {
                    pause = (pause / 2).max(SHORTEST_PAUSE);
                } else if read < SMALL_READ_BYTES {
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => pause = (pause * 2).min(LONGEST_PAUSE),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => break Some(Err(error)),
        }
        if filled >= GATHER_BYTES - ROOM_BYTES || began.elapsed() >= GATHER {
            break None;
        }
        std::thread::sleep(pause);
    };
    bytes.truncate(filled);
    Gathered { socket, bytes, pause, end }
}

impl Polled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(socket) => socket.read(buffer),
            Self::Tcp(socket) => socket.read(buffer),
        }
    }
}

impl Socket {
    fn inner(&mut self) -> Pin<&mut dyn Connection> {
        match self {
            Self::Unix(socket) => Pin::new(socket),
            Self::Tcp(socket) => Pin::new(socket),
            Self::Other(socket) => Pin::new(socket),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_mut().inner().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().inner().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().inner().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().inner().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A reader, and the other end of its connection.
    fn pair() -> (Reader, std::os::unix::net::UnixStream) {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Reader::new(Socket::Unix(UnixStream::from_std(ours).unwrap())), theirs)
    }

    /// Keeps the reader from ever having to wait, until it is out of the event loop.
    async fn make_busy(reader: &mut Reader, theirs: &mut impl Write) {
        while matches!(reader.link, Link::Waiting(_)) {
            theirs.write_all(b"x").unwrap();
            let mut buffer = Vec::new();
            assert_eq!(reader.read(&mut buffer).await.unwrap(), 1);
        }
    }

    #[tokio::test]
    async fn a_busy_connection_leaves_the_event_loop_and_comes_back_when_it_is_quiet() {
        let (mut reader, mut theirs) = pair();
        make_busy(&mut reader, &mut theirs).await;
        assert!(matches!(reader.link, Link::Busy(..)));

        let mut buffer = b"kept ".to_vec();
        while !matches!(reader.link, Link::Waiting(_)) {
            tokio::select! {
                biased;
                read = reader.read(&mut buffer) => panic!("{read:?} of nothing"),
                () = tokio::task::yield_now() => {}
            }
        }
        theirs.write_all(b"late").unwrap();
        assert_eq!(reader.read(&mut buffer).await.unwrap(), 4);
        assert_eq!(buffer, b"kept late");
    }

    #[tokio::test]
    async fn nothing_is_lost_or_repeated_when_reads_are_given_up() {
        let (mut reader, mut theirs) = pair();
        let expected: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        let sent = expected.clone();
        let writer = std::thread::spawn(move || sent.chunks(170).for_each(|bytes| theirs.write_all(bytes).unwrap()));
        let (mut got, mut given_up) = (Vec::new(), 0);
        loop {
            tokio::select! {
                biased;
                read = reader.read(&mut got) => if read.unwrap() == 0 { break },
                () = tokio::task::yield_now() => given_up += 1,
            }
        }
        writer.join().unwrap();
        assert!(got == expected, "{} of {} bytes", got.len(), expected.len());
        assert!(given_up > 0);
    }

    #[tokio::test]
    async fn a_busy_connection_too_many_stays_in_the_event_loop_and_is_read_all_the_same() {
        let others = GATHERERS.acquire_many(16).await.unwrap();
        let (mut reader, mut theirs) = pair();
        let expected: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let sent = expected.clone();
        let writer = std::thread::spawn(move || sent.chunks(170).for_each(|bytes| theirs.write_all(bytes).unwrap()));
        let mut got = Vec::new();
        while reader.read(&mut got).await.unwrap() > 0 {
            assert!(matches!(reader.link, Link::Waiting(_)));
        }
        writer.join().unwrap();
        assert!(got == expected, "{} of {} bytes", got.len(), expected.len());
        drop(others);
    }

    #[tokio::test]
    async fn what_came_before_the_end_comes_before_the_end() {
        let (mut reader, mut theirs) = pair();
        make_busy(&mut reader, &mut theirs).await;
        theirs.write_all(b"last words").unwrap();
        drop(theirs);
        let mut buffer = Vec::new();
        assert_eq!(reader.read(&mut buffer).await.unwrap(), 10);
        assert_eq!(reader.read(&mut buffer).await.unwrap(), 0);
        assert_eq!(buffer, b"last words");
    }

    #[tokio::test]
    async fn what_cannot_leave_the_event_loop_is_read_all_the_same() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut reader = Reader::new(Socket::Other(Box::new(ours)));
        let writer = tokio::spawn(async move {
            for _ in 0..1000 {
                tokio::io::AsyncWriteExt::write_all(&mut theirs, b"message ").await.unwrap();
            }
        });
        let mut got = Vec::new();
        while reader.read(&mut got).await.unwrap() > 0 {}
        writer.await.unwrap();
        assert!(got == b"message ".repeat(1000), "{} bytes", got.len());
    }
}
