//! Lines → records of several lines: tracebacks, panics, pretty JSON and whatever else a program
//! prints as one thing, per container and stream.
//!
//! Each stream holds one record, and the next line of the stream joins it or starts another.
//! What a line looks like is `shape`'s to say, what a record is in the middle of is `block`'s.
//!
//! A line whose meaning the lines behind it decide is *tried*: it waits apart, at most
//! `TRIED_LINES` of them, and joins when a frame follows; else it starts a record, and the
//! lines behind it are looked at again. Blank lines behind a record wait in the same way: they end
//! the record before, but one belongs to the Rust panic that it precedes.
//!
//! The laws: the texts of a stream's entries, joined by newlines, are its lines, byte for byte;
//! the streams do not know each other; nothing of a finished record is remembered, so reading
//! again from the first line of an unfinished record gives the same entries.
//!
//! What it cannot know: text without a header that follows a Python exception at once is taken
//! for more of its message, as is text between an error's line and its frames. An access line or
//! a JSON object on one line is finished, and an indented line behind it stands alone.

mod block;
mod bytes;
mod json;
mod postgres;
mod sentences;
mod shape;
mod time;
mod words;

use std::sync::Arc;

use block::{Block, Context, Step};
use bytes::{ESC, HEAD_BYTES};
use shape::{Look, Shape};

use crate::record::{Line, Position, Stream};

/// Lines of one write are closer together than this; only where nothing else tells.
const PROMPT_NS: i64 = 100_000_000;

/// When lines are one record.
#[derive(Clone, Debug)]
pub struct Rules {
    /// A record ends before it is longer than this, unless one line is.
    pub max_bytes: usize,
    /// A record ends after so many lines.
    pub max_lines: u32,
    /// A line that comes later than this after the line before it starts a record.
    pub gap_ns: i64,
    /// The user's own rule instead of Foghorn's: a line that matches, escape sequences aside, starts
    /// a record, and every other line joins.
    pub start: Option<regex::Regex>,
    /// Off: every line is a record.
    pub enabled: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { max_bytes: 1 << 20, max_lines: 1000, gap_ns: 1_000_000_000, start: None, enabled: true }
    }
}

/// A record's text, of one or more lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which stream.
    pub stream: Stream,
    /// The first line's place: the record's time and identity.
    pub start: Position,
    /// The last line's place: where reading resumes.
    pub end: Position,
    /// The lines, joined by newlines, byte for byte.
    pub text: String,
    /// How many lines.
    pub lines: u32,
    /// Bytes that were cut off the lines.
    pub cut_bytes: u64,
    /// Something is missing: a line was cut, or the record goes on in the next entry.
    pub truncated: bool,
}

/// A record that is not finished, as far as it is known; without lines that are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preview<'a> {
    /// The first line's place.
    pub start: Position,
    /// The text so far.
    pub text: &'a str,
    /// How many lines.
    pub lines: u32,
}

/// Joins the lines of a container.
#[derive(Debug)]
pub struct Joiner {
    rules: Arc<Rules>,
    slots: [Slot; 2],
}

#[derive(Debug, Default)]
struct Slot {
    held: Option<Held>,
    /// Lines that are tried, and the last blank line.
    tail: Vec<Line>,
}

#[derive(Debug)]
struct Held {
    line: Line,
    lines: u32,
    depth: u32,
    block: Block,
}

impl Joiner {
    /// A joiner that holds nothing.
    pub fn new(rules: Arc<Rules>) -> Self {
        Self { rules, slots: [Slot::default(), Slot::default()] }
    }

    /// Whether something of `stream` is held.
    pub fn is_open(&self, stream: Stream) -> bool {
        self.slots[index(stream)].held.is_some()
    }

    /// Whether what is held of `stream` is certainly not finished: in a traceback, in JSON whose
    /// brackets are open, in a PEM block.
    pub fn is_mid_block(&self, stream: Stream) -> bool {
        let held = self.slots[index(stream)].held.as_ref();
        held.is_some_and(|held| held.block.is_unfinished() || held.depth > 0 && held.lines > 1)
    }

    /// What is held of `stream`.
    pub fn open(&self, stream: Stream) -> Option<Preview<'_>> {
        let held = self.slots[index(stream)].held.as_ref()?;
        Some(Preview { start: held.line.start, text: &held.line.text, lines: held.lines })
    }

    /// Takes the next line and hands over each record that it finishes: none, one or two; more
    /// where lines were tried in vain.
    pub fn push(&mut self, line: Line, mut sink: impl FnMut(Entry)) {
        if !self.rules.enabled {
            return sink(entry(line, 1));
        }
        self.slots[index(line.stream)].push(&self.rules, line, &mut sink);
    }

    /// Nothing of `stream` is waited for any longer.
    pub fn flush(&mut self, stream: Stream, mut sink: impl FnMut(Entry)) {
        self.slots[index(stream)].flush(&self.rules, &mut sink);
    }

    /// All streams are flushed, the one with the oldest record first.
    pub fn finish(&mut self, mut sink: impl FnMut(Entry)) {
        let start = |slot: &Slot| slot.held.as_ref().map(|held| held.line.start);
        let [out, err] = &mut self.slots;
        let slots = if start(err) < start(out) { [err, out] } else { [out, err] };
        for slot in slots {
            slot.flush(&self.rules, &mut sink);
        }
    }
}

impl Slot {
    fn push(&mut self, rules: &Rules, line: Line, sink: &mut dyn FnMut(Entry)) {
        let Some(held) = &self.held else { return self.begin(rules, line, sink) };
        let wait_ns = line.start.time_ns.saturating_sub(self.tail.last().unwrap_or(&held.line).end.time_ns);
        if wait_ns > rules.gap_ns {
            self.flush(rules, sink);
            return self.begin(rules, line, sink);
        }
        let mut buffer = [0; HEAD_BYTES];
        let look = Look::new(&line.text, line.cut_bytes > 0, &mut buffer);
        let step = match &rules.start {
            Some(start) if is_match(start, &line.text) => Step::Start,
            Some(_) => Step::Join(Block::User),
            None => held.block.next(&look, &held.context(&self.tail, wait_ns <= PROMPT_NS)),
        };
        if matches!(step, Step::Join(_) | Step::Last | Step::Try) && !self.has_room(rules, &line) {
            return self.truncate(rules, line, sink);
        }
        match step {
            Step::Join(block) => {
                let (opens, closes) = (look.opens(), look.closes());
                self.settle();
                if let Some(held) = &mut self.held {
                    held.depth = held.depth.saturating_sub(u32::from(closes)).saturating_add(u32::from(opens));
                    held.block = block;
                    held.append(&line);
                }
            }
            Step::Last => {
                self.settle();
                if let Some(mut held) = self.held.take() {
                    held.append(&line);
                    sink(held.entry());
                }
            }
            Step::Try => {
                // A blank line is tried for the sake of the next line only.
                if tried(&self.tail) == 0 && look.shape == Shape::Blank {
                    self.settle();
                }
                self.tail.push(line);
            }
            // What is tried may hold the line; else it is the first of a record, as it was looked at.
            Step::Start if self.tail.is_empty() && rules.start.is_none() => {
                let first = Block::first(&look);
                let depth = u32::from(look.opens());
                if let Some(held) = self.held.take() {
                    sink(held.entry());
                }
                self.hold(line, first, depth, sink);
            }
            Step::Start => self.start(rules, line, sink),
            Step::StartWithBlank => {
                let blank = self.tail.pop();
                self.flush(rules, sink);
                for line in blank.into_iter().chain([line]) {
                    self.push(rules, line, sink);
                }
            }
        }
    }

    /// The line starts a record, and what is held is finished.
    fn start(&mut self, rules: &Rules, line: Line, sink: &mut dyn FnMut(Entry)) {
        if self.reject(rules, sink) { self.push(rules, line, sink) } else { self.begin(rules, line, sink) }
    }

    /// Hands over what is held, with the blank lines behind it, and looks at the tried lines again.
    /// Whether there were any; then something may be held.
    fn reject(&mut self, rules: &Rules, sink: &mut dyn FnMut(Entry)) -> bool {
        let Some(mut held) = self.held.take() else { return false };
        if self.tail.is_empty() {
            sink(held.entry());
            return false;
        }
        let blanks = self.tail.iter().take_while(|line| is_blank(line)).count();
        for line in self.tail.drain(..blanks) {
            held.append(&line);
        }
        sink(held.entry());
        if self.tail.is_empty() {
            return false;
        }
        for line in std::mem::take(&mut self.tail) {
            self.push(rules, line, sink);
        }
        true
    }

    fn begin(&mut self, rules: &Rules, line: Line, sink: &mut dyn FnMut(Entry)) {
        if rules.start.is_some() {
            return self.hold(line, Some(Block::User), 0, sink);
        }
        let mut buffer = [0; HEAD_BYTES];
        let look = Look::new(&line.text, line.cut_bytes > 0, &mut buffer);
        let (first, depth) = (Block::first(&look), u32::from(look.opens()));
        self.hold(line, first, depth, sink);
    }

    fn hold(&mut self, line: Line, first: Option<Block>, depth: u32, sink: &mut dyn FnMut(Entry)) {
        match first {
            Some(block) => self.held = Some(Held { line, lines: 1, depth, block }),
            None => sink(entry(line, 1)),
        }
    }

    /// The tried lines belong to the record.
    fn settle(&mut self) {
        if let Some(held) = &mut self.held {
            for line in self.tail.drain(..) {
                held.append(&line);
            }
        }
    }

    fn has_room(&self, rules: &Rules, line: &Line) -> bool {
        let Some(held) = &self.held else { return true };
        let bytes = self.tail.iter().chain([&held.line, line]).map(|line| line.text.len() + 1).sum::<usize>() - 1;
        bytes <= rules.max_bytes && held.lines as usize + self.tail.len() < rules.max_lines as usize
    }

    /// The record is full, and goes on in the next.
    fn truncate(&mut self, rules: &Rules, line: Line, sink: &mut dyn FnMut(Entry)) {
        if tried(&self.tail) > 0 {
            return self.start(rules, line, sink);
        }
        self.settle();
        if let Some(held) = self.held.take() {
            sink(Entry { truncated: true, ..held.entry() });
        }
        self.begin(rules, line, sink);
    }

    fn flush(&mut self, rules: &Rules, sink: &mut dyn FnMut(Entry)) {
        while self.reject(rules, sink) {}
    }
}

impl Held {
    fn append(&mut self, line: &Line) {
        self.line.text.push('\n');
        self.line.text.push_str(&line.text);
        self.line.end = line.end;
        self.line.cut_bytes += line.cut_bytes;
        self.lines += 1;
    }

    fn entry(self) -> Entry {
        entry(self.line, self.lines)
    }

    fn context<'a>(&'a self, tail: &'a [Line], is_prompt: bool) -> Context<'a> {
        let is_after_blank = match tail.last() {
            Some(line) => is_blank(line),
            None => false,
        };
        Context {
            text: self.line.text.as_bytes(),
            lines: self.lines,
            depth: self.depth,
            tried: tried(tail),
            previous: tail.last().map_or(&[], |line| line.text.as_bytes()),
            is_after_blank,
            is_prompt,
        }
    }
}

fn entry(line: Line, lines: u32) -> Entry {
    let Line { stream, start, end, text, cut_bytes } = line;
    Entry { stream, start, end, text, lines, cut_bytes, truncated: cut_bytes > 0 }
}

/// How many lines are tried; the one blank line that waits is none.
fn tried(tail: &[Line]) -> usize {
    if tail.iter().all(is_blank) { 0 } else { tail.len() }
}

fn is_blank(line: &Line) -> bool {
    let bytes = line.text.as_bytes().trim_ascii_start();
    match bytes.first() {
        None => true,
        Some(&ESC) => Look::new(&line.text, false, &mut [0; HEAD_BYTES]).shape == Shape::Blank,
        Some(_) => false,
    }
}

fn is_match(start: &regex::Regex, text: &str) -> bool {
    start.is_match(&crate::text::without_escapes(crate::expression::beginning(text)))
}

fn index(stream: Stream) -> usize {
    usize::from(stream == Stream::Stderr)
}

#[cfg(test)]
mod tests;
