//! One container's log: from the entries that the copier makes of its streams to readers that take
//! them by index.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use super::copier::{Keeping, OpenLine, Stream};

/// Kept of one container's log, whatever the rotation says; the oldest entries vanish first.
const MAX_BYTES: usize = 256 << 20;
/// Ends of runs that are remembered for followers that have not read so far yet.
const MAX_ENDS: usize = 1_024;

/// One entry of a log: a line, or a fragment of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Nanoseconds since 1970; fragments repeat that of the line's first one.
    pub time_ns: i64,
    /// Where it was written to.
    pub stream: Stream,
    /// What a reader gets after the timestamp; ends in `\n` unless it is a fragment with more to
    /// come or was cut.
    pub bytes: Bytes,
}

/// What is kept of a log, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) keeping: Keeping,
    pub(super) streams: Streams,
    pub(super) max_entries: usize,
}

/// How many streams the container has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Streams {
    Both,
    /// A terminal has one.
    StdoutOnly,
}

/// What is done with a line that was begun, when the run or the engine ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum OpenLines {
    /// Kept without its end, as the copier does at the end of the stream.
    Cut,
    /// Lost, as when nobody was there to read the pipe.
    Lost,
}

/// A log that many readers follow.
#[derive(Debug)]
pub(super) struct Journal {
    inner: Mutex<Inner>,
    changed: watch::Sender<u64>,
    rules: Rules,
}

#[derive(Debug, Default)]
struct Inner {
    entries: VecDeque<Entry>,
    /// The index of the oldest entry that is kept.
    first: u64,
    bytes: usize,
    stdout: OpenLine,
    stderr: OpenLine,
    run: u64,
    open: bool,
    /// Each ended run and the index after its last entry.
    ends: VecDeque<(u64, u64)>,
    damaged: Option<u64>,
}

/// Where a reader begins, and how far back it can see.
#[derive(Debug, Clone, Copy)]
pub(super) struct Past {
    /// The first entry to read.
    pub(super) start: u64,
    /// The end of what can be read of the past: its own end, or the damaged place.
    pub(super) readable_end: u64,
    /// The end of the past, from which on a follower reads what is new.
    pub(super) end: u64,
    /// The run that goes on, for a follower to end with.
    pub(super) run: Option<u64>,
}

/// What a reader finds at an index.
#[derive(Debug)]
pub(super) enum Found {
    /// The entry, and its index: a later one when the asked one has been rotated away.
    Entry(u64, Entry),
    /// Nothing yet.
    NotYet,
    /// Nothing, for ever.
    End,
}

/// Where a reader stops.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    Index(u64),
    EndOfRun(u64),
}

impl Journal {
    pub(super) fn new(rules: Rules) -> Journal {
        Journal { inner: Mutex::default(), changed: watch::Sender::new(0), rules }
    }

    /// Tells of every write and of every end.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Splits `bytes` into entries; `stamp` is asked for the time of each line.
    pub(super) fn write(&self, stream: Stream, bytes: &[u8], stamp: &mut dyn FnMut() -> i64) {
        let mut inner = self.lock();
        let stream = match self.rules.streams {
            Streams::Both => stream,
            Streams::StdoutOnly => Stream::Stdout,
        };
        let mut line = std::mem::take(inner.line(stream));
        line.write(self.rules.keeping, bytes, stamp, &mut |time_ns, bytes| {
            inner.push(self.rules, time_ns, stream, bytes);
        });
        *inner.line(stream) = line;
        drop(inner);
        self.tell();
    }

    /// Makes entries of the lines that were begun, as if the process had closed its streams.
    pub(super) fn flush(&self, stamp: &mut dyn FnMut() -> i64) {
        self.lock().flush(self.rules, stamp);
        self.tell();
    }

    /// Begins a run: followers can attach.
    pub(super) fn open(&self) {
        let mut inner = self.lock();
        inner.run += 1;
        inner.open = true;
    }

    /// Ends the run: its followers end when they have read what there is.
    pub(super) fn close(&self, open_lines: OpenLines, stamp: &mut dyn FnMut() -> i64) {
        let mut inner = self.lock();
        match open_lines {
            OpenLines::Cut => inner.flush(self.rules, stamp),
            OpenLines::Lost => {
                inner.stdout = OpenLine::default();
                inner.stderr = OpenLine::default();
            }
        }
        if inner.open {
            inner.open = false;
            let end = (inner.run, inner.end());
            inner.ends.push_back(end);
            if inner.ends.len() > MAX_ENDS {
                inner.ends.pop_front();
            }
        }
        drop(inner);
        self.tell();
    }

    /// Drops all but the newest `keep_last` entries.
    pub(super) fn rotate(&self, keep_last: usize) {
        let mut inner = self.lock();
        while inner.entries.len() > keep_last {
            inner.drop_oldest();
        }
    }

    /// From now on a reader of the past that begins at `index` or before stops after it.
    pub(super) fn damage(&self, index: u64) {
        self.lock().damaged = Some(index);
    }

    /// What is kept, oldest first.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.lock().entries.iter().cloned().collect()
    }

    /// Finds where to begin, `tail` entries from the end or at the oldest.
    pub(super) fn past(&self, tail: Option<usize>) -> Past {
        let inner = self.lock();
        let end = inner.end();
        let kept = inner.entries.len();
        let skipped = tail.map_or(0, |tail| kept.saturating_sub(tail));
        let start = inner.first + skipped as u64;
        let readable_end = match inner.damaged {
            Some(damaged) if start <= damaged => end.min(damaged + 1),
            _ => end,
        };
        Past { start, readable_end, end, run: inner.open.then_some(inner.run) }
    }

    /// Reads the entry at `index`; a reader that is so slow that the entry was rotated away gets
    /// the oldest one that is left, and no word about it, as from the engine.
    pub(super) fn read(&self, index: u64, until: Until) -> Found {
        let inner = self.lock();
        let limit = match until {
            Until::Index(limit) => Some(limit),
            Until::EndOfRun(run) if inner.open && inner.run == run => None,
            Until::EndOfRun(run) => {
                let ended = inner.ends.iter().find(|(ended, _)| *ended == run);
                Some(ended.map_or(0, |(_, end)| *end))
            }
        };
        let index = index.max(inner.first);
        if limit.is_some_and(|limit| index >= limit) {
            return Found::End;
        }
        let offset = usize::try_from(index - inner.first).unwrap_or(usize::MAX);
        match inner.entries.get(offset) {
            Some(entry) => Found::Entry(index, entry.clone()),
            None => Found::NotYet,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Inner {
    fn line(&mut self, stream: Stream) -> &mut OpenLine {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    fn flush(&mut self, rules: Rules, stamp: &mut dyn FnMut() -> i64) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let mut line = std::mem::take(self.line(stream));
            line.flush(rules.keeping, stamp, &mut |time_ns, bytes| {
                self.push(rules, time_ns, stream, bytes);
            });
        }
    }

    fn push(&mut self, rules: Rules, time_ns: i64, stream: Stream, bytes: Bytes) {
        self.bytes += bytes.len();
        self.entries.push_back(Entry { time_ns, stream, bytes });
        while self.entries.len() > rules.max_entries || self.bytes > MAX_BYTES {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.bytes -= entry.bytes.len();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::copier::{FRAGMENT_BYTES, InvalidUtf8, SplitLineEnd};
    use super::*;

    const RULES: Rules = Rules {
        keeping: Keeping { invalid_utf8: InvalidUtf8::Kept, split_line_end: SplitLineEnd::Kept },
        streams: Streams::Both,
        max_entries: 100,
    };

    fn counter() -> impl FnMut() -> i64 {
        let mut time_ns = 0;
        move || {
            time_ns += 1;
            time_ns
        }
    }

    #[test]
    fn fragments_of_two_streams_interleave() {
        let journal = Journal::new(RULES);
        let mut stamp = counter();
        journal.write(Stream::Stdout, &[b'o'; FRAGMENT_BYTES], &mut stamp);
        journal.write(Stream::Stderr, &[b'e'; FRAGMENT_BYTES], &mut stamp);
        journal.write(Stream::Stdout, b"O\n", &mut stamp);
        journal.write(Stream::Stderr, b"E\n", &mut stamp);
        let order: Vec<_> = journal.entries().iter().map(|entry| (entry.time_ns, entry.stream)).collect();
        let expected = [(1, Stream::Stdout), (2, Stream::Stderr), (1, Stream::Stdout), (2, Stream::Stderr)];
        assert_eq!(expected.as_slice(), order);
    }

    #[test]
    fn rotation_forgets_the_oldest_and_readers_skip() {
        let journal = Journal::new(Rules { max_entries: 3, ..RULES });
        let mut stamp = counter();
        journal.open();
        let run = journal.past(None).run.unwrap();
        journal.write(Stream::Stdout, b"1\n2\n3\n4\n5\n", &mut stamp);
        let found = journal.read(0, Until::EndOfRun(run));
        assert!(matches!(found, Found::Entry(2, entry) if entry.bytes == "3\n"));
        journal.rotate(1);
        assert_eq!(1, journal.entries().len());
        assert!(matches!(journal.read(5, Until::EndOfRun(run)), Found::NotYet));
        journal.close(OpenLines::Cut, &mut stamp);
        assert!(matches!(journal.read(5, Until::EndOfRun(run)), Found::End));
    }

    #[test]
    fn a_slow_follower_ends_where_its_run_ended() {
        let journal = Journal::new(RULES);
        let mut stamp = counter();
        journal.open();
        let first_run = journal.past(None).run.unwrap();
        journal.write(Stream::Stdout, b"1\n", &mut stamp);
        journal.close(OpenLines::Cut, &mut stamp);
        journal.open();
        journal.write(Stream::Stdout, b"2\n", &mut stamp);
        let until = Until::EndOfRun(first_run);
        assert!(matches!(journal.read(0, until), Found::Entry(0, _)));
        assert!(matches!(journal.read(1, until), Found::End));
    }

    #[test]
    fn damage_hides_what_comes_after_it_except_from_a_tail() {
        let journal = Journal::new(RULES);
        journal.write(Stream::Stdout, b"1\n2\n3\n4\n", &mut counter());
        journal.damage(1);
        assert_eq!(2, journal.past(None).readable_end);
        assert_eq!(2, journal.past(Some(3)).readable_end);
        assert_eq!(4, journal.past(Some(2)).readable_end);
    }
}
