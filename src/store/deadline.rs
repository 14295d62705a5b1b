//! How long an answer is waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// When to stop and answer with what there is: at a time, or once nobody waits any more. Clones share
/// whether somebody does.
#[derive(Clone, Debug)]
pub struct Deadline {
    at: Instant,
    is_given_up: Arc<AtomicBool>,
}

impl Deadline {
    /// This point in time.
    pub fn at(at: Instant) -> Self {
        Self { at, is_given_up: Arc::default() }
    }

    /// One that comes when half of the time until this one is over.
    pub(super) fn half(&self) -> Self {
        let now = Instant::now();
        Self { at: now + self.at.saturating_duration_since(now) / 2, is_given_up: Arc::clone(&self.is_given_up) }
    }

    /// Nobody waits for the answer.
    pub fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Relaxed);
    }

    /// Whether to stop.
    pub fn is_over(&self) -> bool {
        self.is_given_up.load(Ordering::Relaxed) || Instant::now() >= self.at
    }
}
