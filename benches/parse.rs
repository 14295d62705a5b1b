//! Stages 2–5 alone, by what kind of line it is: lines → records, in lines per second of one core.
//! `cargo bench --bench parse -- MIX.ndjson [LINES] [ROUNDS] [KIND]` prints a table, the whole mix
//! first; of one kind only, as a profile needs it, where that is named.

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use std::collections::BTreeMap;
use std::ops::Range;

use common::{Arguments, Error, Line};
use foghorn::pipeline::{Pipeline, Settings};
use foghorn::record::{ContainerCursor, Frame, Position, Stream};

/// As many lines as a follower delivers at a time, about.
const BATCH: usize = 512;

/// Enough work for the clock's steps of 10 ms.
const MIN_LINES: usize = 500_000;

/// Lines as a follower has them: in one buffer.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    lines: Vec<(Stream, Range<usize>)>,
}

impl Lines {
    fn push(&mut self, stream: Stream, text: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend(text);
        self.bytes.push(b'\n');
        self.lines.push((stream, start..self.bytes.len()));
    }
}

fn main() -> Result<(), Error> {
    let Some(arguments) = Arguments::read()? else {
        println!("usage: parse MIX.ndjson [LINES] [ROUNDS] [KIND]");
        return Ok(());
    };
    let is_wanted = |kind: &str| arguments.only.as_deref().is_none_or(|only| only == kind);
    let (mut all, mut kinds) = (Lines::default(), BTreeMap::<&str, Lines>::new());
    for line in arguments.mix()? {
        kinds.entry(kind(&line)).or_default().push(line.stream, line.text.as_bytes());
        all.push(line.stream, line.text.as_bytes());
    }
    println!("kind\tlines/s\tlines\tns/line");
    for (kind, lines) in std::iter::once(("mix", all)).chain(kinds).filter(|(kind, _)| is_wanted(kind)) {
        let mut best = f64::INFINITY;
        let count = lines.lines.len();
        let repeats = MIN_LINES.div_ceil(count);
        for _ in 0..arguments.rounds {
            let before = common::cpu_us()?;
            for _ in 0..repeats {
                std::hint::black_box(read(&lines));
            }
            best = best.min((common::cpu_us()? - before) / (count * repeats) as f64);
        }
        println!("{kind}\t{:.0}\t{count}\t{:.0}", 1e6 / best, best * 1e3);
    }
    if !is_wanted("huge") {
        return Ok(());
    }
    // A line as long as it may be, of each byte: linear, or it would take minutes.
    let slowest = (0..=u8::MAX).map(|byte| {
        let mut lines = Lines::default();
        lines.push(Stream::Stdout, &vec![byte; 1 << 20]);
        let best = (0..3).map(|_| {
            let before = std::time::Instant::now();
            std::hint::black_box(read(&lines));
            before.elapsed()
        });
        (best.min().unwrap_or_default(), byte)
    });
    let (took, byte) = slowest.max().unwrap_or_default();
    println!("huge\t{:.0}\t1\t{:.0}\tbyte {byte:#04x}", 1.0 / took.as_secs_f64(), took.as_nanos());
    Ok(())
}

fn kind(line: &Line) -> &'static str {
    match (line.service.as_str(), line.stream) {
        ("nginx", Stream::Stderr) => "nginx_error",
        ("nginx", _) => "access",
        ("postgres", _) => "postgres",
        ("redis", _) => "redis",
        ("web", _) => "nextjs",
        _ if line.text.starts_with('{') => "json",
        (_, Stream::Stderr) => "python",
        _ => "uvicorn",
    }
}

/// How many records the lines are.
fn read(lines: &Lines) -> usize {
    let mut pipeline = Pipeline::new(common::container(), ContainerCursor::default(), &Settings::default());
    let mut records = 0;
    for (at, (stream, place)) in lines.lines.iter().enumerate() {
        let position = Position { time_ns: 1_795_233_566_123_456_789 + at as i64 * 8_000, ordinal: 1 };
        pipeline.push(Frame { stream: *stream, position, bytes: &lines.bytes[place.clone()] });
        if at % BATCH == BATCH - 1 {
            records += pipeline.take().iter().map(|finish| finish.records.len()).sum::<usize>();
        }
    }
    pipeline.finish();
    records + pipeline.take().iter().map(|finish| finish.records.len()).sum::<usize>()
}
