//! The lines of a file → records, through the pipeline of each container that speaks in it, each
//! record with its place in the file.
//!
//! The pipelines see times that rise with the offset, a nanosecond a byte, so that no pause ends a
//! record; the time that the input knows of a line goes beside it.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use foldhash::fast::RandomState;

use super::kind::{Kind, Said, Who};
use super::source::{Source, canonical, hex};
use crate::pipeline::{MAX_SIGNATURES, Pipeline, Settings};
use crate::record::{Container, ContainerCursor, ContainerId, Frame, Position, Record, Stream};
use crate::signature::Signatures;

/// The most containers of one file; those beyond speak as [`OTHER`].
const MAX_CONTAINERS: usize = 1_000;
const OTHER: &str = "_OTHER";

/// Where reading goes on.
#[derive(Clone, Debug, Default)]
pub struct Resume {
    /// The offset of the first line that is read.
    pub offset_bytes: u64,
    /// How many lines lie before it.
    pub lines: u64,
    /// What begins before is passed over: of each container, on standard output and standard error.
    pub done: HashMap<ContainerId, [u64; 2]>,
}

/// A record and what the file says of it.
#[derive(Debug)]
pub struct Found {
    /// The record; its position is that of the pipeline.
    pub record: Record,
    /// Which of the file's containers.
    pub voice: usize,
    /// The offset of its first line.
    pub start_bytes: u64,
    /// The number of its first line in the file, from 1.
    pub line: u64,
    /// Its time, where the input knows it.
    pub time_ns: Option<i64>,
    /// The input says on which stream.
    pub has_stream: bool,
}

/// Reads a file.
pub struct Reader {
    /// What it reads.
    pub source: Source,
    kind: Kind,
    settings: Settings,
    /// What containers without a name are called.
    name: String,
    /// What tells this file's containers from those of another.
    identity: Vec<u8>,
    base_ns: i64,
    line: u64,
    /// The line that is read, kept for its memory.
    bytes: Vec<u8>,
    done: HashMap<ContainerId, [u64; 2]>,
    voices: Vec<Voice>,
    by_name: HashMap<String, usize, RandomState>,
    signatures: HashMap<String, Arc<Mutex<Signatures>>>,
}

/// One container's way from lines to records.
struct Voice {
    pipeline: Pipeline,
    is_named: bool,
    /// What begins before is passed over.
    done: [u64; 2],
    /// Lines of which pieces are missing.
    open: [Option<Piece>; 2],
    /// Lines whose records are not finished.
    lines: [VecDeque<Piece>; 2],
}

/// A line, or the pieces of it that were read.
#[derive(Debug)]
struct Piece {
    /// The offset of the first piece.
    start_bytes: u64,
    /// The offset of the last one.
    last_bytes: u64,
    number: u64,
    time_ns: Option<i64>,
    has_stream: bool,
    text: Vec<u8>,
}

const STREAMS: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

fn index(stream: Stream) -> usize {
    usize::from(stream == Stream::Stderr)
}

impl Reader {
    /// Reads `source`, whose containers without a name are called `name`. `now_ns` stands for the
    /// time of what has none.
    pub fn new(mut source: Source, settings: &Settings, name: &str, identity: &[u8], now_ns: i64) -> Self {
        let kind = Kind::of(source.look());
        let mut settings = settings.clone();
        // The lines of a file come without pauses.
        settings.multiline = Arc::new(crate::assemble::Rules { gap_ns: i64::MAX, ..(*settings.multiline).clone() });
        let base_ns = source.modified_ns.unwrap_or(now_ns);
        Self {
            source,
            kind,
            settings,
            name: name.to_owned(),
            identity: identity.to_owned(),
            base_ns,
            line: 0,
            bytes: Vec::new(),
            done: HashMap::new(),
            voices: Vec::new(),
            by_name: HashMap::default(),
            signatures: HashMap::new(),
        }
    }

    /// What tells the containers of a file from those of another: its path.
    pub fn identity(source: &Source) -> Vec<u8> {
        canonical(source.place()).into_os_string().into_encoded_bytes()
    }

    /// Goes on where an earlier reader came to; false where the input ends before.
    pub fn resume(&mut self, resume: Resume) -> bool {
        self.line = resume.lines;
        self.done = resume.done;
        self.source.skip_to(resume.offset_bytes)
    }

    /// The container of a [`Found::voice`].
    pub fn container(&self, voice: usize) -> &Arc<Container> {
        self.voices[voice].pipeline.container()
    }

    /// Whether the input itself says which container it is.
    pub fn is_named(&self, voice: usize) -> bool {
        self.voices[voice].is_named
    }

    /// How many lines were read, those passed over included.
    pub fn lines(&self) -> u64 {
        self.line
    }

    /// The first offset at which something begins that is not finished, and how many lines lie
    /// before it.
    pub fn safe(&self) -> (u64, u64) {
        let unfinished = self
            .voices
            .iter()
            .flat_map(|voice| voice.lines.iter().filter_map(VecDeque::front).chain(voice.open.iter().flatten()));
        let first = unfinished.map(|piece| (piece.start_bytes, piece.number - 1)).min();
        first.unwrap_or((self.source.offset_bytes(), self.line))
    }

    /// What of a container is finished, as [`Resume::done`].
    pub fn done(&self, voice: usize) -> [u64; 2] {
        self.voices[voice].done
    }

    /// Reads a line, and hands over the records that it finishes; false at the end.
    pub fn step(&mut self, sink: &mut impl FnMut(Found)) -> bool {
        let mut bytes = std::mem::take(&mut self.bytes);
        let start_bytes = self.source.next_line(&mut bytes);
        if let Some(start_bytes) = start_bytes {
            let line = bytes.strip_prefix(b"\xef\xbb\xbf").filter(|_| start_bytes == 0).unwrap_or(&bytes);
            self.line += 1;
            self.take_line(start_bytes, line, sink);
        }
        self.bytes = bytes;
        start_bytes.is_some()
    }

    fn take_line(&mut self, start_bytes: u64, line: &[u8], sink: &mut impl FnMut(Found)) {
        let number = self.line;
        let Said { who, stream, time_ns, text, is_partial } = self.kind.read(line);
        let voice = self.voice(&who);
        let has_stream = stream.is_some();
        let stream = stream.unwrap_or(Stream::Stdout);
        let slot = index(stream);
        let max_line_bytes = self.settings.max_line_bytes;
        let speaking = &mut self.voices[voice];
        if start_bytes < speaking.done[slot] {
            return;
        }
        let piece = if let Some(mut open) = speaking.open[slot].take() {
            open.last_bytes = start_bytes;
            // One more than is kept, so that the line is seen to be cut.
            let room = (max_line_bytes + 1).saturating_sub(open.text.len());
            open.text.extend_from_slice(&text[..text.len().min(room)]);
            open
        } else {
            let text = match text {
                Cow::Owned(text) => text,
                Cow::Borrowed(text) => {
                    // A newline follows.
                    let mut owned = Vec::with_capacity(text.len() + 1);
                    owned.extend_from_slice(text);
                    owned
                }
            };
            Piece { start_bytes, last_bytes: start_bytes, number, time_ns, has_stream, text }
        };
        if is_partial {
            speaking.open[slot] = Some(piece);
            return;
        }
        speaking.push(stream, piece, self.base_ns);
        self.take(voice, sink);
    }

    /// The end: what is open is finished.
    pub fn finish(&mut self, sink: &mut impl FnMut(Found)) {
        for voice in 0..self.voices.len() {
            let speaking = &mut self.voices[voice];
            for stream in STREAMS {
                if let Some(piece) = speaking.open[index(stream)].take() {
                    speaking.push(stream, piece, self.base_ns);
                }
            }
            speaking.pipeline.finish();
            self.take(voice, sink);
        }
    }

    fn take(&mut self, voice: usize, sink: &mut impl FnMut(Found)) {
        let base_ns = self.base_ns;
        let speaking = &mut self.voices[voice];
        for finish in speaking.pipeline.take() {
            for record in finish.records {
                let lines = &mut speaking.lines[index(record.stream)];
                let at_bytes = record.time_ns().abs_diff(base_ns);
                while lines.front().is_some_and(|line| line.last_bytes < at_bytes) {
                    lines.pop_front();
                }
                let Some(first) = lines.front() else { continue };
                sink(Found {
                    voice,
                    start_bytes: first.start_bytes,
                    line: first.number,
                    time_ns: first.time_ns,
                    has_stream: first.has_stream,
                    record,
                });
            }
            for stream in STREAMS {
                let Some(last) = finish.cursor.stream(stream).last else { continue };
                let behind_bytes = last.time_ns.abs_diff(base_ns) + 1;
                let lines = &mut speaking.lines[index(stream)];
                while lines.front().is_some_and(|line| line.last_bytes < behind_bytes) {
                    lines.pop_front();
                }
                speaking.done[index(stream)] = behind_bytes;
            }
        }
    }

    /// The container that speaks.
    fn voice(&mut self, who: &Who<'_>) -> usize {
        let name = if who.container.is_empty() { &*who.service } else { &*who.container };
        if let Some(voice) = self.by_name.get(name) {
            return *voice;
        }
        if self.voices.len() >= MAX_CONTAINERS && name != OTHER {
            return self.voice(&Who { container: OTHER.into(), ..Who::default() });
        }
        let shown = if name.is_empty() { &self.name } else { name };
        let service = if who.service.is_empty() { shown } else { &*who.service };
        let container = Arc::new(Container {
            id: ContainerId::new(&hex(&[&self.identity, name.as_bytes()])),
            name: shown.to_owned(),
            project: who.project.to_string(),
            service: service.to_owned(),
            number: who.number,
        });
        let signatures = self.signatures.entry(service.to_owned());
        let signatures = signatures.or_insert_with(|| Arc::new(Mutex::new(Signatures::new(MAX_SIGNATURES))));
        let settings = Settings { signatures: Arc::clone(signatures), ..self.settings.clone() };
        self.voices.push(Voice {
            done: self.done.get(&container.id).copied().unwrap_or_default(),
            pipeline: Pipeline::new(container, ContainerCursor::default(), &settings),
            is_named: !name.is_empty(),
            open: [None, None],
            lines: Default::default(),
        });
        self.by_name.insert(name.to_owned(), self.voices.len() - 1);
        self.voices.len() - 1
    }
}

impl Voice {
    fn push(&mut self, stream: Stream, mut piece: Piece, base_ns: i64) {
        let mut text = std::mem::take(&mut piece.text);
        text.push(b'\n');
        let time_ns = base_ns.saturating_add_unsigned(piece.last_bytes);
        self.lines[index(stream)].push_back(piece);
        self.pipeline.push(Frame { stream, position: Position { time_ns, ordinal: 1 }, bytes: &text });
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::Place;
    use super::*;

    fn reader(text: &str) -> Reader {
        let source = Source::of(Place::Stdin, std::io::Cursor::new(text.to_owned().into_bytes()), 1 << 20).unwrap();
        Reader::new(source, &Settings::default(), "file", b"file", 1_700_000_000_000_000_000)
    }

    fn read(text: &str) -> Vec<(String, Stream, u64, Option<i64>, String)> {
        let mut reader = reader(text);
        let mut found = Vec::new();
        while reader.step(&mut |record| found.push(record)) {}
        reader.finish(&mut |record| found.push(record));
        assert_eq!(reader.safe(), (text.len() as u64, text.lines().count() as u64));
        let shown = |f: Found| {
            (reader.container(f.voice).name.clone(), f.record.stream, f.line, f.time_ns, f.record.raw.to_string())
        };
        found.into_iter().map(shown).collect()
    }

    #[test]
    fn lines_are_joined_per_container() {
        let text = "a-1  | Traceback (most recent call last):\nb-1  | one\na-1  |   File \"x.py\", line 1, in f\nb-1  | two\na-1  | ValueError: bad\n";
        let records = read(text);
        let lines: Vec<_> = records.iter().map(|r| (r.0.as_str(), r.2, r.4.lines().count())).collect();
        assert_eq!(lines.len(), 3, "{records:?}");
        assert!(lines.contains(&("a-1", 1, 3)) && lines.contains(&("b-1", 2, 1)) && lines.contains(&("b-1", 4, 1)));
    }

    #[test]
    fn pieces_are_joined_per_stream() {
        let line = |log: &str, stream: &str, second: u32| {
            format!(
                "{}\n",
                serde_json::json!({"log": log, "stream": stream, "time": format!("1970-01-01T00:00:0{second}Z")})
            )
        };
        let text = [
            line("one ", "stdout", 1),
            line("other ", "stderr", 2),
            line("line\n", "stdout", 3),
            line("half", "stderr", 4),
            line("next\n", "stdout", 5),
        ]
        .concat();
        let mut records = read(&text);
        records.sort();
        let name = || "file".to_owned();
        let expected = [
            (name(), Stream::Stdout, 1, Some(1_000_000_000), "one line".to_owned()),
            (name(), Stream::Stdout, 5, Some(5_000_000_000), "next".to_owned()),
            (name(), Stream::Stderr, 2, Some(2_000_000_000), "other half".to_owned()),
        ];
        assert_eq!(records, expected);
    }

    /// Reading goes on behind every line, and nothing is missing or comes twice.
    #[test]
    fn resuming_anywhere_gives_what_one_reading_gives() {
        let mut text = String::new();
        for n in 0..30 {
            let (name, stream) = (["a", "b", "c"][n % 3], ["stdout", "stderr"][n / 2 % 2]);
            let line = ["Traceback (most recent call last):", "  File \"x.py\", line 1, in f", "ValueError: bad", "x"]
                [n * 7 % 11 % 4];
            text += &serde_json::json!({"container": name, "stream": stream, "line": line}).to_string();
            text.push('\n');
        }
        let key = |reader: &Reader, f: &Found| {
            (reader.container(f.voice).name.clone(), f.record.stream, f.line, f.record.raw.to_string())
        };
        let whole = |reader: &mut Reader| {
            let mut found = Vec::new();
            while reader.step(&mut |record| found.push(record)) {}
            reader.finish(&mut |record| found.push(record));
            found.iter().map(|f| key(reader, f)).collect::<Vec<_>>()
        };
        let mut expected = whole(&mut reader(&text));
        expected.sort();
        for stop in 0..30 {
            let mut first = reader(&text);
            let mut found = Vec::new();
            for _ in 0..stop {
                first.step(&mut |record| found.push(record));
            }
            let mut records: Vec<_> = found.iter().map(|f| key(&first, f)).collect();
            let (offset_bytes, lines) = first.safe();
            let done = (0..first.voices.len()).map(|voice| (first.container(voice).id.clone(), first.done(voice)));
            let mut second = reader(&text);
            assert!(second.resume(Resume { offset_bytes, lines, done: done.collect() }));
            records.extend(whole(&mut second));
            records.sort();
            assert_eq!(records, expected, "stopped after {stop} lines");
        }
    }
}
