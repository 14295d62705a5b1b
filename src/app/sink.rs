//! What a follower hands its frames to: the container's pipeline, and behind it the fan-out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::warn;

use super::labels::Asked;
use crate::docker::board::Board;
use crate::docker::{Closed, FrameSink, Labels, Mark, Sinks};
use crate::fanout::Fanout;
use crate::pipeline::{MAX_SIGNATURES, Pipeline, Settings};
use crate::record::{Batch, Checkpoint, Container, ContainerCursor, ContainerId, Frame, Gap, Stream};
use crate::redact::Redactor;
use crate::signature::Signatures;

/// Makes sinks, and remembers where each got to.
pub(super) struct ContainerSinks {
    pub fanout: Fanout,
    pub settings: Settings,
    /// What masks secrets, also where a container's label alone asks for it.
    pub redactor: Arc<Redactor>,
    /// Where wrong labels are shown.
    pub board: Board,
    /// The errors of each service, by project and name.
    pub signatures: Mutex<HashMap<(String, String), Arc<Mutex<Signatures>>>>,
    pub latest: Arc<Mutex<HashMap<ContainerId, Checkpoint>>>,
}

impl Sinks for ContainerSinks {
    type Sink = ContainerSink;

    fn latest(&self, id: &ContainerId) -> Option<Checkpoint> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    fn open(&self, container: Arc<Container>, labels: &Labels, checkpoint: Checkpoint) -> ContainerSink {
        let mut settings = Settings { signatures: self.signatures_of(&container), ..self.settings.clone() };
        let asked = Asked::of(labels, &settings.rules);
        if self.board.warn(&container.id, asked.warnings.clone()) {
            for warning in &asked.warnings {
                warn!(container = container.name, "a label is ignored: {warning}");
            }
        }
        asked.apply(&mut settings, &self.redactor);
        ContainerSink {
            is_fresh: checkpoint.cursor.is_fresh(),
            record_timeout: Duration::from_nanos(settings.multiline.gap_ns.unsigned_abs()),
            pipeline: Pipeline::new(container, checkpoint.cursor, &settings),
            first_seen_ns: checkpoint.first_seen_ns,
            fanout: self.fanout.clone(),
            latest: Arc::clone(&self.latest),
        }
    }
}

/// The most services whose errors are grouped apart; those beyond share their groups.
const MAX_SERVICES: usize = 200;

impl ContainerSinks {
    /// The errors of the container's service, which all its containers share.
    fn signatures_of(&self, container: &Container) -> Arc<Mutex<Signatures>> {
        let mut services = self.signatures.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (container.project.clone(), container.service.clone());
        if services.len() >= MAX_SERVICES && !services.contains_key(&key) {
            key = Default::default();
        }
        Arc::clone(services.entry(key).or_insert_with(|| Arc::new(Mutex::new(Signatures::new(MAX_SIGNATURES)))))
    }
}

/// One container's way from frames to outputs.
pub(super) struct ContainerSink {
    pipeline: Pipeline,
    /// Nothing that it read is durable yet.
    is_fresh: bool,
    /// How long a record waits for more lines.
    record_timeout: Duration,
    first_seen_ns: i64,
    fanout: Fanout,
    latest: Arc<Mutex<HashMap<ContainerId, Checkpoint>>>,
}

impl FrameSink for ContainerSink {
    fn rename(&mut self, container: &Container) {
        self.pipeline.rename(container);
    }

    fn push(&mut self, frame: Frame<'_>) {
        self.pipeline.push(frame);
    }

    fn gap(&mut self, gap: Gap) {
        self.pipeline.gap(gap);
    }

    fn lost(&mut self, stream: Stream, gap: Gap) {
        self.pipeline.lost(stream, gap);
    }

    fn finish(&mut self) {
        self.pipeline.finish();
    }

    fn patience(&self) -> Option<Duration> {
        let is_open = [Stream::Stdout, Stream::Stderr].iter().any(|stream| self.pipeline.is_held(*stream));
        is_open.then_some(self.record_timeout)
    }

    fn flush(&mut self) {
        self.pipeline.flush();
    }

    fn settle(&mut self) {
        self.pipeline.settle();
    }

    fn position(&self) -> ContainerCursor {
        self.pipeline.position()
    }

    fn pending_bytes(&self) -> usize {
        // Who reads along is shown what is not finished.
        let is_awaited = self.fanout.live.readers() > 0 && self.patience().is_some();
        self.pipeline.pending_bytes().max(usize::from(is_awaited))
    }

    async fn deliver(&mut self, mark: Mark) -> Result<(), Closed> {
        self.fanout.metrics.cut(self.pipeline.take_cut_bytes());
        self.fanout.metrics.masked(self.pipeline.take_masks());
        self.fanout.metrics.unread(self.pipeline.take_panics());
        let is_first = self.is_fresh && self.pipeline.pending_bytes() > 0;
        self.is_fresh &= !is_first;
        let checkpoint = Checkpoint {
            cursor: self.pipeline.cursor(),
            first_seen_ns: self.first_seen_ns,
            complete: mark == Mark::Complete,
            import: None,
            forget: mark == Mark::Forget,
            // Without a durable place, what the engine rotates away cannot be said to be lost.
            urgent: mark != Mark::Read || is_first,
        };
        let mut batches: Vec<Batch> = self
            .pipeline
            .take()
            .into_iter()
            .map(|finish| Batch {
                container: Arc::clone(self.pipeline.container()),
                records: finish.records.into(),
                checkpoint: Checkpoint { cursor: finish.cursor, complete: false, forget: false, ..checkpoint },
            })
            .collect();
        match batches.last_mut() {
            Some(last) => last.checkpoint = Checkpoint { cursor: last.checkpoint.cursor, ..checkpoint },
            None if mark != Mark::Read => {
                batches.push(Batch {
                    container: Arc::clone(self.pipeline.container()),
                    records: Arc::new([]),
                    checkpoint,
                });
            }
            None => {}
        }
        for batch in batches {
            let checkpoint = batch.checkpoint;
            self.fanout.send(batch).await.map_err(|_| Closed)?;
            let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            if checkpoint.forget {
                latest.remove(&self.pipeline.container().id);
            } else {
                latest.insert(self.pipeline.container().id.clone(), checkpoint);
            }
        }
        if self.fanout.live.readers() > 0 {
            self.fanout.live.preview(self.pipeline.preview());
        }
        Ok(())
    }
}
