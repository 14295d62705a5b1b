//! OUTPUT live tail: every batch to every reader; a slow reader loses batches and is told so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::broadcast;

use crate::query::Query;
use crate::record::Record;

/// Hands batches to whoever reads along. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Live {
    sender: broadcast::Sender<Sent>,
    readers: Arc<AtomicUsize>,
    max_readers: usize,
}

/// What every reader is sent.
#[derive(Clone, Debug)]
enum Sent {
    Finished(Arc<[Record]>),
    Open(Arc<[Record]>),
}

/// What a reader gets.
#[derive(Clone, Debug)]
pub enum Heard {
    /// Matching records, in the order in which they arrived; may be empty.
    Records(Vec<Record>),
    /// The same, of records that more lines may join: each comes again, under its own id, when it
    /// is finished.
    Open(Vec<Record>),
    /// The reader was too slow: so many batches are lost to it. They are in the store.
    Lagged(u64),
    /// Foghorn stops.
    Closed,
}

impl Live {
    /// Keeps the last `buffer_batches` batches (rounded up to a power of two) for readers that
    /// are behind, and serves `max_readers` at a time.
    pub fn new(buffer_batches: usize, max_readers: usize) -> Self {
        let (sender, _) = broadcast::channel(buffer_batches.max(1));
        Self { sender, readers: Arc::default(), max_readers }
    }

    /// Hands a batch to every reader; never waits.
    pub fn send(&self, records: &Arc<[Record]>) {
        if self.sender.receiver_count() > 0 {
            // An error only says that the last reader left a moment ago.
            drop(self.sender.send(Sent::Finished(Arc::clone(records))));
        }
    }

    /// Shows records that are not finished, so that a reader need not wait for what may join them.
    pub fn preview(&self, records: Vec<Record>) {
        if !records.is_empty() {
            drop(self.sender.send(Sent::Open(records.into())));
        }
    }

    /// Readers at this moment.
    pub fn readers(&self) -> usize {
        self.readers.load(Ordering::Relaxed)
    }

    /// Joins with a query of one's own; none where all places are taken.
    pub fn join(&self, query: Query) -> Option<LiveReader> {
        let joined = self
            .readers
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < self.max_readers).then_some(n + 1));
        joined.ok()?;
        Some(LiveReader { receiver: self.sender.subscribe(), query, readers: Arc::clone(&self.readers) })
    }
}

/// One reader's place; leaving is dropping it.
#[derive(Debug)]
pub struct LiveReader {
    receiver: broadcast::Receiver<Sent>,
    query: Query,
    readers: Arc<AtomicUsize>,
}

impl LiveReader {
    /// Waits for the next batch. Cancel safe.
    pub async fn next(&mut self) -> Heard {
        let matching =
            |records: &[Record]| records.iter().filter(|record| self.query.matches(record)).cloned().collect();
        match self.receiver.recv().await {
            Ok(Sent::Finished(records)) => Heard::Records(matching(&records)),
            Ok(Sent::Open(records)) => Heard::Open(matching(&records)),
            Err(broadcast::error::RecvError::Lagged(batches)) => Heard::Lagged(batches),
            Err(broadcast::error::RecvError::Closed) => Heard::Closed,
        }
    }
}

impl Drop for LiveReader {
    fn drop(&mut self) {
        self.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Container, ContainerId, Fields, Kind, Level, Position, Stream};

    fn batch(texts: &[&str]) -> Arc<[Record]> {
        let container = Arc::new(Container {
            id: ContainerId::new("ab"),
            name: "web".into(),
            project: String::new(),
            service: "web".into(),
            number: 0,
        });
        let record = |text: &&str| Record {
            container: Arc::clone(&container),
            stream: Stream::Stdout,
            position: Position { time_ns: 1, ordinal: 1 },
            kind: Kind::Line,
            level: Level::Unknown,
            raw: (*text).into(),
            fields: Fields::default(),
            format: "",
            truncated: false,
        };
        texts.iter().map(record).collect()
    }

    #[tokio::test]
    async fn readers_hear_what_matches_and_how_much_they_missed() {
        let live = Live::new(2, 1);
        let mut reader = live.join("boom".parse().unwrap()).unwrap();
        assert!(live.join("x".parse().unwrap()).is_none(), "there is one place only");
        live.send(&batch(&["boom 1", "quiet", "big boom"]));
        let Heard::Records(records) = reader.next().await else { panic!("records were sent") };
        assert_eq!(records.iter().map(|r| &*r.raw).collect::<Vec<_>>(), ["boom 1", "big boom"]);
        for _ in 0..5 {
            live.send(&batch(&["boom"]));
        }
        assert!(matches!(reader.next().await, Heard::Lagged(3)));
        drop(reader);
        assert_eq!(live.readers(), 0);
        assert!(live.join("x".parse().unwrap()).is_some());
    }
}
