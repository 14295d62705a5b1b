//! The server: from a path to a listening socket that can be taken away, and from a connection to
//! the routes.

use std::future::poll_fn;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::faults::FaultKind;
use super::routes;
use super::state::{Presence, Shared, Token};

/// Connections that are served at once; a further one is closed at once.
const MAX_CONNECTIONS: usize = 1_024;
/// Bytes that a connection buffers for a reader that is slow.
const BUFFER_BYTES: usize = 64 * 1024;
/// How long to wait when no connection can be accepted, for want of file descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// The socket that the engine listens on.
#[derive(Debug)]
pub(super) struct Socket {
    path: PathBuf,
    listener: Mutex<Listener>,
}

#[derive(Debug)]
struct Listener {
    slot: Slot,
    accepting: Accepting,
}

#[derive(Debug)]
enum Slot {
    Closed,
    /// Connections queue up, but no runtime has it yet.
    Bound(std::os::unix::net::UnixListener),
    Open(UnixListener),
}

#[derive(Debug, PartialEq, Eq)]
enum Accepting {
    Yes,
    /// Connections queue up until the engine has restarted.
    Later,
}

impl Socket {
    /// Listens on a new socket at `path`.
    pub(super) fn bind(path: &Path) -> io::Result<Socket> {
        Ok(Socket {
            path: path.to_owned(),
            listener: Mutex::new(Listener { slot: bind(path)?, accepting: Accepting::Yes }),
        })
    }

    /// Takes the socket away, or puts it back, as the active faults want.
    pub(super) fn refuse(&self, refusal: Option<&FaultKind>) -> io::Result<()> {
        let mut listener = self.lock();
        match refusal {
            None if matches!(listener.slot, Slot::Closed) => {
                remove(&self.path)?;
                listener.slot = bind(&self.path)?;
            }
            None => {}
            Some(FaultKind::NoSocket) => {
                listener.slot = Slot::Closed;
                remove(&self.path)?;
            }
            Some(_) => {
                listener.slot = Slot::Closed;
                if !self.path.exists() {
                    // Binding leaves the file, dropping what was bound makes it refuse.
                    bind(&self.path)?;
                }
            }
        }
        Ok(())
    }

    /// For ever.
    pub(super) fn close(&self) {
        let mut listener = self.lock();
        if !matches!(listener.slot, Slot::Closed) {
            // Another engine may listen at this path by now only if this one has been closed.
            let _ = remove(&self.path);
        }
        listener.slot = Slot::Closed;
    }

    /// Connections queue up until what is returned is dropped.
    pub(super) fn pause(&self) -> Pause<'_> {
        self.lock().accepting = Accepting::Later;
        Pause(self)
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<UnixStream>> {
        let mut listener = self.lock();
        if listener.accepting == Accepting::Later {
            return Poll::Pending;
        }
        listener.slot = match std::mem::replace(&mut listener.slot, Slot::Closed) {
            Slot::Bound(bound) => Slot::Open(UnixListener::from_std(bound)?),
            slot => slot,
        };
        match &listener.slot {
            Slot::Open(open) => open.poll_accept(cx).map_ok(|(stream, _)| stream),
            // The accepting task looks again at every change of the state.
            _ => Poll::Pending,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Listener> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Socket::pause`].
#[derive(Debug)]
pub(super) struct Pause<'a>(&'a Socket);

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.0.lock().accepting = Accepting::Yes;
    }
}

fn bind(path: &Path) -> io::Result<Slot> {
    let bound = std::os::unix::net::UnixListener::bind(path)?;
    bound.set_nonblocking(true)?;
    Ok(Slot::Bound(bound))
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Serves until it is dropped, and every connection with it.
pub(super) async fn serve(shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = accept(&shared) => match accepted {
                Ok((stream, life)) if connections.len() < MAX_CONNECTIONS => {
                    connections.spawn(connection(Arc::clone(&shared), stream, life));
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn accept(shared: &Shared) -> io::Result<(UnixStream, watch::Receiver<u64>)> {
    let mut changed = shared.subscribe();
    loop {
        let accepted = poll_fn(|cx| {
            // Taken before the connection, so that a restart in between ends it.
            let life = shared.life();
            shared.socket.poll_accept(cx).map_ok(|stream| (stream, life))
        });
        tokio::select! {
            accepted = accepted => return accepted,
            _ = changed.changed() => {}
        }
    }
}

async fn connection(shared: Arc<Shared>, stream: UnixStream, mut life: watch::Receiver<u64>) {
    let of = *life.borrow();
    let _token = Token::new(&shared, Presence::Connection(of));
    let flushes = Arc::new(Flushes(watch::Sender::new(0)));
    let io = FlushCounting { io: TokioIo::new(stream), flushes: Arc::clone(&flushes) };
    let service = service_fn(|request| routes::answer(Arc::clone(&shared), Arc::clone(&flushes), request));
    let mut http = http1::Builder::new();
    let served = http.max_buf_size(BUFFER_BYTES).serve_connection(io, service);
    tokio::select! {
        biased;
        _ = life.changed() => {}
        // An error is a client that went away, or one that a fault has dropped.
        _ = served => {}
    }
}

/// Counts how often everything that was to be sent has been handed to the system.
#[derive(Debug)]
pub(super) struct Flushes(watch::Sender<u64>);

impl Flushes {
    /// Waits for the next time.
    pub(super) async fn next(&self) {
        // Never an error: the sender is borrowed.
        let _ = self.0.subscribe().changed().await;
    }
}

/// A connection that counts its flushes. Hyper flushes when its own buffer is empty, so that a body
/// that waits for one knows that all it gave has left.
struct FlushCounting {
    io: TokioIo<UnixStream>,
    flushes: Arc<Flushes>,
}

impl Read for FlushCounting {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for FlushCounting {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.io).poll_flush(cx);
        if done.is_ready() {
            let Flushes(count) = &*self.flushes;
            count.send_modify(|count| *count = count.wrapping_add(1));
        }
        done
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, parts)
    }
}
