//! 1 SOURCE: the engine → the frames of every container, each once, in the order they were written.
//!
//! [`run`] watches which containers there are and starts one follower for each. A follower hands
//! its frames to a [`FrameSink`] of its own; where reading resumes is the sink's to know, because
//! only the sink knows which lines became records. See [`cursor`] for the proof that nothing is
//! skipped, and [`follow`](self) for what is done when the engine cannot give it.

pub mod board;
pub mod body;
pub mod client;
pub mod cursor;
mod follow;
pub mod frames;
pub mod inspect;
pub mod socket;
mod watch;

use std::sync::Arc;
use std::time::Duration;

pub use inspect::Labels;
pub use watch::{Resumable, Watch, run};

use crate::record::{Checkpoint, Container, ContainerCursor, ContainerId, Frame, Gap, Stream};

/// The pipeline does not take records any more: Foghorn stops.
#[derive(Debug, thiserror::Error)]
#[error("the pipeline is closed")]
pub struct Closed;

/// What a delivery means for the container's checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// More was read.
    Read,
    /// The container was seen for the first time.
    Seen,
    /// It exited, and what came so far was read: nobody will write more of it.
    Exited,
    /// It exited, and its log was read to the end.
    Complete,
    /// It is gone: forget where reading was.
    Forget,
}

/// Takes one container's frames in order and makes records of them.
pub trait FrameSink: Send + Sync + 'static {
    /// The container has a new name.
    fn rename(&mut self, container: &Container);
    /// The next frame.
    fn push(&mut self, frame: Frame<'_>);
    /// Lines are missing before the next frame.
    fn gap(&mut self, gap: Gap);
    /// The record of this stream that was not finished is not in the log any more.
    fn lost(&mut self, stream: Stream, gap: Gap);
    /// Unfinished lines are as finished as they will ever be.
    fn finish(&mut self);
    /// How long a record waits that lines may still join; none where there is no such record.
    fn patience(&self) -> Option<Duration>;
    /// No line joins the record that waits.
    fn flush(&mut self);
    /// The same, unless it is certainly unfinished: Foghorn stops, and reads the rest later.
    fn settle(&mut self);
    /// Behind the last frame of each stream that was taken. What was taken before this process began
    /// and is not finished has to be taken again.
    fn position(&self) -> ContainerCursor;
    /// The size of what waits for delivery.
    fn pending_bytes(&self) -> usize;
    /// Sends on what is finished. Waits while the outputs are full: the engine keeps the rest.
    ///
    /// # Errors
    /// [`Closed`] when Foghorn stops.
    fn deliver(&mut self, mark: Mark) -> impl Future<Output = Result<(), Closed>> + Send;
}

/// Makes the sink of a container.
pub trait Sinks: Send + Sync + 'static {
    /// What it makes.
    type Sink: FrameSink;
    /// Where a container's sink that was opened before has got to; none where there was none.
    fn latest(&self, id: &ContainerId) -> Option<Checkpoint>;
    /// A sink that continues at `checkpoint`; `labels` are empty for a container that is gone.
    fn open(&self, container: Arc<Container>, labels: &Labels, checkpoint: Checkpoint) -> Self::Sink;
}

/// Nanoseconds since the epoch, by this machine's clock.
pub(crate) fn now_ns() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.ok().and_then(|d| i64::try_from(d.as_nanos()).ok()).unwrap_or_default()
}
