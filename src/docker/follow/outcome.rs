//! What a follower is told of its container, and what becomes of a response.

use std::io;

use crate::docker::Closed;
use crate::docker::client::EngineError;
use crate::docker::frames::FrameError;
use crate::docker::inspect::Details;
use crate::record::Stream;

/// Where a container is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::docker) enum Life {
    /// It exists and was not started.
    Created,
    /// It runs, or is paused.
    Running,
    /// It exited.
    Exited,
    /// It was removed, at this time.
    Gone(i64),
}

/// What the watcher knows of a container, sent to its follower.
#[derive(Clone, Debug)]
pub(in crate::docker) struct Phase {
    pub life: Life,
    /// Counts starts, so that a restart between two looks is seen.
    pub starts: u64,
    pub details: Details,
    /// Whether this engine's follow can be trusted; see [`crate::docker::client::EngineVersion`].
    pub reliable: bool,
    /// Read by polling.
    pub poll: bool,
}

/// What became of one response.
#[derive(Debug)]
pub(super) enum End {
    /// It ended as HTTP says that it should.
    Clean,
    /// It does not reach back to the cursor.
    Unproven,
    /// It ended, and the cursor is nowhere in it.
    Unseen,
    /// It ended otherwise, or with the engine's own error.
    Broken(String),
    /// Nothing came for a while, though the log went on.
    Stalled,
    /// Foghorn stops.
    Stopped,
}

/// How a response ended, and what was in it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub end: End,
    /// Frames taken.
    pub new: u64,
    /// The latest time in it, taken or not.
    pub newest_ns: Option<i64>,
    /// The first message of it.
    pub first: Option<(Stream, i64)>,
}

/// Why a response could not be read on.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) enum ReadError {
    Io(#[from] io::Error),
    Frame(#[from] FrameError),
}

/// Why a follower gives up for now.
pub(super) enum Trouble {
    Engine(EngineError),
    Broken(String),
    Closed,
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<Closed> for Trouble {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}
