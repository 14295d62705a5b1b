//! Stages 2–5 for one container, synchronous and without I/O: Frame → Record.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use crate::assemble::{Assembler, Entry, Joiner, Rules};
use crate::parse::{self, Overrides, Parsed, Parser, Reason};
use crate::record::{
    Container, ContainerCursor, DAY_NS, FieldValue, Frame, Gap, Kind, Level, Line, Position, Record, Signature, Stream,
};
use crate::redact::{Redacted, Redactor};
use crate::signature::{Evidence, Signatures};

/// What a pipeline does with lines.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where a line is cut.
    pub max_line_bytes: usize,
    /// When lines are one record.
    pub multiline: Arc<Rules>,
    /// What masks secrets; none where they are not masked.
    pub redactor: Option<Arc<Redactor>>,
    /// The user's own formats, fields and durations.
    pub rules: Arc<parse::Rules>,
    /// What the container says otherwise.
    pub overrides: Overrides,
    /// The errors of the container's service.
    pub signatures: Arc<Mutex<Signatures>>,
}

/// The most kinds of errors that are known of a service; what was not seen for the longest time makes
/// room.
pub const MAX_SIGNATURES: usize = 1_000;

/// What stands for a text that could not be masked.
const WITHHELD: &str = "[redacted:unreadable]";

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_line_bytes: 1 << 20,
            multiline: Arc::default(),
            redactor: Some(Arc::default()),
            rules: Arc::default(),
            overrides: Overrides::default(),
            signatures: Arc::new(Mutex::new(Signatures::new(MAX_SIGNATURES))),
        }
    }
}

/// Turns one container's frames into records, and knows behind which record reading resumes.
#[derive(Debug)]
pub struct Pipeline {
    container: Arc<Container>,
    assembler: Assembler,
    joiner: Joiner,
    /// For standard output and standard error.
    parsers: [Parser; 2],
    rules: Arc<parse::Rules>,
    redactor: Option<Arc<Redactor>>,
    signatures: Arc<Mutex<Signatures>>,
    /// Behind what is finished.
    cursor: ContainerCursor,
    /// Behind what was taken.
    position: ContainerCursor,
    finished: Vec<Finished>,
    /// Entries of one push, kept for its memory.
    entries: Vec<Entry>,
    /// What was shown already of records that are not finished: their lines.
    previewed: [Option<(Position, u32)>; 2],
    pending_bytes: usize,
    cut_bytes: u64,
    masks: u64,
    panics: u64,
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
    /// A pipeline that continues at `cursor`.
    pub fn new(container: Arc<Container>, cursor: ContainerCursor, settings: &Settings) -> Self {
        let parser = Parser::new(&settings.rules, &container, settings.overrides);
        Self {
            container,
            assembler: Assembler::new(settings.max_line_bytes),
            joiner: Joiner::new(Arc::clone(&settings.multiline)),
            parsers: [parser.clone(), parser],
            rules: Arc::clone(&settings.rules),
            redactor: settings.redactor.clone(),
            signatures: Arc::clone(&settings.signatures),
            cursor,
            position: cursor,
            finished: Vec::new(),
            entries: Vec::new(),
            previewed: [None; 2],
            pending_bytes: 0,
            cut_bytes: 0,
            masks: 0,
            panics: 0,
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
            self.parsers.iter_mut().for_each(|parser| parser.rename(&self.rules, container));
        }
    }

    /// Behind the last finished record, and where what is not finished begins.
    pub fn cursor(&self) -> ContainerCursor {
        let mut cursor = self.cursor;
        for stream in [Stream::Stdout, Stream::Stderr] {
            let at = cursor.stream_mut(stream);
            at.open_at = self.open_at(stream).or(at.open_at);
        }
        cursor
    }

    /// Behind the last frame of each stream. What a pipeline before this one had not finished is
    /// taken again, so it is not behind that.
    pub fn position(&self) -> ContainerCursor {
        self.position
    }

    /// Where the record or line of `stream` begins that is not finished.
    pub fn open_at(&self, stream: Stream) -> Option<Position> {
        let record = self.joiner.open(stream).map(|open| open.start);
        record.or_else(|| self.assembler.open_at(stream))
    }

    /// Whether a record of `stream` waits for lines that may join it.
    pub fn is_held(&self, stream: Stream) -> bool {
        self.joiner.is_open(stream)
    }

    /// Bytes of finished records that were not taken yet.
    pub fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// Bytes cut off from lines that were too long, since the last call.
    pub fn take_cut_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.cut_bytes)
    }

    /// Secrets that were masked, since the last call.
    pub fn take_masks(&mut self) -> u64 {
        std::mem::take(&mut self.masks)
    }

    /// Records that a bug kept from being read, since the last call.
    pub fn take_panics(&mut self) -> u64 {
        std::mem::take(&mut self.panics)
    }

    /// Takes the next frame.
    pub fn push(&mut self, frame: Frame<'_>) {
        self.position.stream_mut(frame.stream).advance(frame.position);
        let (joiner, entries) = (&mut self.joiner, &mut self.entries);
        self.assembler.push(frame, |line| joiner.push(line, |entry| entries.push(entry)));
        self.take_entries();
    }

    /// Lines are missing here.
    pub fn gap(&mut self, gap: Gap) {
        // What is held lies before it.
        self.flush();
        let record = gap.record(Arc::clone(&self.container));
        let cursor = self.cursor();
        self.finish_record(record, cursor);
    }

    /// What was taken of `stream` before this pipeline began, and was not finished, is gone.
    pub fn lost(&mut self, stream: Stream, gap: Gap) {
        for cursor in [&mut self.cursor, &mut self.position] {
            cursor.stream_mut(stream).open_at = None;
        }
        self.gap(gap);
    }

    /// Nothing more will come: unfinished lines are finished.
    pub fn finish(&mut self) {
        let mut lines: Vec<Line> = Vec::new();
        self.assembler.finish(|line| lines.push(line));
        let (joiner, entries) = (&mut self.joiner, &mut self.entries);
        for line in lines {
            joiner.push(line, |entry| entries.push(entry));
        }
        self.take_entries();
        self.flush();
    }

    /// No line joins what is held any more.
    pub fn flush(&mut self) {
        let entries = &mut self.entries;
        self.joiner.finish(|entry| entries.push(entry));
        self.take_entries();
    }

    /// The same for what is not certainly unfinished: reading may not go on for long.
    pub fn settle(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if !self.joiner.is_mid_block(stream) {
                let entries = &mut self.entries;
                self.joiner.flush(stream, |entry| entries.push(entry));
                self.take_entries();
            }
        }
    }

    /// Records that are not finished, as far as they are known, and were not shown so before.
    pub fn preview(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        for (at, stream) in [Stream::Stdout, Stream::Stderr].into_iter().enumerate() {
            let Some(open) = self.joiner.open(stream) else { continue };
            if self.previewed[at].replace((open.start, open.lines)) == Some((open.start, open.lines)) {
                continue;
            }
            let (text, start) = (open.text.to_owned(), open.start);
            let entry = Entry { stream, start, end: start, text, lines: open.lines, cut_bytes: 0, truncated: false };
            records.push(self.record(entry));
        }
        records
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

    /// Makes records of the entries of one stream, or of each stream in turn.
    fn take_entries(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        let starts: Vec<(Stream, Position)> = if entries.len() > 1 {
            entries.iter().map(|entry| (entry.stream, entry.start)).collect()
        } else {
            Vec::new()
        };
        for (at, entry) in entries.drain(..).enumerate() {
            let (stream, end) = (entry.stream, entry.end);
            self.cut_bytes += entry.cut_bytes;
            let record = self.record(entry);
            self.cursor.stream_mut(stream).advance(end);
            let mut cursor = self.cursor();
            // What follows in this push is not finished yet as far as this record's cursor goes.
            for &(stream, start) in starts.iter().skip(at + 1).rev() {
                cursor.stream_mut(stream).open_at = Some(start);
            }
            self.finish_record(record, cursor);
        }
        self.entries = entries;
    }

    fn record(&mut self, mut entry: Entry) -> Record {
        // Before anything else sees it.
        if let Some(redactor) = &self.redactor {
            match redact(&mut entry.text, |text| redactor.redact(text)) {
                Some(masks) => self.masks += masks,
                None => self.panics += 1,
            }
        }
        let parser = &mut self.parsers[usize::from(entry.stream == Stream::Stderr)];
        let mut parsed = parser.parse(&entry.text, entry.start.time_ns);
        self.panics += u64::from(parsed.reason == Reason::Panic);
        if let Some(signature) = self.signature(&parsed, &entry.text) {
            parsed.fields.add("signature", &signature.to_string());
        }
        Record {
            container: Arc::clone(&self.container),
            stream: entry.stream,
            position: entry.start,
            kind: Kind::Line,
            level: parsed.level,
            format: parsed.format,
            raw: entry.text.into(),
            fields: parsed.fields,
            truncated: entry.truncated,
        }
    }

    /// The kind of error that the record is; none where it is none.
    fn signature(&self, parsed: &Parsed, raw: &str) -> Option<Signature> {
        let fields = parsed.fields.of(raw);
        let text = |name: &str| fields.get(name).and_then(FieldValue::as_str);
        let kind = text("error.type");
        if parsed.level < Level::Error && kind.is_none() {
            return None;
        }
        let message = text("error.message");
        // A failed request is an access, and counted as such.
        if fields.get("http.status").is_some() && kind.is_none() && message.is_none() {
            return None;
        }
        let stack = text("error.stack");
        let message = message.or_else(|| text("message")).unwrap_or_default();
        let evidence = Evidence { error_type: kind, stack, message, logger: text("logger") };
        let mut signatures = self.signatures.lock().unwrap_or_else(PoisonError::into_inner);
        Some(signatures.of(&evidence).signature)
    }

    fn finish_record(&mut self, record: Record, cursor: ContainerCursor) {
        self.pending_bytes += record.raw.len() + record.fields.heap_bytes() + 64;
        self.finished.push(Finished { record, cursor });
    }
}

/// Masks the secrets in the text, and answers how many. Where that panics, all of it is withheld,
/// since nobody knows what it holds, and the answer is none.
fn redact(text: &mut String, find: impl FnOnce(&str) -> Option<Redacted>) -> Option<u64> {
    let found = catch_unwind(AssertUnwindSafe(|| find(text)));
    match found {
        Ok(None) => Some(0),
        Ok(Some(redacted)) => {
            *text = redacted.text;
            Some(redacted.masks as u64)
        }
        Err(_) => {
            WITHHELD.clone_into(text);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_could_not_be_masked_is_withheld() {
        let mut text = "password=hunter2".to_owned();
        assert_eq!(redact(&mut text, |_| panic!("a bug")), None);
        assert_eq!(text, WITHHELD);
        assert_eq!(redact(&mut text, |_| None), Some(0));
    }
}
