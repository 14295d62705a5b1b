//! What a follower hands its frames to: the container's pipeline, and behind it the fan-out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::docker::{Closed, FrameSink, Mark, Sinks};
use crate::fanout::Fanout;
use crate::pipeline::Pipeline;
use crate::record::{Batch, Checkpoint, Container, ContainerCursor, ContainerId, Frame, Gap};

/// Makes sinks, and remembers where each got to.
pub(super) struct ContainerSinks {
    pub fanout: Fanout,
    pub max_line_bytes: usize,
    pub latest: Arc<Mutex<HashMap<ContainerId, Checkpoint>>>,
}

impl Sinks for ContainerSinks {
    type Sink = ContainerSink;

    fn latest(&self, id: &ContainerId) -> Option<Checkpoint> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    fn open(&self, container: Arc<Container>, checkpoint: Checkpoint) -> ContainerSink {
        ContainerSink {
            pipeline: Pipeline::new(container, checkpoint.cursor, self.max_line_bytes),
            first_seen_ns: checkpoint.first_seen_ns,
            fanout: self.fanout.clone(),
            latest: Arc::clone(&self.latest),
        }
    }
}

/// One container's way from frames to outputs.
pub(super) struct ContainerSink {
    pipeline: Pipeline,
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

    fn reset(&mut self) {
        self.pipeline.reset();
    }

    fn finish(&mut self) {
        self.pipeline.finish();
    }

    fn cursor(&self) -> ContainerCursor {
        self.pipeline.cursor()
    }

    fn pending_bytes(&self) -> usize {
        self.pipeline.pending_bytes()
    }

    async fn deliver(&mut self, mark: Mark) -> Result<(), Closed> {
        self.fanout.metrics.cut(self.pipeline.take_cut_bytes());
        let checkpoint = Checkpoint {
            cursor: self.pipeline.cursor(),
            first_seen_ns: self.first_seen_ns,
            complete: mark == Mark::Complete,
            forget: mark == Mark::Forget,
            urgent: mark != Mark::Read,
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
        Ok(())
    }
}
