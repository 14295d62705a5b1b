//! Stages 2–5 for one container, synchronous and without I/O: Frame → Record.

use std::sync::Arc;

use crate::assemble::Assembler;
use crate::parse;
use crate::record::{Container, ContainerCursor, DAY_NS, Frame, Gap, Line, Position, Record, Stream};

/// Turns one container's frames into records, and knows behind which record reading resumes.
#[derive(Debug)]
pub struct Pipeline {
    container: Arc<Container>,
    assembler: Assembler,
    cursor: ContainerCursor,
    finished: Vec<Finished>,
    pending_bytes: usize,
    cut_bytes: u64,
}

#[derive(Debug)]
struct Finished {
    record: Record,
    /// The cursor once this record is durable.
    cursor: ContainerCursor,
}

/// Records of one day, and where reading resumes after them.
#[derive(Debug)]
pub struct Finish {
    /// In reading order.
    pub records: Vec<Record>,
    /// Behind the last of them.
    pub cursor: ContainerCursor,
}

impl Pipeline {
    /// A pipeline that continues at `cursor` and cuts lines at `max_line_bytes`.
    pub fn new(container: Arc<Container>, cursor: ContainerCursor, max_line_bytes: usize) -> Self {
        Self {
            container,
            assembler: Assembler::new(max_line_bytes),
            cursor,
            finished: Vec::new(),
            pending_bytes: 0,
            cut_bytes: 0,
        }
    }

    /// Who is speaking.
    pub fn container(&self) -> &Arc<Container> {
        &self.container
    }

    /// The container has a new name; records from now on carry it.
    pub fn rename(&mut self, container: &Container) {
        if *self.container != *container {
            self.container = Arc::new(container.clone());
        }
    }

    /// Behind the last finished record.
    pub fn cursor(&self) -> ContainerCursor {
        let mut cursor = self.cursor;
        cursor.stdout.open |= self.assembler.is_open(Stream::Stdout);
        cursor.stderr.open |= self.assembler.is_open(Stream::Stderr);
        cursor
    }

    /// Bytes of finished records that were not taken yet.
    pub fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// Bytes cut off from lines that were too long, since the last call.
    pub fn take_cut_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.cut_bytes)
    }

    /// Takes the next frame.
    pub fn push(&mut self, frame: Frame<'_>) {
        let mut lines = [None, None];
        self.assembler.push(frame, |line| lines[usize::from(lines[0].is_some())] = Some(line));
        for line in lines.into_iter().flatten() {
            self.line(line);
        }
    }

    /// Lines are missing here.
    pub fn gap(&mut self, gap: Gap) {
        let record = gap.record(Arc::clone(&self.container));
        self.finish_record(record);
    }

    /// Forgets unfinished lines: they will be read again.
    pub fn reset(&mut self) {
        // They stay open in the cursor until a line of their stream is finished.
        self.cursor = self.cursor();
        self.assembler.reset();
    }

    /// Nothing more will come: unfinished lines are finished.
    pub fn finish(&mut self) {
        let mut lines = Vec::new();
        self.assembler.finish(|line| lines.push(line));
        for line in lines {
            self.line(line);
        }
    }

    /// Takes what is finished, cut where the UTC day changes, because a day is a partition.
    pub fn take(&mut self) -> Vec<Finish> {
        self.pending_bytes = 0;
        let mut batches: Vec<Finish> = Vec::new();
        let count = self.finished.len();
        for Finished { record, cursor } in self.finished.drain(..) {
            let day = record.time_ns().div_euclid(DAY_NS);
            match batches.last_mut() {
                Some(batch) if batch.records.last().is_some_and(|r| r.time_ns().div_euclid(DAY_NS) == day) => {
                    batch.records.push(record);
                    batch.cursor = cursor;
                }
                _ => {
                    let mut records = Vec::with_capacity(count);
                    records.push(record);
                    batches.push(Finish { records, cursor });
                }
            }
        }
        batches
    }

    fn line(&mut self, line: Line) {
        let (stream, end): (Stream, Position) = (line.stream, line.end);
        self.cut_bytes += line.cut_bytes;
        let record = parse::parse(line, &self.container);
        let cursor = self.cursor.stream_mut(stream);
        cursor.advance(end);
        cursor.open = false;
        self.finish_record(record);
    }

    fn finish_record(&mut self, record: Record) {
        self.pending_bytes += record.raw.len() + 64;
        let cursor = self.cursor();
        self.finished.push(Finished { record, cursor });
    }
}
