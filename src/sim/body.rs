//! Response bodies: from a feed that gives one chunk after the other to HTTP frames, with the faults
//! that work on bytes.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::Sleep;

use super::faults::RequestFaults;
use super::journal::Journal;
use super::server::Flushes;
use super::state::Shared;

/// The next thing that a stream does.
#[derive(Debug)]
pub(super) enum Step {
    /// Sends this as one HTTP chunk.
    Chunk(Bytes),
    /// Waits for a change.
    Wait,
    /// Ends with the last chunk.
    End,
    /// Drops the connection without one.
    Cut,
}

/// Whether the time has come up to which a stream lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deadline {
    Ahead,
    Passed,
}

/// Something that is sent bit by bit. It is asked when the connection can take more, so a reader
/// that is slow holds up nobody else and needs no queue.
pub(super) trait Feed: Send {
    fn try_next(&mut self, deadline: Deadline) -> Step;
}

/// The connection is dropped in the middle.
#[derive(Debug, thiserror::Error)]
#[error("the simulated engine drops this connection")]
pub(super) struct Dropped;

/// What wakes a stream that waits.
#[derive(Debug)]
pub(super) struct Waits {
    changed: watch::Receiver<u64>,
    journal: Option<watch::Receiver<u64>>,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Waits {
    pub(super) fn new(shared: &Shared) -> Waits {
        Waits { changed: shared.subscribe(), journal: None, deadline: None }
    }

    pub(super) fn with_journal(mut self, journal: &Journal) -> Waits {
        self.journal = Some(journal.subscribe());
        self
    }

    /// The stream lasts so much longer; `None` is for ever.
    pub(super) fn with_deadline_ns(mut self, left_ns: Option<i64>) -> Waits {
        self.deadline = left_ns.map(|left_ns| {
            let left = Duration::from_nanos(u64::try_from(left_ns).unwrap_or(0));
            Box::pin(tokio::time::sleep(left))
        });
        self
    }

    fn deadline(&self) -> Deadline {
        match &self.deadline {
            Some(sleep) if sleep.is_elapsed() => Deadline::Passed,
            _ => Deadline::Ahead,
        }
    }

    async fn wait(mut self) -> Waits {
        tokio::select! {
            () = change(Some(&mut self.changed)) => {}
            () = change(self.journal.as_mut()) => {}
            () = elapse(self.deadline.as_mut()) => {}
        }
        self
    }
}

async fn change(source: Option<&mut watch::Receiver<u64>>) {
    let Some(source) = source else {
        return pending().await;
    };
    if source.changed().await.is_err() {
        pending::<()>().await;
    }
}

async fn elapse(sleep: Option<&mut Pin<Box<Sleep>>>) {
    match sleep {
        Some(sleep) if !sleep.is_elapsed() => sleep.await,
        _ => pending().await,
    }
}

/// The body of a response.
pub(super) enum EngineBody {
    Whole(Full<Bytes>),
    Fed(Box<FedBody>),
}

impl EngineBody {
    /// A body that is known from the start; chunked only when a fault works on it.
    pub(super) fn whole(bytes: Bytes, shared: &Shared, faults: &RequestFaults, flushes: &Arc<Flushes>) -> EngineBody {
        if faults.cut_after.is_none() && faults.split.is_none() {
            return EngineBody::Whole(Full::new(bytes));
        }
        EngineBody::fed(Once(Some(bytes)), Waits::new(shared), faults, flushes)
    }

    pub(super) fn fed(
        feed: impl Feed + 'static,
        waits: Waits,
        faults: &RequestFaults,
        flushes: &Arc<Flushes>,
    ) -> EngineBody {
        EngineBody::Fed(Box::new(FedBody {
            feed: Some(Box::new(feed)),
            state: Waiting::No(waits),
            rest: Bytes::new(),
            split: faults.split,
            cut_left: faults.cut_after,
            flushes: Arc::clone(flushes),
        }))
    }
}

impl Body for EngineBody {
    type Data = Bytes;
    type Error = Dropped;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Dropped>>> {
        match self.get_mut() {
            EngineBody::Whole(whole) => {
                let frame = ready!(Pin::new(whole).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(|never: Infallible| match never {})))
            }
            EngineBody::Fed(fed) => {
                let chunk = ready!(fed.poll_chunk(cx));
                Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            EngineBody::Whole(whole) => whole.is_end_stream(),
            EngineBody::Fed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            EngineBody::Whole(whole) => whole.size_hint(),
            EngineBody::Fed(_) => SizeHint::new(),
        }
    }
}

/// A body that comes from a feed.
pub(super) struct FedBody {
    /// `None` when it has ended.
    feed: Option<Box<dyn Feed>>,
    state: Waiting,
    /// What is left of the current chunk.
    rest: Bytes,
    split: Option<NonZeroUsize>,
    /// Bytes until the connection is dropped.
    cut_left: Option<usize>,
    flushes: Arc<Flushes>,
}

enum Waiting {
    No(Waits),
    ForChange(Pin<Box<dyn Future<Output = Waits> + Send>>),
    /// For what was sent to be on its way, before the connection is dropped.
    ForFlush(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl FedBody {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Dropped>>> {
        loop {
            let deadline = match &mut self.state {
                Waiting::ForFlush(flush) => {
                    ready!(flush.as_mut().poll(cx));
                    return Poll::Ready(Some(Err(Dropped)));
                }
                Waiting::ForChange(change) => {
                    let waits = ready!(change.as_mut().poll(cx));
                    let deadline = waits.deadline();
                    self.state = Waiting::No(waits);
                    deadline
                }
                Waiting::No(waits) => waits.deadline(),
            };
            if self.cut_left == Some(0) {
                self.drop_after_flush();
                continue;
            }
            if !self.rest.is_empty() {
                return Poll::Ready(Some(Ok(self.piece())));
            }
            let Some(feed) = &mut self.feed else {
                return Poll::Ready(None);
            };
            match feed.try_next(deadline) {
                Step::Chunk(chunk) => self.rest = chunk,
                Step::End => self.feed = None,
                Step::Cut => self.drop_after_flush(),
                Step::Wait => self.wait_for_change(),
            }
        }
    }

    /// The next piece of the current chunk: all of it, unless a fault splits or cuts it.
    fn piece(&mut self) -> Bytes {
        let mut bytes = self.rest.len();
        if let Some(split) = self.split {
            bytes = bytes.min(split.get());
        }
        if let Some(left) = &mut self.cut_left {
            bytes = bytes.min(*left);
            *left -= bytes;
        }
        self.rest.split_to(bytes)
    }

    fn wait_for_change(&mut self) {
        // The waits are replaced by a future that gives them back.
        let nothing = Waiting::ForFlush(Box::pin(pending()));
        self.state = match std::mem::replace(&mut self.state, nothing) {
            Waiting::No(waits) => Waiting::ForChange(Box::pin(waits.wait())),
            waiting => waiting,
        };
    }

    fn drop_after_flush(&mut self) {
        self.feed = None;
        let flushes = Arc::clone(&self.flushes);
        self.state = Waiting::ForFlush(Box::pin(async move { flushes.next().await }));
    }
}

/// One chunk.
struct Once(Option<Bytes>);

impl Feed for Once {
    fn try_next(&mut self, _: Deadline) -> Step {
        self.0.take().map_or(Step::End, Step::Chunk)
    }
}
