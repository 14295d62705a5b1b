//! 6 One batch → every output: metrics count it, live tail shows it, the store keeps it.
//!
//! The store may make the caller wait, because the engine holds what is not taken yet; live tail
//! and metrics never do.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::live::Live;
use crate::metrics::LogMetrics;
use crate::record::Batch;

/// The store does not take records any more.
#[derive(Debug, thiserror::Error)]
#[error("the store is closed")]
pub struct Closed;

/// The handles of all outputs. Cloning is cheap.
#[derive(Clone)]
pub struct Fanout {
    /// Counters.
    pub metrics: Arc<LogMetrics>,
    /// Readers along.
    pub live: Live,
    /// The index; bounded, waits when full.
    pub store: mpsc::Sender<Batch>,
}

impl Fanout {
    /// Hands a batch to every output.
    ///
    /// # Errors
    /// [`Closed`] when Foghorn stops.
    pub async fn send(&self, batch: Batch) -> Result<(), Closed> {
        // A place in the store first: what is shown and counted is what will be kept.
        let place = self.store.reserve().await.map_err(|_| Closed)?;
        self.metrics.observe(&batch);
        if !batch.records.is_empty() {
            self.live.send(&batch.records);
        }
        place.send(batch);
        Ok(())
    }
}
